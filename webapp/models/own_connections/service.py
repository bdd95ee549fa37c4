"""What people do with connections of their own: add, change, test, turn off and delete them; no one else can."""

from dataclasses import replace
from hashlib import sha256
from typing import Annotated

from pydantic import Field
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict, Forbidden, Invalid, NotFound
from webapp.base.ids import new_id, new_secret
from webapp.base.inputs import Line
from webapp.models.connections import keys, listing, own
from webapp.models.connections.cache import the_connections
from webapp.models.connections.effective import OWN_START, LiveConnection, as_stored
from webapp.models.connections.provider_types import address_of
from webapp.models.connections.providers import providers
from webapp.models.connections.service import (
    OTHER_ADDRESS,
    CheckOutcome,
    ConnectionInput,
    ask_server,
    checked_address,
    fill,
    first_answer,
    forget_contexts,
    note_result,
    own_row_of,
    slug_of,
    untest,
)
from webapp.models.connections.tables import OwnConnection
from webapp.people.accounts import creation_limit
from webapp.people.accounts.tables import PersonAuthor
from webapp.settings.service import setting

MOST_OWN, MOST_MODELS = 10, 600


class OwnConnectionInput(ConnectionInput):
    """What is entered for a connection of one's own."""

    offered: Annotated[
        Line,
        Field(description="The slug of a connection that is offered for keys of one's own: it has that one's kind and address."),
    ] = ""


def offered_servers() -> list[LiveConnection]:
    """Returns the team's connections whose servers people can use with keys of their own; none where that is turned off."""
    is_open = setting(own.SETTING) != own.OFF
    return [live for live in the_connections().team() if is_open and live.is_offered and live.is_enabled]


def may_have_servers() -> bool:
    """Returns whether people can have servers of their own."""
    return setting(own.SETTING) not in (own.OFF, own.KEYS)


def add(kind: str, entered: OwnConnectionInput, *, author: PersonAuthor) -> str:
    """Adds a connection whose server answers, with its models, and returns its slug; else raises `NotAnswering`."""
    person = author.actor.id
    server, address = _target(kind, entered)
    _refuse(db.session(), person, entered.name)
    creation_limit.count(person)
    key = keys.Key.entered(entered.key)
    row = OwnConnection(id=new_id(), owner_id=person, offered_id=server.id if server else None, models=[])
    row.kind, row.base_url = (server.kind, "") if server else (kind, address)
    row.slug = f"{OWN_START}{slug_of(entered.name, 24)}-{sha256(new_secret().encode()).hexdigest()[:6]}"
    live = LiveConnection(row.id, row.slug, entered.name, row.kind, address, key=key, owner_id=person)
    live = replace(live, offered_id=row.offered_id or "", trust="operator" if server else "public")
    outcome = first_answer(lambda: providers().candidate(live), address_field="" if server else "base_url")
    with write() as session:
        _refuse(session, person, entered.name)
        fill(row, entered)
        session.add(row)
        session.flush()
        if entered.key:
            keys.store(session, row, entered.key, address)
        _store(row, outcome)
        _note(session, "added", live.slug, author)
    the_connections().forget()
    return live.slug


def change(slug: str, entered: ConnectionInput, *, author: PersonAuthor) -> None:
    """Changes a connection; a new address requires the key again, so that no key is sent where it was not entered for."""
    before = mine(slug, author.actor.id)
    address = before.base_url if before.offered_id else address_of(entered.base_url or before.base_url, "public")
    if address != before.base_url and before.key.source != "none" and not entered.key:
        raise Invalid(OTHER_ADDRESS, field="key")
    with write() as session:
        row = _row(session, slug, author.actor.id)
        _refuse_taken_name(session, row.owner_id, entered.name, but=row.id)
        fill(row, entered)
        if address != before.base_url:
            row.base_url, row.models, row.models_at, row.left_out = address, [], None, 0
            forget_contexts(session, slug)
        if entered.key:
            keys.store(session, row, entered.key, address)
        if entered.key or address != before.base_url:
            untest(row)
        _note(session, "changed", slug, author)
    the_connections().forget()


def set_enabled(slug: str, is_enabled: bool, *, author: PersonAuthor) -> None:
    """Turns a connection on or off, and with it its models; everything is kept."""
    with write() as session:
        _row(session, slug, author.actor.id).is_enabled = is_enabled
        _note(session, f"turned {'on' if is_enabled else 'off'}", slug, author)
    the_connections().forget()


def delete(slug: str, *, author: PersonAuthor) -> None:
    """Deletes a connection with its key; chats that used it are kept and need another model."""
    with write() as session:
        session.delete(_row(session, slug, author.actor.id))
        _note(session, "deleted", slug, author)
    the_connections().forget()


def check(slug: str, *, author: PersonAuthor) -> bool:
    """Tests whether the server accepts the key; stores the result and, on success, the list of models."""
    person = author.actor.id
    mine(slug, person)
    creation_limit.count(person)
    outcome = ask_server(lambda: providers().own_provider(slug, person))
    with write() as session:
        _store(_row(session, slug, person), outcome)
    the_connections().forget()
    return outcome.models is not None


def mine(slug: str, person: str) -> LiveConnection:
    """Returns a person's own connection as it is now; raises `NotFound` for anyone else's."""
    the_connections().forget()
    return the_connections().own.connection(slug, person)


def _target(kind: str, entered: OwnConnectionInput) -> tuple[LiveConnection | None, str]:
    """Returns the offered connection, if it is a key for one, and the address; raises for what isn't allowed now."""
    if setting(own.SETTING) == own.OFF:
        raise Forbidden(own.TURNED_OFF)
    if not entered.offered:
        if not may_have_servers():
            raise Forbidden(own.ONLY_KEYS)
        return None, checked_address(kind, entered, "public")
    server = next((live for live in offered_servers() if live.slug == entered.offered), None)
    if server is None:
        raise Invalid(own.NOT_OFFERED, field="offered")
    if not entered.key:
        raise Invalid(f"Enter your key for {server.name}.", field="key")
    return server, server.base_url


def _refuse(session: Session, person: str, name: str) -> None:
    count = session.scalar(select(func.count(OwnConnection.id)).where(OwnConnection.owner_id == person)) or 0
    if count >= MOST_OWN:
        raise Conflict(f"You can have at most {MOST_OWN} personal connections. Delete one first.")
    _refuse_taken_name(session, person, name)


def _refuse_taken_name(session: Session, person: str, name: str, *, but: str = "") -> None:
    is_alike = OwnConnection.owner_id == person, func.lower(OwnConnection.name) == name.lower(), OwnConnection.id != but
    if session.scalar(select(OwnConnection.id).where(*is_alike).limit(1)):
        raise Conflict("You already have a connection with this name.", field="name")


def _row(session: Session, slug: str, person: str) -> OwnConnection:
    row = own_row_of(session, slug)
    if row.owner_id != person:
        raise NotFound("That connection no longer exists.")
    return row


def _store(row: OwnConnection, outcome: CheckOutcome) -> None:
    note_result(row, outcome)
    if listed := as_stored(outcome.models or ()):
        row.models = listing.cut(listed, MOST_MODELS, {row.default_model})
        row.left_out, row.models_at = len(listed) - len(row.models), utc_now()


def _note(session: Session, action: str, slug: str, author: PersonAuthor) -> None:
    """Adds an entry to the audit log, which says no more than that there is one."""
    audit.add(session, f"{action} a connection of their own", author=author, object_kind="own connection", object_id=slug)
