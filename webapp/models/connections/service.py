"""Operations on connections: add, change, test, turn off and delete."""

import itertools
import logging
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field
from sqlalchemy import delete as delete_rows, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.current import the_config
from webapp.base.db import NO_PATIENCE, db, utc_now, write
from webapp.base.errors import AppError, Conflict, Invalid, NotFound, Unavailable
from webapp.base.inputs import Input, Line, OneLine, checked_by
from webapp.models.connections import keys, listing, suggested_models
from webapp.models.connections.effective import LiveConnection, as_stored, live_connection, live_connections, new_built_in
from webapp.models.connections.provider_types import KINDS, address_of
from webapp.models.connections.tables import Connection, ConnectionFields, DeletedConnection, ModelContext, OwnConnection
from webapp.models.providers.base import Continuation, Model, ModelRecord, Provider, ProviderError
from webapp.models.providers.reasoning import Mode
from webapp.models.upstream import Trust
from webapp.settings.secrets.encryption import DecryptionError

# Names of models or paths of pages already begin with one of these.
TAKEN_SLUGS = {"openrouter", "demo", "new", "found"}
MOST_CONNECTIONS = 50
OTHER_ADDRESS = (
    "The address has changed, so please enter the key again. The stored key is only ever sent to the address it was entered for."
)
# The error codes for a key that is not accepted, and for an account without credit.
# Not the server's own message, which can quote what a person has written.
REFUSALS = {
    "auth": "{name} rejected the key{tail}.",
    "credit": "{name} has no credit left for the key{tail}. Add credit at your provider.",
}
ACTIONS = {"auth": "rejected a key", "credit": "has no credit left"}
log = logging.getLogger("settings")


class ConnectionNotAnswering(Invalid):
    """A new connection's server could not be reached, or refused; the message is its reason."""


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """The message of a test, its error code on failure, and the models on success."""

    words: str
    code: str
    models: Sequence[Model] | None = None


class ConnectionInput(Input):
    """What is entered for a connection; an empty key keeps the current one."""

    name: Annotated[Line, OneLine("Enter a name of up to 80 characters.", 80, 1)]
    base_url: Line = ""
    key: Annotated[str, Field(max_length=1_000, description="Stored encrypted and never returned."), checked_by(keys.checked)] = (
        ""
    )
    default_model: Annotated[Line, OneLine("A model name must be one line of at most 150 characters.", 150)] = ""
    continuation: Continuation = "instruct"
    reasoning_tags: Mode = "auto"

    @classmethod
    def present(cls, live: LiveConnection) -> dict[str, str]:
        """Returns what a connection has now, by the names of the input."""
        same = {name: getattr(live, name) for name in ("name", "continuation", "reasoning_tags")}
        return {**same, "base_url": live.own_address, "default_model": live.own_model}


def checked_address(kind: str, entered: ConnectionInput, trust: Trust = "operator") -> str:
    """Returns the address that a new connection of this kind has; raises `Invalid` if it can't be created."""
    if kind not in KINDS or (kind == keys.BUILT_IN and trust == "operator"):
        raise Invalid("Choose the kind of server.", field="kind")
    if KINDS[kind].needs_key and not entered.key:
        raise Invalid(f"{KINDS[kind].title} needs a key.", field="key")
    return address_of(entered.base_url or KINDS[kind].base_url, trust)


def create(kind: str, entered: ConnectionInput, *, author: audit.AuditAuthor) -> str:
    """Creates a connection, and returns its slug, which prefixes the names of its models."""
    address, key = checked_address(kind, entered), entered.key
    with write() as session:
        row = Connection(slug=_free_slug(session, entered.name, kind, address), kind=kind, base_url=address, models=[])
        fill(row, entered)
        session.add(row)
        _flush(session)
        if key:
            keys.store(session, row, key, address)
        slug = row.slug
        _note(session, "added a connection", slug, f"{kind} at {address}", author)
        suggested_models.withdraw(session, f"{row.name} was added.", author=author)
    return slug


