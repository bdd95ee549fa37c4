"""Encrypts stored secrets, and knows who stores some."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Flask, current_app
from sqlalchemy.orm import Session

from webapp.base import logs
from webapp.base.config import Config, kept_encryption_keys
from webapp.base.current import CONFIG
from webapp.base.errors import Conflict, Unavailable
from webapp.web.feature import brought

if TYPE_CHECKING:
    # At run time, its 6 MB are loaded when the first stored key is decrypted.
    from cryptography.fernet import Fernet

UNREADABLE = "The stored key cannot be read with this ENCRYPTION_KEY. Enter it again."
MISPLACED = "The stored key was entered for a different address or connection. Enter it again."


class DecryptionError(Conflict):
    """A stored key cannot be used; the message explains what to do."""

    code = "key_unreadable"

    def __init__(self, message: str = UNREADABLE) -> None:
        super().__init__(message)


class EncryptionService:
    """Encrypts with the first key, decrypts with any; a token copied to another owner or purpose is rejected."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(keys)

    def encrypt_api_key(self, key: str, *, owner: str, purpose: str) -> str:
        """Returns the key as a token that is valid only for this owner and purpose."""
        bound = json.dumps({"owner": owner, "purpose": purpose, "key": key})
        return self._first().encrypt(bound.encode()).decode()

    def decrypt_api_key(self, token: str, *, owner: str, purpose: str) -> str:
        """Returns the key in the token; raises `DecryptionError`."""
        bound = _bound(self._opened(token))
        if (bound.get("owner"), bound.get("purpose")) != (owner, purpose):
            raise DecryptionError(MISPLACED)
        return str(bound.get("key", ""))

    def rotate(self, token: str) -> str:
        """Re-encrypts the token with the first key, or returns it if that key encrypts it already; raises `DecryptionError`."""
        # Imported late, to save memory.
        from cryptography.fernet import InvalidToken

        try:
            self._first().decrypt(token)
        except InvalidToken:
            return self._first().encrypt(self._opened(token)).decode()
        return token

    def fingerprint(self) -> str:
        """Returns an identifier of the first key that reveals nothing of it."""
        return next(iter(self.fingerprints()), "none")

    def fingerprints(self) -> tuple[str, ...]:
        """Returns the fingerprints of all keys, newest first."""
        return tuple(fingerprint_of(key) for key in self._keys)

    def fingerprint_behind(self, token: str) -> str:
        """Returns the fingerprint of the key that encrypted this token; empty if none of the keys decrypts it."""
        opening = (key for key in self._keys if EncryptionService([key]).can_open(token))
        return next(map(fingerprint_of, opening), "")

    def can_open(self, token: str) -> bool:
        """Returns whether any of the keys decrypts this token."""
        try:
            self._opened(token)
        except DecryptionError:
            return False
        return True

    def _first(self) -> "Fernet":
        if not self._keys:
            raise Unavailable("There is no ENCRYPTION_KEY yet, so keys can't be stored. Run flask prepare to create one.")
        return _fernet(self._keys[0])

    def _opened(self, token: str) -> bytes:
        # Imported late, to save memory.
        from cryptography.fernet import InvalidToken, MultiFernet

        try:
            return MultiFernet([_fernet(key) for key in self._keys]).decrypt(token)
        # MultiFernet raises ValueError without keys, and for a token that is not ASCII.
        except (InvalidToken, ValueError) as error:
            raise DecryptionError from error


def the_encryption() -> EncryptionService:
    """Returns the service with the keys of the current application."""
    return EncryptionService(current_config().encryption_keys)


def current_config(app: Flask | None = None) -> Config:
    """Returns the config; with several workers, reads the key file again, as another worker can have changed it."""
    app = app or current_app
    config = CONFIG.of(app)
    if config.web_concurrency > 1 and (keys := kept_encryption_keys(config)) not in ((), config.encryption_keys):
        logs.hide(*keys)
        config = replace(config, encryption_keys=keys)
        CONFIG.set(config, app)
    return config


def fingerprint_of(key: str) -> str:
    """Returns an identifier of a key that reveals nothing of it."""
    return hmac.new(key.encode(), b"millrace fingerprint", hashlib.sha256).hexdigest()[:8]


def _bound(plain: bytes) -> dict[str, Any]:
    try:
        bound = json.loads(plain)
    except ValueError:
        bound = None
    return bound if isinstance(bound, dict) else {}


@cache
def _fernet(key: str) -> "Fernet":
    # Imported late, to save memory.
    from cryptography.fernet import Fernet

    return Fernet(key)


class Secret(NamedTuple):
    """A stored secret: the id and name of its owner, and its ciphertext."""

    id: str
    name: str
    ciphertext: str


@dataclass(frozen=True)
class Holder:
    """Stores secrets; `kind` is the object type in the audit log.

    `replace` returns whether the old ciphertext was still stored, and so was replaced.
    """

    kind: str
    stored: Callable[[], Sequence[Secret]]
    replace: Callable[[Session, str, str, str], bool]


def stored() -> Iterator[tuple[Holder, Secret]]:
    """Yields every stored secret with its holder."""
    for holder in brought(Holder):
        for secret in holder.stored():
            yield holder, secret
