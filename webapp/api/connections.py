"""/api/v1/connections: the servers whose models are offered; for admins. Keys go in and never come out."""

from dataclasses import replace
from functools import partial

from flask import Blueprint

from webapp.api.operations import operation
from webapp.api.schemas.house import ConnectionAnswer, ConnectionChange, ConnectionList, NewConnection, NewKey
from webapp.api.settings import who
from webapp.generations.models import providers
from webapp.settings import connections
from webapp.settings.connections import Wish
from webapp.settings.live import LiveConnection

bp = Blueprint("api_connections", __name__, url_prefix="/api/v1/connections")


@bp.get("")
@operation("List the connections", scope="admin", answer=ConnectionList)
def index() -> ConnectionList:
    providers().forget()
    return ConnectionList(connections=[_told(each) for each in providers().connections()])


@bp.post("")
@operation("Add a connection", scope="admin", body=NewConnection, answer=ConnectionAnswer, status=201, errors=(409,))
def create(body: NewConnection) -> ConnectionAnswer:
    wish = Wish(body.name, body.base_url, body.key, body.default_model, body.continuation)
    return _now(connections.create(body.kind, wish, **who()))


@bp.get("/<slug>")
@operation("Show a connection", scope="admin", answer=ConnectionAnswer)
def show(slug: str) -> ConnectionAnswer:
    return _now(slug)


@bp.patch("/<slug>")
@operation("Change a connection, or switch it on or off", scope="admin", body=ConnectionChange, answer=ConnectionAnswer)
def change(slug: str, body: ConnectionChange) -> ConnectionAnswer:
    given = body.model_dump(exclude_none=True)
    is_enabled = given.pop("is_enabled", None)
    live = _live(slug)
    if given:
        present = Wish(live.name, live.own_address, "", live.own_model, live.continuation)
        connections.change(slug, replace(present, **given), **who())
    if is_enabled is not None:
        connections.set_enabled(slug, is_enabled, **who())
    return _now(slug)


@bp.delete("/<slug>")
@operation("Remove a connection with its key", scope="admin", status=204, errors=(409,))
def delete(slug: str) -> None:
    connections.delete(slug, **who())
    providers().forget()


@bp.put("/<slug>/key")
@operation("Store another key", scope="admin", body=NewKey, status=204)
def set_key(slug: str, body: NewKey) -> None:
    connections.set_key(slug, body.key, **who())
    providers().forget()


@bp.delete("/<slug>/key")
@operation("Delete the stored key", scope="admin", status=204)
def forget_key(slug: str) -> None:
    connections.forget_key(slug, **who())
    providers().forget()


@bp.post("/<slug>/test")
@operation("Ask the server whether it accepts the key, and for its models", scope="admin", answer=ConnectionAnswer)
def test(slug: str) -> ConnectionAnswer:
    connections.check(slug, partial(providers().provider, slug), **who())
    return _now(slug)


def _live(slug: str) -> LiveConnection:
    providers().forget()
    return providers().connection(slug)


def _now(slug: str) -> ConnectionAnswer:
    return _told(_live(slug))


def _told(live: LiveConnection) -> ConnectionAnswer:
    key = live.key
    return ConnectionAnswer.of(live, key_source=key.source, key_last_four=key.last_four, models=len(live.models))
