"""/api/v1/capabilities: the features of this server, and the caller's permissions."""

from flask import Blueprint, Flask, current_app
from pydantic import Field

from webapp.api import openapi
from webapp.api.access import caller, identified
from webapp.api.operations import MOST_BYTES, operation
from webapp.api.schemas import Answer
from webapp.base.version import VERSION
from webapp.engine.engine import the_engine
from webapp.models.connections.models import providers
from webapp.settings.service import setting

bp = Blueprint("api_capabilities", __name__, url_prefix="/api/v1/capabilities")
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


@bp.get("")
@operation("Show what this server supports and what you can do", scope="read", answer=Capabilities)
def show() -> Capabilities:
    known = providers()
    return Capabilities(
        version=VERSION,
        streaming=bool(setting("stream.enabled")),
        dialects=_dialects(current_app),
        scopes=sorted(identified().scopes),
        limits=_limits(),
        models=len(known.offered()),
        demo=not known.is_configured,
    )


def _limits() -> LimitsAnswer:
    own = the_engine().requester.allowances(caller().id)[-1]
    return LimitsAnswer(
        answers_per_minute=own.per_minute,
        answers_at_once=own.at_once,
        streams_per_user=own.streams,
        body_bytes=MOST_BYTES,
        **{name: int(setting(of)) for name, of in LIMITS.items()},
    )


def _dialects(app: Flask) -> list[DialectAnswer]:
    paths: dict[str, list[str]] = {"native": [f"{openapi.NATIVE}..."]}
    for route in openapi.routes(app):
        if not route.path.startswith(openapi.NATIVE):
            paths.setdefault(route.tag, []).append(f"{route.method} {route.path}")
    return [DialectAnswer(name=name, paths=found) for name, found in paths.items()]
