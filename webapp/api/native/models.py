"""/api/v1/models: the models that people can choose; /api/v1/connections: their servers. Keys are write-only.

The team's connections are for admins, those of one's own for everyone who may have one.
"""

from datetime import datetime
from functools import partial
from typing import Literal

from flask import Blueprint
from pydantic import Field

from webapp.api import access
from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body, Named
from webapp.base.errors import Invalid, NotFound
from webapp.base.heavy.turns import by_turns
from webapp.base.inputs import Changes, changes
from webapp.models.connections import contexts, own_names, service as connections
from webapp.models.connections.cache import the_connections
from webapp.models.connections.contexts import ModelInput
from webapp.models.connections.effective import LiveConnection, is_own
from webapp.models.connections.models import the_models
from webapp.models.connections.providers import providers
from webapp.models.connections.service import ConnectionInput
from webapp.models.own_connections import service as own_connections
from webapp.models.providers.base import ABILITIES, Model
from webapp.people.accounts.guards import audit_author
from webapp.people.accounts.permissions import refuse_without

bp = Blueprint("api_models", __name__, url_prefix="/api/v1/models")


class ModelAnswer(Named):
    maker: str = Field(description="Who made it; empty if unknown.")
    is_default: bool
    connection: str
    is_mine: bool = Field(description="Whether it is of a connection of your own, which you pay for.")
    context_length: int | None
    prompt_price: str | None = Field(description="US dollars per million tokens, as decimal text; null if unknown.")
    completion_price: str | None
    abilities: list[str] | None = Field(description=f"Which of {', '.join(ABILITIES)} it has; null if unknown.")


class ModelList(Answer):
    models: list[ModelAnswer]


@bp.get("")
@operation("List the available models", scope="read", answer=ModelList)
def index() -> ModelList:
    me = caller()
    default = the_models().default(me.default_model, me.id)
    return ModelList(models=[_model_answer(model, default) for model in by_turns(the_models().offered(me.id))])


class ModelChange(ModelInput):
    id: str = Field(max_length=200, description="The model's id, which never changes.")


@bp.patch("")
@operation(
    "Set the name that is shown for a model everywhere, or how many tokens its context holds",
    scope="admin",
    body=ModelChange,
    answer=ModelAnswer,
    errors=(404,),
)
def change_model(body: ModelChange) -> ModelAnswer:
    # Without a context length, it is a name, as it was before there was one.
    if "name" in body.model_fields_set or "context_length" not in body.model_fields_set:
        own_names.rename(body.id, body, author=audit_author())
    if "context_length" in body.model_fields_set:
        contexts.give(body.id, body.context_length, author=audit_author())
    model = the_models().model(body.id) or Model(body.id, body.id)
    return _model_answer(model, the_models().default(caller().default_model))


