"""Re-encrypts every stored key with the newest encryption key."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Unpack

from webapp.base import audit
from webapp.base.audit import About
from webapp.base.db import write
from webapp.settings.secrets.encryption import DecryptionError, the_encryption
from webapp.settings.secrets.holders import Holder, Secret, stored


@dataclass(frozen=True)
class Rotated:
    """The outcome for one stored key: re-encrypted, up to date already, or unreadable with every key."""

    connection: str
    outcome: str


def rotate(**about: Unpack[About]) -> Iterator[Rotated]:
    """Re-encrypts every stored key with the first encryption key, one after the other.

    Each is committed separately and is readable before and after, so that this can be interrupted anywhere and repeated.
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
        # A key that was entered since is kept: it is encrypted with the first key already.
        if holder.replace(session, secret.id, secret.ciphertext, fresh):
            entry: About = {**about, "object_kind": holder.kind, "object_id": secret.id}
            audit.add(session, "re-encrypted a key", **entry)
