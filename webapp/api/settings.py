"""/api/v1/settings: what is set for everybody; for admins."""

from flask import Blueprint

from webapp.accounts.audit import About
from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas.house import SettingAnswer, SettingList, SettingValue, Value
from webapp.settings import service
from webapp.settings.service import ShownSetting
from webapp.web.guards import client_address

bp = Blueprint("api_settings", __name__, url_prefix="/api/v1/settings")


def who() -> About:
    """Whose doing it is, for the audit log."""
    return About(actor=caller(), address=client_address())


@bp.get("")
@operation("List every setting, with what is in effect and why", scope="admin", answer=SettingList)
def index() -> SettingList:
    return SettingList(settings=[_told(each) for each in service.listing()])


@bp.get("/<name>")
@operation("Show a setting", scope="admin", answer=SettingAnswer)
def show(name: str) -> SettingAnswer:
    return _named(name)


@bp.put("/<name>")
@operation("Store a value; every process follows within a second", scope="admin", body=SettingValue, answer=SettingAnswer)
def change(name: str, body: SettingValue) -> SettingAnswer:
    service.set_settings({name: _text(body.value)}, **who())
    return _named(name)


@bp.delete("/<name>")
@operation("Go back to the environment or the default", scope="admin", answer=SettingAnswer)
def reset(name: str) -> SettingAnswer:
    service.unset_setting(name, **who())
    return _named(name)


def _named(name: str) -> SettingAnswer:
    service.shown(name)
    return _told(next(each for each in service.listing() if each.setting.name == name))


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _told(each: ShownSetting) -> SettingAnswer:
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
