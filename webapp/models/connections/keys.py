"""API keys of connections: bound to one connection and its address, stored encrypted and never shown."""

from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy.orm import Session

from webapp.base import logs
from webapp.base.db import utc_now
from webapp.base.errors import Invalid
from webapp.models.connections.tables import Connection, OwnConnection
from webapp.settings.secrets.encryption import DecryptionError, the_encryption
from webapp.settings.tables import ApplicationSetting

BUILT_IN = "openrouter"
OPENROUTER_KEY = "openrouter_api_key"
MOST_CHARACTERS = 500
NOT_STORED = "a new connection"
# Four characters of a shorter key would reveal too much of it.
SHORTEST_SHOWN = 12
KeySource = Literal["stored", "environment", "none"]


@dataclass(frozen=True)
class Key:
    """The effective key and its source; `trouble` is the reason why a stored one cannot be used."""

    text: str = field(default="", repr=False)
    source: KeySource = "none"
    last_four: str = ""
    trouble: str = ""

    @classmethod
    def entered(cls, text: str) -> "Key":
        """Returns a key that is not stored yet; empty for a server that needs none."""
        return cls(text, "stored" if text else "none", last_four(text))


@dataclass(frozen=True)
class Stored:
    """A key as stored in the database."""

    ciphertext: str = field(default="", repr=False)
    last_four: str = ""


def checked(text: str) -> str:
    """Returns the key without surrounding whitespace; raises Invalid for a text that cannot be a key."""
    key = text.strip()
    if len(key) > MOST_CHARACTERS or not (key.isascii() and key.isprintable()) or " " in key:
        raise Invalid(
            "That isn't a valid key: it is too long or contains unexpected characters. Please paste only the key.", field="key"
        )
    return key


def last_four(key: str) -> str:
    return key[-4:] if len(key) >= SHORTEST_SHOWN else ""


def opened(stored: Stored, owner: str, address: str) -> Key:
    """Decrypts a stored key; this only works for the address it was entered for."""
    try:
        text = the_encryption().decrypt_api_key(stored.ciphertext, owner=owner, purpose=_purpose(address))
    except DecryptionError as error:
        return Key("", "stored", stored.last_four, error.message)
    logs.hide(text)
    return Key(text, "stored", stored.last_four)


def given(key: str) -> Key:
    """Returns the key from the environment, if there is one."""
    return Key(key, "environment", last_four(key)) if key else Key()


def store(session: Session, connection: Connection | OwnConnection, key: str, address: str, by: str | None = None) -> None:
    """Encrypts and stores the key of a connection, for this address only."""
    logs.hide(key)
    ciphertext = the_encryption().encrypt_api_key(key, owner=connection.id, purpose=_purpose(address))
    if connection.id != BUILT_IN:
        connection.key_ciphertext, connection.key_last_four = ciphertext, last_four(key)
        return
    # The built-in connection's key is stored as a setting; the value of the setting is the part that can be shown.
    row = ApplicationSetting(key=OPENROUTER_KEY, value=last_four(key), ciphertext=ciphertext)
    row.changed_at, row.changed_by = utc_now(), by
    session.merge(row)


def sealed(key: str, address: str) -> str:
    """Encrypts a key that was entered but isn't stored yet, for this server only."""
    logs.hide(key)
    return the_encryption().encrypt_api_key(key, owner=NOT_STORED, purpose=_purpose(_server(address)))


def unsealed(token: str, address: str) -> str:
    """Returns the key in a token; raises `Invalid` if it was entered for another server."""
    try:
        key = the_encryption().decrypt_api_key(token, owner=NOT_STORED, purpose=_purpose(_server(address)))
    except DecryptionError as error:
        raise Invalid("The server has changed, so please enter the key again.", field="key") from error
    logs.hide(key)
    return key


def forget(session: Session, connection: Connection) -> None:
    """Deletes the stored key of a connection."""
    connection.key_ciphertext, connection.key_last_four = "", ""
    if connection.id == BUILT_IN and (row := session.get(ApplicationSetting, OPENROUTER_KEY)):
        session.delete(row)


def _server(address: str) -> str:
    """Returns an address up to its path, which people correct most often."""
    return "/".join(address.strip().split("/")[:3]).lower()


def _purpose(address: str) -> str:
    return f"api key for {address}"