def add(kind: str, entered: ConnectionInput, make: Callable[[LiveConnection], Provider], *, author: audit.AuditAuthor) -> str:
    """Creates a connection whose server answers, with its models, and returns its slug; else raises `NotAnswering`."""
    address, key = checked_address(kind, entered), keys.Key.entered(entered.key)
    outcome = first_answer(lambda: make(LiveConnection("", "new", entered.name, kind, address, key=key)))
    slug = create(kind, entered, author=author)
    _store_outcome(slug, outcome, author)
    return slug


def change(slug: str, entered: ConnectionInput, *, author: audit.AuditAuthor) -> None:
    """Changes a connection. A new address requires the key again, so that no key is sent where it was not entered for."""
    before, key = _live(slug), entered.key
    address = _new_address(before, entered.base_url)
    if address != before.base_url and before.key.source != "none" and not key:
        raise Invalid(OTHER_ADDRESS, field="key")
    with write() as session:
        row = row_of(session, slug)
        fill(row, entered)
        if address != before.base_url:
            row.base_url, row.models, row.models_at = _own_address(before, address), [], None
            row.left_out = 0
            forget_contexts(session, slug)
            suggested_models.withdraw(session, f"The address is now {address}.", author=author)
        elif key and not row.default_model:
            suggested_models.propose(session, before, author=author)
        if key:
            keys.store(session, row, key, address, author.id)
            _note(session, "entered a key", slug, "", author)
        if key or address != before.base_url:
            untest(row)
        _note(session, "changed a connection", slug, f"at {address}", author)


def set_key(slug: str, key: str, *, author: audit.AuditAuthor) -> None:
    """Stores another key and keeps the address."""
    live = _live(slug)
    change(slug, ConnectionInput.entered({**ConnectionInput.present(live), "key": key}), author=author)


def offer(slug: str, *, is_offered: bool, author: audit.AuditAuthor) -> None:
    """Offers a connection's server for people's own keys, or ends that: from the next answer on, theirs aren't used there."""
    _live(slug)
    with write() as session:
        row = row_of(session, slug)
        if row.is_offered != is_offered:
            row.is_offered = is_offered
            _note(session, f"{'offered' if is_offered else 'no longer offers'} a connection for own keys", slug, "", author)


def set_enabled(slug: str, is_enabled: bool, *, author: audit.AuditAuthor) -> None:
    """Turns a connection on or off, and with it its models; everything is kept."""
    _live(slug)
    with write() as session:
        row_of(session, slug).is_enabled = is_enabled
        _note(session, f"turned {'on' if is_enabled else 'off'} a connection", slug, "", author)


def forget_key(slug: str, *, author: audit.AuditAuthor) -> None:
    """Deletes the stored key; the key from the environment, if any, takes effect again."""
    _live(slug)
    with write() as session:
        row = row_of(session, slug)
        keys.forget(session, row)
        untest(row)
        _note(session, "deleted a key", slug, "", author)


def delete(slug: str, *, author: audit.AuditAuthor) -> None:
    """Deletes a connection with its key; chats that used it are kept and need another model, or the same server again."""
    if slug == keys.BUILT_IN:
        raise Conflict("The built-in connection can't be deleted, but you can turn it off.")
    _live(slug)
    with write() as session:
        row = row_of(session, slug)
        session.add(DeletedConnection(slug=slug, kind=row.kind, base_url=row.base_url))
        forget_contexts(session, slug)
        session.delete(row)
        _note(session, "deleted a connection", slug, "", author)


def check(slug: str, make: Callable[[], Provider], *, author: audit.AuditAuthor) -> bool:
    """Tests whether the server accepts the key; stores the result and, on success, the list of models."""
    _live(slug)
    outcome = ask_server(make)
    _store_outcome(slug, outcome, author)
    return outcome.models is not None


