"""/api/v1/settings, /api/v1/mail, /api/v1/capabilities and /metrics: what this server is set to, supports and measures."""

from datetime import datetime
from typing import Literal

from flask import Blueprint, Flask, Response, current_app
from pydantic import Field

from webapp.api import openapi
from webapp.api.access import caller, identified
from webapp.api.operations import MOST_BYTES, operation
from webapp.api.schemas import CONFIRM, Answer, Body, Query
from webapp.base.inputs import Line
from webapp.base.version import VERSION
from webapp.engine.engine import the_engine
from webapp.models.connections.cache import the_connections
from webapp.models.connections.models import the_models
from webapp.operations.health.worker_metrics import METRICS
from webapp.operations.notices.mail import service as mail_service
from webapp.operations.notices.mail.service import forget_password, password, set_password
from webapp.people.accounts.guards import audit_author
from webapp.settings import service
from webapp.settings.kinds import as_text

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
    confirm: int | None = Field(None, description=CONFIRM)


class ResetQuery(Query):
    confirm: int | None = Field(None, description=CONFIRM)


@bp.get("")
@operation("List all settings, with their effective values and sources", scope="admin", answer=SettingList)
def index() -> SettingList:
    return SettingList(settings=[_answer_of(setting) for setting in service.all_settings()])


@bp.get("/<name>")
@operation("Show a setting", scope="admin", answer=SettingAnswer)
def show(name: str) -> SettingAnswer:
    return _named(name)


@bp.put("/<name>")
@operation(
    "Change a setting; every process picks it up within a second",
    scope="admin",
    body=SettingValue,
    answer=SettingAnswer,
    errors=(409,),
)
def change(name: str, body: SettingValue) -> SettingAnswer:
    service.set_settings({name: as_text(body.value)}, author=audit_author(), confirmed={name: body.confirm})
    return _named(name)


@bp.delete("/<name>")
@operation(
    "Reset a setting to the environment or the default", scope="admin", query=ResetQuery, answer=SettingAnswer, errors=(409,)
)
def reset(name: str, query: ResetQuery) -> SettingAnswer:
    service.unset_setting(name, author=audit_author(), confirmed=query.confirm)
    return _named(name)


def _named(name: str) -> SettingAnswer:
    service.shown_setting(name)
    return _answer_of(next(setting for setting in service.all_settings() if setting.setting.name == name))


def _answer_of(setting: service.ShownSetting) -> SettingAnswer:
    is_number = setting.setting.kind in ("whole", "number")
    return SettingAnswer(
        name=setting.setting.name,
        title=setting.setting.title,
        sentence=setting.setting.sentence,
        kind=setting.setting.kind,
        value=list(setting.value) if isinstance(setting.value, tuple) else setting.value,
        source=setting.source,
        choices=list(setting.setting.choices),
        least=setting.setting.least if is_number else None,
        most=setting.setting.most if is_number else None,
        changed_at=setting.changed_at,
        changed_by=setting.changed_by,
    )


mail_bp = Blueprint("api_mail", __name__, url_prefix="/api/v1/mail")


class MailAnswer(Answer):
    is_set: bool = Field(description="Whether there is a server and an address to send from.")
    has_password: bool
    trouble: str = Field(description="Why the stored password is of no use; empty when it isn't.")


class MailPassword(Body):
    password: str = Field(max_length=500, description="Stored encrypted, for the server that is set alone, and never returned.")


class MailTest(Body):
    to: Line


@mail_bp.get("", endpoint="show")
@operation("Show whether email can be sent", scope="admin", answer=MailAnswer)
def show_mail() -> MailAnswer:
    password_state = password()
    return MailAnswer(is_set=mail_service.is_set(), has_password=password_state.is_stored, trouble=password_state.trouble)


@mail_bp.put("/password", endpoint="enter")
@operation("Store the password for the mail server", scope="admin", body=MailPassword, status=204)
def set_mail_password(body: MailPassword) -> None:
    set_password(body.password, author=audit_author())


@mail_bp.delete("/password", endpoint="forget")
@operation("Delete the password for the mail server", scope="admin", status=204)
def forget_mail_password() -> None:
    forget_password(author=audit_author())


@mail_bp.post("/test", endpoint="test")
@operation("Send a test email", scope="admin", body=MailTest, status=204, errors=(422,))
def test_mail(body: MailTest) -> None:
    mail_service.send_test(body.to.strip(), author=audit_author())


capabilities_bp = Blueprint("api_capabilities", __name__, url_prefix="/api/v1/capabilities")
LIMITS = {
    "message_characters": "limits.message_chars",
    "answer_characters": "limits.answer_chars",
    "streams_per_chat": "limits.sse_per_chat",
}


class DialectAnswer(Answer):
    name: str
    paths: list[str]


class LimitsAnswer(Answer):
    """The caller's limits; 0 means no limit."""

    answers_per_minute: int
    answers_at_once: int
    message_characters: int
    answer_characters: int
    streams_per_chat: int
    streams_per_user: int
    body_bytes: int


class Capabilities(Answer):
    version: str
    streaming: bool = Field(description="Whether answers are streamed; otherwise they arrive complete, through the same events.")
    dialects: list[DialectAnswer]
    scopes: list[str] = Field(description="What the caller is allowed to do.")
    limits: LimitsAnswer
    models: int = Field(description="How many models are available.")
    demo: bool = Field(description="Whether answers come from the demo because no model is connected.")


@capabilities_bp.get("", endpoint="show")
@operation("Show what this server supports and what you can do", scope="read", answer=Capabilities)
def show_capabilities() -> Capabilities:
    return Capabilities(
        version=VERSION,
        streaming=bool(service.setting("stream.enabled")),
        dialects=_dialects(current_app),
        scopes=sorted(identified().scopes),
        limits=_limits(),
        models=len(the_models().offered()),
        demo=not the_connections().usable(),
    )


def _limits() -> LimitsAnswer:
    own = the_engine().admission.requester.allowances(caller().id)[-1]
    return LimitsAnswer(
        answers_per_minute=own.per_minute,
        answers_at_once=own.at_once,
        streams_per_user=own.streams,
        body_bytes=MOST_BYTES,
        **{name: int(service.setting(of)) for name, of in LIMITS.items()},
    )


def _dialects(app: Flask) -> list[DialectAnswer]:
    paths: dict[str, list[str]] = {"native": [f"{openapi.NATIVE}..."]}
    for route in openapi.routes(app):
        if not route.path.startswith(openapi.NATIVE):
            paths.setdefault(route.tag, []).append(f"{route.method} {route.path}")
    return [DialectAnswer(name=name, paths=dialect_paths) for name, dialect_paths in paths.items()]


metrics_bp = Blueprint("api_metrics", __name__)
FORMAT = "text/plain; version=0.0.4; charset=utf-8"


@metrics_bp.get("/metrics", endpoint="show")
@operation("Metrics of this server, in Prometheus text format", scope="metrics", media="text/plain")
def show_metrics() -> Response:
    return Response(METRICS.get().text(), content_type=FORMAT)
