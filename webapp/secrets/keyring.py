"""The encryption keys themselves: which is in use, what is under which, and changing them without losing anything.

A key that we keep in a file of ours is changed by the process that runs: the file first, so that a crash at any moment
leaves a file that opens everything. A key that the environment holds can only be changed there; then we say how.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

from flask import current_app

from webapp import logs
from webapp.accounts import audit
from webapp.accounts.audit import About
from webapp.config import Config, own_key_file, random_key
from webapp.db import write
from webapp.errors import Conflict, Unavailable
from webapp.secrets.encryption import EncryptionService, current_config, fingerprint_of, the_encryption
from webapp.secrets.holders import stored

UNDER_WAY = "A key change is already in progress. Finish it first."
ELSEWHERE = "The key is set in the server's environment, so it can only be changed there."
NEEDED = "Some data is still encrypted with the old key, so nothing was removed. Re-encrypt it first."
NOT_WRITTEN = "The key file can't be written ({}), so nothing was changed."
NOT_CONFIRMED = "The key file was written, but the disk didn't confirm it ({}). It isn't in use yet: please try again."


@dataclass(frozen=True)
class Held:
    """A stored secret: whose it is and the fingerprint of the key it is under, which is empty when none of ours opens it."""

    id: str
    name: str
    fingerprint: str


@dataclass(frozen=True)
class Keyring:
    """How things stand; `file` is where the keys are kept by us, if they are."""

    fingerprints: tuple[str, ...]
    file: Path | None
    held: tuple[Held, ...]

    @property
    def current(self) -> str:
        return next(iter(self.fingerprints), "none")

    @property
    def older(self) -> tuple[str, ...]:
        return self.fingerprints[1:]

    @property
    def behind(self) -> tuple[Held, ...]:
        """What is readable, but under an older key."""
        return tuple(each for each in self.held if each.fingerprint in self.older)

    @property
    def lost(self) -> tuple[Held, ...]:
        return tuple(each for each in self.held if not each.fingerprint)


def keyring() -> Keyring:
    """The keys of this process and what is stored under them."""
    encryption = the_encryption()
    held = tuple(Held(each.id, each.name, encryption.fingerprint_behind(each.ciphertext)) for _, each in stored())
    return Keyring(encryption.fingerprints(), own_key_file(current_config()), held)


def new_key(**about: Unpack[About]) -> str:
    """A key for the environment, which nothing here uses yet; whoever made it is written down, the key is not."""
    key = random_key()
    logs.hide(key)
    about["object_kind"], about["object_id"] = "encryption key", fingerprint_of(key)
    audit.record("created an encryption key", **about)
    return key


def begin_change(**about: Unpack[About]) -> str:
    """Puts a new key before the present one, in our file and in this process; gives its fingerprint."""
    config = current_config()
    file = _own_file(config)
    if len(config.encryption_keys) > 1:
        raise Conflict(UNDER_WAY)
    key = random_key()
    logs.hide(key)
    _use(config, file, (key, *config.encryption_keys), "added an encryption key", fingerprint_of(key), about)
    return fingerprint_of(key)


def end_change(**about: Unpack[About]) -> None:
    """Removes the older keys from our file and this process, once nothing that can be read needs them."""
    config = current_config()
    file = _own_file(config)
    if not config.encryption_keys[1:]:
        raise Conflict("There is no old key to remove.")
    removed = ", ".join(fingerprint_of(key) for key in config.encryption_keys[1:])
    _use(config, file, config.encryption_keys[:1], "removed old encryption keys", removed, about)


def _use(config: Config, file: Path, keys: tuple[str, ...], action: str, fingerprint: str, about: About) -> None:
    """From now on these keys; refuses to let go of one that is still needed."""
    entry: About = {**about, "object_kind": "encryption key", "object_id": fingerprint}
    with write() as session:
        if _needed(keys, config.encryption_keys):
            raise Conflict(NEEDED)
        audit.add(session, action, **entry)
        session.flush()
        _replace_file(file, keys)
        current_app.extensions["config"] = replace(config, encryption_keys=keys)


def _needed(keys: Sequence[str], before: Sequence[str]) -> bool:
    """Whether anything stored can be read now and could not be with these keys alone."""
    then, now = EncryptionService(keys), EncryptionService(before)
    tokens = (each.ciphertext for _, each in stored())
    return any(now.can_open(token) and not then.can_open(token) for token in tokens)


def _own_file(config: Config) -> Path:
    file = own_key_file(config)
    if file is None:
        raise Conflict(ELSEWHERE)
    return file


def _replace_file(file: Path, keys: Sequence[str]) -> None:
    """The new content is whole on the disk before it takes the old one's name; only we may read it."""
    fresh = file.with_name(f"{file.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as made:
            made.write(",".join(keys) + "\n")
            made.flush()
            os.fsync(made.fileno())
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            fresh.replace(file)
            _keep_name(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Unavailable(NOT_WRITTEN.format(error.strerror)) from error


def _keep_name(folder: int) -> None:
    """Without this a power cut may bring the old content back."""
    try:
        os.fsync(folder)
    except OSError as error:
        raise Unavailable(NOT_CONFIRMED.format(error.strerror)) from error