def refresh(slug: str, make: Callable[[], Provider], *, author: audit.AuditAuthor) -> int:
    """Reloads the list of models and returns its length; raises `Conflict` with the server's error message."""
    db.session.rollback()
    try:
        listed = as_stored(make().models())
    except ProviderError as error:
        raise Conflict(f"{_live(slug).name}: {error}") from error
    with write() as session:
        row = row_of(session, slug)
        _list(session, row, listed, author)
        return len(row.models)


def first_answer(make: Callable[[], Provider], *, address_field: str = "base_url") -> CheckOutcome:
    """Returns what the server of a new connection answers; raises `NotAnswering` with the field that is wrong."""
    outcome = ask_server(make)
    if outcome.models is None:
        raise ConnectionNotAnswering(outcome.words, field="key" if outcome.code in REFUSALS else address_field)
    return outcome


def ask_server(make: Callable[[], Provider]) -> CheckOutcome:
    """Returns what a server answers to its key, and its models, or why it doesn't."""
    # Releases the database connection while waiting for the server.
    db.session.rollback()
    try:
        provider = make()
        words = provider.check_key()
        return CheckOutcome(words, "", provider.models())
    except ProviderError as error:
        return CheckOutcome(str(error), error.code)
    except AppError as error:
        return CheckOutcome(error.message, error.code)


def _store_outcome(slug: str, outcome: CheckOutcome, author: audit.AuditAuthor) -> None:
    listed = as_stored(outcome.models or ())
    with write() as session:
        row = row_of(session, slug)
        note_result(row, outcome)
        if listed:
            _list(session, row, listed, author)
        _note(session, "tested a connection", slug, "works" if row.is_working else "does not work", author)


def _live(slug: str) -> LiveConnection:
    if connection := live_connection(slug):
        return connection
    raise NotFound("That connection no longer exists.")


def row_of(session: Session, slug: str) -> Connection:
    """Returns the row of a connection; creates the built-in one's, which exists only once something is stored for it."""
    row = session.scalar(select(Connection).where(Connection.slug == slug))
    if row is None and slug != keys.BUILT_IN:
        raise NotFound("That connection no longer exists.")
    if row is None:
        row = new_built_in()
        session.add(row)
    return row


def own_row_of(session: Session, slug: str) -> OwnConnection:
    """Returns the row of a person's own connection."""
    if row := session.scalar(select(OwnConnection).where(OwnConnection.slug == slug)):
        return row
    raise NotFound("That connection no longer exists.")


def fill(row: ConnectionFields, entered: ConnectionInput) -> None:
    row.name, row.default_model = entered.name, entered.default_model
    row.continuation, row.reasoning_tags = entered.continuation, entered.reasoning_tags


def _new_address(before: LiveConnection, text: str) -> str:
    if text.strip():
        return address_of(text)
    if before.is_built_in:
        return the_config().openrouter_base_url
    raise Invalid("Enter the server's address.", field="base_url")


def _own_address(before: LiveConnection, address: str) -> str:
    """Returns the address to store: the built-in connection stores only one that differs from the environment's."""
    return "" if before.is_built_in and address == the_config().openrouter_base_url else address


def untest(row: ConnectionFields) -> None:
    row.is_working, row.check_result, row.checked_at, row.refused_at, row.refused_for = None, "", None, None, ""


def note_result(row: ConnectionFields, outcome: CheckOutcome) -> None:
    """Stores a test's result, and since when the key is refused; an error that does not concern it keeps the earlier result."""
    row.check_result, row.is_working, row.checked_at = outcome.words[:300], outcome.models is not None, utc_now()
    if row.is_working:
        row.refused_at, row.refused_for = None, ""
    elif outcome.code in REFUSALS:
        row.refused_at, row.refused_for = row.refused_at or row.checked_at, outcome.code


def _list(session: Session, row: Connection, listed: Sequence[ModelRecord], author: audit.AuditAuthor) -> None:
    listing.store(session, row, listed)
    row.models_at = utc_now()
    suggested_models.withdraw_if_unknown(session, row, (model["id"] for model in listed), author=author)


