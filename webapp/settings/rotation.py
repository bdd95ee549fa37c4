"""Bringing every stored key under the newest encryption key."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Unpack

from sqlalchemy import CursorResult, Update, update

from webapp.accounts import audit
from webapp.accounts.audit import About
from webapp.extensions import write
from webapp.settings import queries
from webapp.settings.encryption import DecryptionError, the_encryption
from webapp.settings.keys import BUILT_IN, OPENROUTER_KEY
from webapp.settings.tables import ApplicationSetting, Connection


@dataclass(frozen=True)
class Rotated:
    """What became of one stored key: under the newest key now, there already, or not readable with any."""

    connection: str
    outcome: str


def rotate(**about: Unpack[About]) -> Iterator[Rotated]:
    """Encrypts every stored key with the first encryption key, one after the other.

    Each is committed on its own and readable before and after, so that it can be broken off anywhere and done again.
    """
    encryption = the_encryption()
    for id, ciphertext in queries.stored_keys():
        try:
            fresh = encryption.rotate(ciphertext)
        except DecryptionError:
            yield Rotated(id, "unreadable")
            continue
        if fresh != ciphertext:
            _replace(id, ciphertext, fresh, about)
        yield Rotated(id, "rotated" if fresh != ciphertext else "current")


def _replace(id: str, ciphertext: str, fresh: str, about: About) -> None:
    with write() as session:
        # A key that somebody has entered meanwhile stays: it is under the first key already.
        replaced = session.execute(_replacement(id, ciphertext, fresh))
        if isinstance(replaced, CursorResult) and replaced.rowcount:
            entry: About = {**about, "object_kind": "connection", "object_id": id}
            audit.add(session, "encrypted a key anew", **entry)


def _replacement(id: str, ciphertext: str, fresh: str) -> Update:
    if id == BUILT_IN:
        row = update(ApplicationSetting).where(ApplicationSetting.key == OPENROUTER_KEY)
        return row.where(ApplicationSetting.ciphertext == ciphertext).values(
            ciphertext=fresh, changed_at=ApplicationSetting.changed_at
        )
    row = update(Connection).where(Connection.id == id, Connection.key_ciphertext == ciphertext)
    return row.values(key_ciphertext=fresh)
