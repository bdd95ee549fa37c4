"""Database queries for connections.

They use a separate database connection, so that they can run during any transaction without being part of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CursorResult, Integer, Update, cast, func, literal, null, select, union_all, update
from sqlalchemy.orm import Session

from webapp.base.database.statements import Prepared
from webapp.base.db import db
from webapp.base.languages import gettext as _
from webapp.models.connections.keys import BUILT_IN, OPENROUTER_KEY, Stored
from webapp.models.connections.tables import Connection, DeletedConnection, ModelContext, NamedModel, OwnConnection
from webapp.models.providers.base import ModelRecord
from webapp.people.accounts.tables import User
from webapp.settings.secrets.encryption import Holder, Secret
from webapp.settings.tables import ApplicationSetting

ALL_BUT_MODELS = [column for column in Connection.__table__.columns if column.name != "models"]
OWN_BUT_MODELS = [column for column in OwnConnection.__table__.columns if column.name != "models"]

_LENGTHS = ModelContext.given, ModelContext.learned, ModelContext.listed
_NO_LENGTHS = [cast(null(), Integer).label(column.key) for column in _LENGTHS]
# In one statement, as all are read every second.
NAMES = Prepared(
    union_all(
        select(literal("deleted").label("kind"), DeletedConnection.slug.label("id"), literal("").label("name"), *_NO_LENGTHS),
        select(literal("named"), NamedModel.model, NamedModel.name, *_NO_LENGTHS),
        select(literal("context"), ModelContext.model, literal(""), *_LENGTHS),
    )
)


@dataclass(frozen=True, slots=True)
class KnownContext:
    """What is known of a model's context besides its server's list: as `ModelContext` has it."""

    given: int | None
    learned: int | None
    listed: int | None

    def length(self, listed: int | None) -> int | None:
        """Returns how many tokens the context holds, if its server lists this many."""
        if self.given or not self.learned or self.listed != listed:
            return self.given or listed
        return min(self.learned, listed or self.learned)


@dataclass(frozen=True, slots=True)
class KeptNames:
    """The slugs of deleted connections, with which the ids of their models still begin; by their ids, the names that admins gave
    models, and what is known of their contexts."""

    deleted_slugs: frozenset[str]
    own_names: Mapping[str, str]
    contexts: Mapping[str, KnownContext]


def connection_rows() -> list[dict[str, Any]]:
    """Returns the stored connections, oldest first, without their models."""
    with db.engine.connect() as connection:
        rows = connection.execute(select(*ALL_BUT_MODELS).order_by(Connection.created_at, Connection.id))
        return [dict(row._mapping) for row in rows]


def own_rows(*, owner_id: str = "", slug: str = "") -> list[dict[str, Any]]:
    """Returns one person's own connections, oldest first, or the one with this slug, without their models."""
    whose = OwnConnection.slug == slug if slug else OwnConnection.owner_id == owner_id
    with db.engine.connect() as connection:
        rows = connection.execute(select(*OWN_BUT_MODELS).where(whose).order_by(OwnConnection.created_at, OwnConnection.id))
        return [dict(row._mapping) for row in rows]


def own_count(person_id: str) -> int:
    """Returns how many connections of their own a person has, which is all that admins see of them."""
    return db.session.scalar(select(func.count()).where(OwnConnection.owner_id == person_id)) or 0


def kept_names() -> KeptNames:
    """Returns what is kept by the names of connections and models."""
    with db.engine.connect() as connection:
        rows = NAMES.all(connection, {})
    return KeptNames(
        frozenset(row.id for row in rows if row.kind == "deleted"),
        {row.id: row.name for row in rows if row.kind == "named"},
        {row.id: KnownContext(row.given, row.learned, row.listed) for row in rows if row.kind == "context"},
    )


def listed_models(id: str, *, own: bool = False) -> list[ModelRecord]:
    """Returns the last list of models of a connection of the team or, with `own`, of a person's own."""
    table = OwnConnection if own else Connection
    with db.engine.connect() as connection:
        models: list[ModelRecord] | None = connection.scalar(select(table.models).where(table.id == id))
        return models or []


def openrouter_key() -> Stored | None:
    """Returns the stored key of the built-in connection."""
    query = select(ApplicationSetting.ciphertext, ApplicationSetting.value).where(ApplicationSetting.key == OPENROUTER_KEY)
    with db.engine.connect() as connection:
        row = connection.execute(query).first()
    return Stored(row.ciphertext, row.value) if row and row.ciphertext else None


def stored_keys() -> list[Secret]:
    """Returns the stored keys of all connections: the built-in one's first, the others by name."""
    query = select(Connection.id, Connection.name, Connection.key_ciphertext).where(Connection.key_ciphertext != "")
    with db.engine.connect() as connection:
        secrets = [Secret(*row) for row in connection.execute(query.order_by(Connection.name, Connection.id))]
    built_in = openrouter_key()
    return [*([Secret(BUILT_IN, "OpenRouter", built_in.ciphertext)] if built_in else []), *secrets]


def replace_key(session: Session, id: str, ciphertext: str, fresh: str) -> bool:
    """Replaces the ciphertext of a key unless it has changed since; returns whether it did."""
    replaced = session.execute(_replacement(id, ciphertext, fresh))
    return isinstance(replaced, CursorResult) and bool(replaced.rowcount)


def _replacement(id: str, ciphertext: str, fresh: str) -> Update:
    if id == BUILT_IN:
        row = update(ApplicationSetting).where(ApplicationSetting.key == OPENROUTER_KEY)
        return row.where(ApplicationSetting.ciphertext == ciphertext).values(
            ciphertext=fresh, changed_at=ApplicationSetting.changed_at
        )
    row = update(Connection).where(Connection.id == id, Connection.key_ciphertext == ciphertext)
    return row.values(key_ciphertext=fresh)


def _own_keys() -> list[Secret]:
    query = select(OwnConnection.id, User.name, OwnConnection.key_ciphertext).join(User, User.id == OwnConnection.owner_id)
    with db.engine.connect() as connection:
        rows = connection.execute(query.where(OwnConnection.key_ciphertext != "").order_by(User.name, OwnConnection.id))
        return [Secret(row[0], _("Personal connection of %(email)s", email=row[1]), row[2]) for row in rows]


def _replace_own_key(session: Session, id: str, ciphertext: str, fresh: str) -> bool:
    row = update(OwnConnection).where(OwnConnection.id == id, OwnConnection.key_ciphertext == ciphertext)
    replaced = session.execute(row.values(key_ciphertext=fresh))
    return isinstance(replaced, CursorResult) and bool(replaced.rowcount)


HOLDER = Holder("connection", stored_keys, replace_key)
OWN_HOLDER = Holder("own connection", _own_keys, _replace_own_key)
