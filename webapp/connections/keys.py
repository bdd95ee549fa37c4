"""API keys of connections: bound to one connection and its address, written but never shown."""

from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy.orm import Session

from webapp import logs
from webapp.connections.tables import Connection
from webapp.db import utc_now
from webapp.errors import Invalid
from webapp.secrets.encryption import DecryptionError, the_encryption
from webapp.settings.tables import ApplicationSetting

BUILT_IN = "openrouter"
OPENROUTER_KEY = "openrouter_api_key"
MOST_CHARACTERS = 500
# Of a shorter key, four characters would tell too much.
SHORTEST_TOLD = 12
KeySource = Literal["stored", "environment", "none"]


@dataclass(frozen=True)
class Key:
    """The key in effect and where it comes from; `trouble` says why a stored one is of no use."""

    text: str = field(default="", repr=False)
    source: KeySource = "none"
    last_four: str = ""
    trouble: str = ""


@dataclass(frozen=True)
class Stored:
    """A key as the database has it."""

    ciphertext: str = field(default="", repr=False)
    last_four: str = ""


def checked(text: str) -> str:
    """The key as it was pasted, without the blanks around it; refuses what no key looks like."""
    key = text.strip()
    if len(key) > MOST_CHARACTERS or not (key.isascii() and key.isprintable()) or " " in key:
        raise Invalid(
            "That isn't a valid key: it is too long or contains unexpected characters. Please paste only the key.", field="key"
        )
    return key


def last_four(key: str) -> str:
    return key[-4:] if len(key) >= SHORTEST_TOLD else ""


def opened(stored: Stored, owner: str, address: str) -> Key:
    """A stored key, ready to be used with this address and no other."""
    try:
        text = the_encryption().decrypt_api_key(stored.ciphertext, owner=owner, purpose=_purpose(address))
    except DecryptionError as error:
        return Key("", "stored", stored.last_four, error.message)
    logs.hide(text)
    return Key(text, "stored", stored.last_four)


def given(key: str) -> Key:
    """The key that the environment holds, if there is one."""
    return Key(key, "environment", last_four(key)) if key else Key()


def keep(session: Session, connection: Connection, key: str, address: str, by: str | None = None) -> None:
    """Stores the key of a connection, for this address alone."""
    logs.hide(key)
    ciphertext = the_encryption().encrypt_api_key(key, owner=connection.id, purpose=_purpose(address))
    if connection.id != BUILT_IN:
        connection.key_ciphertext, connection.key_last_four = ciphertext, last_four(key)
        return
    # The built-in connection's key is a setting; what may be shown of it is the setting's value.
    row = ApplicationSetting(key=OPENROUTER_KEY, value=last_four(key), ciphertext=ciphertext)
    row.changed_at, row.changed_by = utc_now(), by
    session.merge(row)


def forget(session: Session, connection: Connection) -> None:
    """Deletes the stored key of a connection."""
    connection.key_ciphertext, connection.key_last_four = "", ""
    if connection.id == BUILT_IN and (row := session.get(ApplicationSetting, OPENROUTER_KEY)):
        session.delete(row)


def _purpose(address: str) -> str:
    return f"api key for {address}"
