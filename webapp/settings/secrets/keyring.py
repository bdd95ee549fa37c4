"""The encryption keys: which is in use, which secrets each encrypts, and how to change keys without losing data.

A key in our key file is changed by the running process: it writes the file first, so that a crash at any moment leaves a file
whose keys decrypt everything. A key that is set in the environment can only be changed there; then the page explains how.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from webapp.base import audit, logs
from webapp.base.config import Config, own_key_file, random_key
from webapp.base.current import CONFIG
from webapp.base.db import write
from webapp.base.errors import Conflict, Unavailable
from webapp.settings.secrets.encryption import (
    DecryptionError,
    EncryptionService,
    Holder,
    Secret,
    current_config,
    fingerprint_of,
    stored,
    the_encryption,
)

KIND = "encryption key"
UNDER_WAY = "A key change is already in progress. Finish it first."
ELSEWHERE = "The key is set in the server's environment, so it can only be changed there."
NEEDED = "Some data is still encrypted with the old key, so nothing was removed. Re-encrypt it first."
NOT_WRITTEN = "The key file can't be written ({}), so nothing was changed."
NOT_CONFIRMED = "The key file was written, but the disk didn't confirm it ({}). It isn't in use yet: please try again."


@dataclass(frozen=True)
class StoredSecret:
    """A stored secret with the fingerprint of its key, which is empty if none of the keys decrypts it."""

    id: str
    name: str
    fingerprint: str


@dataclass(frozen=True)
class Keyring:
    """The state of the keys; `file` is our key file, if the keys are in one."""

    fingerprints: tuple[str, ...]
    file: Path | None
    secrets: tuple[StoredSecret, ...]

    @property
    def current(self) -> str:
        return next(iter(self.fingerprints), "none")

    @property
    def older(self) -> tuple[str, ...]:
        return self.fingerprints[1:]

    @property
    def behind(self) -> tuple[StoredSecret, ...]:
        """The secrets that are readable, but encrypted with an older key."""
        return tuple(secret for secret in self.secrets if secret.fingerprint in self.older)

    @property
    def lost(self) -> tuple[StoredSecret, ...]:
        return tuple(secret for secret in self.secrets if not secret.fingerprint)


def keyring() -> Keyring:
    """Returns the keys of this process, and the secrets that each encrypts."""
    encryption = the_encryption()
    secrets = tuple(
        StoredSecret(secret.id, secret.name, encryption.fingerprint_behind(secret.ciphertext)) for _, secret in stored()
    )
    return Keyring(encryption.fingerprints(), own_key_file(current_config()), secrets)


def new_key(*, author: audit.AuditAuthor) -> str:
    """Generates a key for the environment, which is not in use yet; logs who did so in the audit log, but not the key."""
    key = random_key()
    logs.hide(key)
    audit.record("created an encryption key", author=author, object_kind=KIND, object_id=fingerprint_of(key))
    return key


def begin_change(*, author: audit.AuditAuthor) -> str:
    """Adds a new first key to our file and to this process; returns its fingerprint."""
    config = current_config()
    file = _own_file(config)
    if len(config.encryption_keys) > 1:
        raise Conflict(UNDER_WAY)
    key = random_key()
    logs.hide(key)
    _use(config, file, (key, *config.encryption_keys), "added an encryption key", fingerprint_of(key), author)
    return fingerprint_of(key)


def end_change(*, author: audit.AuditAuthor) -> None:
    """Removes the older keys from our file and from this process, once no readable secret needs them."""
    config = current_config()
    file = _own_file(config)
    if not config.encryption_keys[1:]:
        raise Conflict("There is no old key to remove.")
    removed = ", ".join(fingerprint_of(key) for key in config.encryption_keys[1:])
    _use(config, file, config.encryption_keys[:1], "removed old encryption keys", removed, author)


def _use(config: Config, file: Path, keys: tuple[str, ...], action: str, fingerprint: str, author: audit.AuditAuthor) -> None:
    """Switches to these keys; raises `Conflict` if a removed one is still needed."""
    with write() as session:
        if _needed(keys, config.encryption_keys):
            raise Conflict(NEEDED)
        audit.add(session, action, author=author, object_kind=KIND, object_id=fingerprint)
        session.flush()
        _replace_file(file, keys)
        CONFIG.set(replace(config, encryption_keys=keys))


def _needed(keys: Sequence[str], before: Sequence[str]) -> bool:
    """Returns whether a stored secret that is readable now would not be readable with these keys."""
    then, now = EncryptionService(keys), EncryptionService(before)
    tokens = (secret.ciphertext for _, secret in stored())
    return any(now.can_open(token) and not then.can_open(token) for token in tokens)


def _own_file(config: Config) -> Path:
    file = own_key_file(config)
    if file is None:
        raise Conflict(ELSEWHERE)
    return file


def _replace_file(file: Path, keys: Sequence[str]) -> None:
    """Replaces the key file atomically: the new file is synced to disk before the rename; only we can read it."""
    fresh = file.with_name(f"{file.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as key_file:
            key_file.write(",".join(keys) + "\n")
            key_file.flush()
            os.fsync(key_file.fileno())
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            fresh.replace(file)
            _keep_name(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Unavailable(NOT_WRITTEN.format(error.strerror)) from error


def _keep_name(folder: int) -> None:
    """Syncs the rename: without it, a power cut can bring the old file back."""
    try:
        os.fsync(folder)
    except OSError as error:
        raise Unavailable(NOT_CONFIRMED.format(error.strerror)) from error


@dataclass(frozen=True)
class Rotated:
    """The outcome for one stored key: re-encrypted, up to date already, or unreadable with every key."""

    connection: str
    outcome: str


def rotate(*, author: audit.AuditAuthor) -> Iterator[Rotated]:
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
            _replace(holder, secret, fresh, author)
        yield Rotated(secret.id, "rotated" if fresh != secret.ciphertext else "current")


def _replace(holder: Holder, secret: Secret, fresh: str, author: audit.AuditAuthor) -> None:
    with write() as session:
        # A key that was entered since is kept: it is encrypted with the first key already.
        if holder.replace(session, secret.id, secret.ciphertext, fresh):
            audit.add(session, "re-encrypted a key", author=author, object_kind=holder.kind, object_id=secret.id)
