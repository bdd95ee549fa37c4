"""Bringing every stored key under the newest encryption key."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Unpack

from webapp.accounts import audit
from webapp.accounts.audit import About
from webapp.db import write
from webapp.secrets.encryption import DecryptionError, the_encryption
from webapp.secrets.holders import Holder, Secret, stored


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
    for holder, secret in stored():
        try:
            fresh = encryption.rotate(secret.ciphertext)
        except DecryptionError:
            yield Rotated(secret.id, "unreadable")
            continue
        if fresh != secret.ciphertext:
            _replace(holder, secret, fresh, about)
        yield Rotated(secret.id, "rotated" if fresh != secret.ciphertext else "current")


def _replace(holder: Holder, secret: Secret, fresh: str, about: About) -> None:
    with write() as session:
        # A key that somebody has entered meanwhile stays: it is under the first key already.
        if holder.replace(session, secret.id, secret.ciphertext, fresh):
            entry: About = {**about, "object_kind": holder.kind, "object_id": secret.id}
            audit.add(session, "re-encrypted a key", **entry)