def forget_contexts(session: Session, slug: str) -> None:
    """Removes what is known of the contexts of a server's models, for another one in its place."""
    session.execute(delete_rows(ModelContext).where(ModelContext.connection == slug))


def slug_of(name: str, most: int = 30) -> str:
    """Returns a name in small letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:most].strip("-") or "connection"


def _free_slug(session: Session, name: str, kind: str, address: str) -> str:
    """Returns a slug that no connection has, or had: except one at the same address, whose models then exist again."""
    stem = slug_of(name)
    taken = TAKEN_SLUGS | set(session.scalars(select(Connection.slug)))
    if len(taken) > MOST_CONNECTIONS:
        raise Conflict(f"You can have at most {MOST_CONNECTIONS} connections. Delete one first.")
    deleted = {row.slug: row for row in session.scalars(select(DeletedConnection))}
    elsewhere = {slug for slug, row in deleted.items() if (row.kind, row.base_url) != (kind, address)}
    numbered = (f"{stem}-{number}" for number in itertools.count(2))
    slug = next(slug for slug in itertools.chain((stem,), numbered) if slug not in taken | elsewhere)
    if again := deleted.get(slug):
        session.delete(again)
    return slug


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict("A connection with that name was just added. Please try again.", field="name") from error


def _note(session: Session, action: str, slug: str, detail: str, author: audit.AuditAuthor) -> None:
    audit.add(session, action, author=author, object_kind="connection", object_id=slug, detail=detail)


class ApplicationSettingsService:
    """Reads and stores the key."""

    def set_openrouter_api_key(self, key: str, *, author: audit.AuditAuthor = audit.COMMAND_LINE) -> None:
        """Encrypts and stores the key, for the effective address."""
        if not key.strip():
            raise Invalid("Enter a key.", field="key")
        set_key(keys.BUILT_IN, key, author=author)

    def forget_openrouter_api_key(self, *, author: audit.AuditAuthor) -> None:
        """Deletes the stored key; the one in the environment, if any, takes effect again."""
        forget_key(keys.BUILT_IN, author=author)

    def get_openrouter_api_key(self) -> str:
        """Returns the effective key, or an empty text; raises `DecryptionError` for a stored one that cannot be decrypted."""
        key = self.openrouter_key()
        if key.trouble:
            raise DecryptionError(key.trouble)
        return key.text

    def openrouter_key(self) -> keys.Key:
        """Returns the effective key with its source and its last four characters."""
        return live_connections()[0].key


def note_refusal(live: LiveConnection, code: str) -> None:
    """Records that the server refused the key, for `auth` or for `credit`; repeats are ignored."""
    tail = f" that ends in {live.key.last_four}" if live.key.last_four else ""
    words = REFUSALS[code] if live.key.source != "none" or code != "auth" else "{name} requires a key."
    _store_refusal(live, words.format(name=live.name, tail=tail), code)


def note_acceptance(live: LiveConnection) -> None:
    """Records that the server accepted a key after refusing one."""
    _store_refusal(live, f"{live.name} is responding again.", "")


def _store_refusal(live: LiveConnection, words: str, code: str) -> None:
    try:
        with write(patience_seconds=NO_PATIENCE) as session:
            row = own_row_of(session, live.slug) if live.owner_id else row_of(session, live.slug)
            # Another answer can have recorded it first.
            if bool(code) is (row.refused_at is None):
                row.is_working, row.check_result, row.checked_at = not code, words[:300], utc_now()
                row.refused_at, row.refused_for = row.checked_at if code else None, code
                if code and not live.owner_id:
                    _note(session, ACTIONS[code], live.slug, words, audit.AuditAuthor(live.name))
    except (Unavailable, OperationalError) as error:
        # The next answer records it.
        log.warning("refusal_not_recorded", extra={"fields": {"connection": live.slug, "error": type(error).__name__}})
