"""/api/v1/settings: the settings of the server; for admins."""

from datetime import datetime
from typing import Literal

from flask import Blueprint
from pydantic import Field

from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body
from webapp.people.accounts.guards import who
from webapp.settings import service
from webapp.settings.kinds import as_text
from webapp.settings.service import ShownSetting

bp = Blueprint("api_settings", __name__, url_prefix="/api/v1/settings")
Value = bool | int | float | str | list[str]


class SettingAnswer(Answer):
    name: str
    title: str
    sentence: str
    kind: str
    value: Value | None = Field(description="What is in effect; null for a secret.")
    source: Literal["stored", "environment", "default"]
    choices: list[str]
    least: float | None
    most: float | None
    changed_at: datetime | None
    changed_by: str | None


class SettingList(Answer):
    settings: list[SettingAnswer]


class SettingValue(Body):
    value: Value


@bp.get("")
@operation("List all settings, with their effective values and sources", scope="admin", answer=SettingList)
def index() -> SettingList:
    return SettingList(settings=[_answer_of(each) for each in service.listing()])


@bp.get("/<name>")
@operation("Show a setting", scope="admin", answer=SettingAnswer)
def show(name: str) -> SettingAnswer:
    return _named(name)


@bp.put("/<name>")
@operation("Change a setting; every process picks it up within a second", scope="admin", body=SettingValue, answer=SettingAnswer)
def change(name: str, body: SettingValue) -> SettingAnswer:
    service.set_settings({name: as_text(body.value)}, **who())
    return _named(name)


@bp.delete("/<name>")
@operation("Reset a setting to the environment or the default", scope="admin", answer=SettingAnswer)
def reset(name: str) -> SettingAnswer:
    service.unset_setting(name, **who())
    return _named(name)


def _named(name: str) -> SettingAnswer:
    service.shown(name)
    return _answer_of(next(each for each in service.listing() if each.setting.name == name))


def _answer_of(each: ShownSetting) -> SettingAnswer:
    is_number = each.setting.kind in ("whole", "number")
    return SettingAnswer(
        name=each.setting.name,
        title=each.setting.title,
        sentence=each.setting.sentence,
        kind=each.setting.kind,
        value=list(each.value) if isinstance(each.value, tuple) else each.value,
        source=each.source,
        choices=list(each.setting.choices),
        least=each.setting.least if is_number else None,
        most=each.setting.most if is_number else None,
        changed_at=each.changed_at,
        changed_by=each.changed_by,
    )
