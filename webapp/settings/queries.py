"""What is stored of settings and connections.

What is asked for at any time is read on a connection of its own, so that it can be asked for within any transaction
without becoming part of it.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select

from webapp.accounts.tables import User
from webapp.extensions import db
from webapp.settings.keys import OPENROUTER_KEY, Stored
from webapp.settings.tables import ApplicationSetting, Connection

Change = tuple[datetime, str | None]
ALL_BUT_MODELS = [column for column in Connection.__table__.columns if column.name != "models"]


def stored_texts() -> dict[str, str]:
    """Stored values by name; what is encrypted is not among them."""
    wanted = select(ApplicationSetting.key, ApplicationSetting.value).where(ApplicationSetting.ciphertext == "")
    with db.engine.connect() as connection:
        return {row.key: row.value for row in connection.execute(wanted)}


def changes() -> dict[str, Change]:
    """When each stored setting was changed, and the name of who did it."""
    wanted = select(ApplicationSetting.key, ApplicationSetting.changed_at, User.name)
    rows = db.session.execute(wanted.outerjoin(User, User.id == ApplicationSetting.changed_by))
    return {name: (changed_at, who) for name, changed_at, who in rows}


def connection_rows() -> list[dict[str, Any]]:
    """The stored connections, oldest first, without their models."""
    with db.engine.connect() as connection:
        rows = connection.execute(select(*ALL_BUT_MODELS).order_by(Connection.created_at, Connection.id))
        return [dict(row._mapping) for row in rows]


def listed_models(id: str) -> list[dict[str, Any]]:
    """The models that a connection gave last."""
    with db.engine.connect() as connection:
        found: list[dict[str, Any]] | None = connection.scalar(select(Connection.models).where(Connection.id == id))
        return found or []


def openrouter_key() -> Stored | None:
    """The stored key of the built-in connection."""
    wanted = select(ApplicationSetting.ciphertext, ApplicationSetting.value).where(ApplicationSetting.key == OPENROUTER_KEY)
    with db.engine.connect() as connection:
        row = connection.execute(wanted).first()
    return Stored(row.ciphertext, row.value) if row and row.ciphertext else None


def stored_keys() -> list[tuple[str, str]]:
    """Whose keys are stored, as (id of the connection, ciphertext)."""
    wanted = select(Connection.id, Connection.key_ciphertext).where(Connection.key_ciphertext != "")
    with db.engine.connect() as connection:
        found = [(row.id, row.key_ciphertext) for row in connection.execute(wanted.order_by(Connection.id))]
    built_in = openrouter_key()
    return found + ([("openrouter", built_in.ciphertext)] if built_in else [])