def _model_answer(model: Model, default: str) -> ModelAnswer:
    return ModelAnswer(
        id=model.id,
        name=model.name,
        maker=model.maker,
        is_default=model.id == default,
        connection=the_connections().slug_of(model.id),
        is_mine=is_own(model.id),
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
    is_mine: bool = Field(description="Whether it is your own, which no one else uses, sees or pays for; others are the team's.")
    is_offered: bool = Field(description="Of the team's: whether people can use its server with keys of their own.")
    offered: str = Field(description="Of your own: the slug of the team's connection that it is a key for; else empty.")
    closed_because: str = Field(description="Of your own: why admins don't let it be used now; empty if it can be.")
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
    is_mine: bool = Field(False, description="For yourself alone; only admins add others. One of your own is tested first.")
    offered: str = Field(
        "", max_length=40, description="With `is_mine`: the slug of a connection that is offered for keys of your own."
    )

    @property
    def own(self) -> own_connections.OwnConnectionInput:
        return own_connections.OwnConnectionInput(**self.model_dump(exclude={"kind", "is_mine"}))


ConnectionChange = changes(
    "ConnectionChange",
    ConnectionInput,
    "A new address requires the key again.",
    about={"key": ""},
    is_enabled=bool,
    is_offered=bool,
)


class NewKey(Body):
    key: str = Field(min_length=1, max_length=1000)


@connections_bp.get("", endpoint="index")
@operation("List your own connections, and for admins the team's", scope="read", answer=ConnectionList)
def index_connections() -> ConnectionList:
    the_connections().forget()
    mine = [models.live for models in the_connections().own.of_person(caller().id)]
    team = the_connections().team() if access.may("admin") else ()
    return ConnectionList(connections=[_answer_of(connection) for connection in (*mine, *team)])


@connections_bp.post("")
@operation("Add a connection", scope="chat", also="admin", body=NewConnection, answer=ConnectionAnswer, status=201, errors=(409,))
def create(body: NewConnection) -> ConnectionAnswer:
    if body.is_mine:
        access.check("chat")
        refuse_without(access.caller(), "own_keys")
        return _now(own_connections.add(body.kind, body.own, author=audit_author()))
    access.check("admin")
    return _now(connections.create(body.kind, ConnectionInput(**body.own.model_dump(exclude={"offered"})), author=audit_author()))


@connections_bp.get("/<slug>")
@operation("Show a connection", scope="read", also="admin", answer=ConnectionAnswer)
def show(slug: str) -> ConnectionAnswer:
    return _now(slug, "read")


@connections_bp.patch("/<slug>")
@operation(
    "Update a connection, or turn it on or off", scope="chat", also="admin", body=ConnectionChange, answer=ConnectionAnswer
)
def change(slug: str, body: Changes) -> ConnectionAnswer:
    changes, live = body.given, _live(slug)
    switches = {name: changes.pop(name) for name in ("is_enabled", "is_offered") if name in changes}
    service = own_connections if live.owner_id else connections
    if live.owner_id and "is_offered" in switches:
        raise Invalid("A personal connection can't be offered to others.", field="is_offered")
    if changes:
        service.change(slug, ConnectionInput.entered(ConnectionInput.present(live) | changes), author=audit_author())
    if "is_enabled" in switches:
        service.set_enabled(slug, switches["is_enabled"], author=audit_author())
    if "is_offered" in switches:
        connections.offer(slug, is_offered=switches["is_offered"], author=audit_author())
    return _now(slug)


@connections_bp.delete("/<slug>")
@operation("Delete a connection and its key", scope="chat", also="admin", status=204, errors=(409,))
def delete(slug: str) -> None:
    (own_connections if _live(slug).owner_id else connections).delete(slug, author=audit_author())
    the_connections().forget()


@connections_bp.put("/<slug>/key")
@operation("Replace the key", scope="chat", also="admin", body=NewKey, status=204)
def set_key(slug: str, body: NewKey) -> None:
    live = _live(slug)
    entered = ConnectionInput.entered(ConnectionInput.present(live) | {"key": body.key})
    (own_connections if live.owner_id else connections).change(slug, entered, author=audit_author())
    the_connections().forget()


@connections_bp.delete("/<slug>/key")
@operation("Delete the key", scope="admin", status=204)
def forget_key(slug: str) -> None:
    if is_own(slug):
        raise NotFound("Delete the connection with its key, or replace the key.")
    connections.forget_key(slug, author=audit_author())
    the_connections().forget()


@connections_bp.post("/<slug>/test")
@operation("Test the key, and refresh the list of models", scope="chat", also="admin", answer=ConnectionAnswer)
def test(slug: str) -> ConnectionAnswer:
    if _live(slug).owner_id:
        own_connections.check(slug, author=audit_author())
    else:
        connections.check(slug, partial(providers().provider, slug), author=audit_author())
    return _now(slug)


def _live(slug: str, scope: str = "chat") -> LiveConnection:
    """Returns one of the caller's own connections or, for an admin, one of the team's."""
    the_connections().forget()
    access.check(scope if is_own(slug) else "admin")
    return the_connections().own.connection(slug, caller().id) if is_own(slug) else the_connections().connection(slug)


def _now(slug: str, scope: str = "chat") -> ConnectionAnswer:
    return _answer_of(_live(slug, scope))


def _answer_of(live: LiveConnection) -> ConnectionAnswer:
    key, offered = live.key, next((team.slug for team in the_connections().team() if team.id == live.offered_id), "")
    return ConnectionAnswer.of(
        live,
        key_source=key.source,
        key_last_four=key.last_four,
        models=len(live.models),
        is_mine=bool(live.owner_id),
        offered=offered,
        closed_because=the_connections().own.closed_because(live) if live.owner_id else "",
    )
