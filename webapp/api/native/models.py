"""/api/v1/models: the models that people can choose; /api/v1/connections: their servers, for admins. Keys are write-only."""

from datetime import datetime
from functools import partial
from typing import Literal

from flask import Blueprint
from pydantic import Field

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body, Named
from webapp.base.heavy.turns import by_turns
from webapp.base.inputs import Changes, changes
from webapp.models.connections import own_names, service as connections
from webapp.models.connections.effective import LiveConnection
from webapp.models.connections.models import providers
from webapp.models.connections.own_names import ModelNameInput
from webapp.models.connections.service import ConnectionInput
from webapp.models.providers.base import ABILITIES, Model
from webapp.people.accounts.guards import audit_author

bp = Blueprint("api_models", __name__, url_prefix="/api/v1/models")


class ModelAnswer(Named):
    maker: str = Field(description="Who made it; empty if unknown.")
    is_default: bool
    connection: str
    context_length: int | None
    prompt_price: str | None = Field(description="US dollars per million tokens, as decimal text; null if unknown.")
    completion_price: str | None
    abilities: list[str] | None = Field(description=f"Which of {', '.join(ABILITIES)} it has; null if unknown.")


class ModelList(Answer):
    models: list[ModelAnswer]


@bp.get("")
@operation("List the available models", scope="read", answer=ModelList)
def index() -> ModelList:
    default = providers().default(caller().default_model)
    return ModelList(models=[_model_answer(model, default) for model in by_turns(providers().offered())])


class ModelRename(ModelNameInput):
    id: str = Field(max_length=200, description="The model's id, which never changes.")


@bp.patch("")
@operation(
    "Set the name that is shown for a model everywhere", scope="admin", body=ModelRename, answer=ModelAnswer, errors=(404,)
)
def rename(body: ModelRename) -> ModelAnswer:
    own_names.rename(body.id, body, author=audit_author())
    model = providers().model(body.id) or Model(body.id, body.id)
    return _model_answer(model, providers().default(caller().default_model))


def _model_answer(model: Model, default: str) -> ModelAnswer:
    return ModelAnswer(
        id=model.id,
        name=model.name,
        maker=model.maker,
        is_default=model.id == default,
        connection=providers().connection_of(model.id),
        context_length=model.context_length,
        prompt_price=model.prompt_price or None,
        completion_price=model.completion_price or None,
        abilities=None if model.abilities is None else list(model.abilities),
    )


connections_bp = Blueprint("api_connections", __name__, url_prefix="/api/v1/connections")


class ConnectionAnswer(Answer):
    slug: str
    name: str
    kind: str
    base_url: str
    default_model: str
    continuation: str
    reasoning_tags: str
    is_enabled: bool
    is_built_in: bool
    key_source: Literal["stored", "environment", "none"]
    key_last_four: str
    models: int = Field(description="How many models it lists.")
    left_out: int = Field(description="How many more its server has: all connections together list at most 3,000.")
    checked_at: datetime | None
    check_result: str
    is_working: bool | None = Field(description="The result of the last test; null before the first one.")


class ConnectionList(Answer):
    connections: list[ConnectionAnswer]


class ConnectionKind(Body):
    kind: Literal["openai", "anthropic", "openrouter"]


class NewConnection(ConnectionInput, ConnectionKind):
    pass


ConnectionChange = changes(
    "ConnectionChange", ConnectionInput, "A new address requires the key again.", about={"key": ""}, is_enabled=bool
)


class NewKey(Body):
    key: str = Field(min_length=1, max_length=1000)


@connections_bp.get("", endpoint="index")
@operation("List the connections", scope="admin", answer=ConnectionList)
def index_connections() -> ConnectionList:
    providers().forget()
    return ConnectionList(connections=[_answer_of(connection) for connection in providers().connections()])


@connections_bp.post("")
@operation("Add a connection", scope="admin", body=NewConnection, answer=ConnectionAnswer, status=201, errors=(409,))
def create(body: NewConnection) -> ConnectionAnswer:
    return _now(connections.create(body.kind, body, author=audit_author()))


@connections_bp.get("/<slug>")
@operation("Show a connection", scope="admin", answer=ConnectionAnswer)
def show(slug: str) -> ConnectionAnswer:
    return _now(slug)


@connections_bp.patch("/<slug>")
@operation("Update a connection, or turn it on or off", scope="admin", body=ConnectionChange, answer=ConnectionAnswer)
def change(slug: str, body: Changes) -> ConnectionAnswer:
    changes = body.given
    is_enabled = changes.pop("is_enabled", None)
    live = _live(slug)
    if changes:
        connections.change(slug, ConnectionInput.entered(ConnectionInput.present(live) | changes), author=audit_author())
    if is_enabled is not None:
        connections.set_enabled(slug, is_enabled, author=audit_author())
    return _now(slug)


@connections_bp.delete("/<slug>")
@operation("Delete a connection and its key", scope="admin", status=204, errors=(409,))
def delete(slug: str) -> None:
    connections.delete(slug, author=audit_author())
    providers().forget()


@connections_bp.put("/<slug>/key")
@operation("Replace the key", scope="admin", body=NewKey, status=204)
def set_key(slug: str, body: NewKey) -> None:
    connections.set_key(slug, body.key, author=audit_author())
    providers().forget()


@connections_bp.delete("/<slug>/key")
@operation("Delete the key", scope="admin", status=204)
def forget_key(slug: str) -> None:
    connections.forget_key(slug, author=audit_author())
    providers().forget()


@connections_bp.post("/<slug>/test")
@operation("Test the key, and refresh the list of models", scope="admin", answer=ConnectionAnswer)
def test(slug: str) -> ConnectionAnswer:
    connections.check(slug, partial(providers().provider, slug), author=audit_author())
    return _now(slug)


def _live(slug: str) -> LiveConnection:
    providers().forget()
    return providers().connection(slug)


def _now(slug: str) -> ConnectionAnswer:
    return _answer_of(_live(slug))


def _answer_of(live: LiveConnection) -> ConnectionAnswer:
    key = live.key
    return ConnectionAnswer.of(live, key_source=key.source, key_last_four=key.last_four, models=len(live.models))
