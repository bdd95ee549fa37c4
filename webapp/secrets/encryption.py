"""Secrets at rest: read with the keys of the environment alone, and only as what they were stored as."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app

from webapp import logs
from webapp.config import Config, kept_encryption_keys
from webapp.errors import Conflict, Unavailable

if TYPE_CHECKING:
    # At run time its 6 MB are loaded when the first stored key is opened.
    from cryptography.fernet import Fernet

UNREADABLE = "The stored key cannot be read with this ENCRYPTION_KEY. Enter it again."
MISPLACED = "The stored key was entered for a different address or connection. Enter it again."


class DecryptionError(Conflict):
    """A stored key that is of no use here; the sentence says what to do about it."""

    code = "key_unreadable"

    def __init__(self, message: str = UNREADABLE) -> None:
        super().__init__(message)


class EncryptionService:
    """The first key encrypts, all of them decrypt. What is moved to another owner or purpose cannot be read there."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(keys)

    def encrypt_api_key(self, key: str, *, owner: str, purpose: str) -> str:
        """The key as a token that holds for this owner and purpose alone."""
        bound = json.dumps({"owner": owner, "purpose": purpose, "key": key})
        return self._first().encrypt(bound.encode()).decode()

    def decrypt_api_key(self, token: str, *, owner: str, purpose: str) -> str:
        """The key in the token; raises `DecryptionError`."""
        bound = _bound(self._opened(token))
        if (bound.get("owner"), bound.get("purpose")) != (owner, purpose):
            raise DecryptionError(MISPLACED)
        return str(bound.get("key", ""))

    def rotate(self, token: str) -> str:
        """The token under the first key; the same one, if it is there already. Raises `DecryptionError`."""
        # Loaded when it is needed.
        from cryptography.fernet import InvalidToken

        try:
            self._first().decrypt(token)
        except InvalidToken:
            return self._first().encrypt(self._opened(token)).decode()
        return token

    def fingerprint(self) -> str:
        """A name for the first key that tells nothing of it."""
        return next(iter(self.fingerprints()), "none")

    def fingerprints(self) -> tuple[str, ...]:
        """The names of all keys, the newest first."""
        return tuple(fingerprint_of(key) for key in self._keys)

    def fingerprint_behind(self, token: str) -> str:
        """The name of the key that this token is under; empty when none of them opens it."""
        opening = (key for key in self._keys if EncryptionService([key]).can_open(token))
        return next(map(fingerprint_of, opening), "")

    def can_open(self, token: str) -> bool:
        """Whether any of the keys decrypts this token."""
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
        # Loaded when it is needed.
        from cryptography.fernet import InvalidToken, MultiFernet

        try:
            return MultiFernet([_fernet(key) for key in self._keys]).decrypt(token)
        # MultiFernet without a key is a ValueError, and so is a token that is no ASCII.
        except (InvalidToken, ValueError) as error:
            raise DecryptionError from error


def the_encryption() -> EncryptionService:
    """The service with the keys of the current application."""
    return EncryptionService(current_config().encryption_keys)


def current_config(app: Flask | None = None) -> Config:
    """The config; among several workers with the keys that our file has now, as another one may have changed them."""
    app = app or current_app
    config: Config = app.extensions["config"]
    if config.web_concurrency > 1 and (keys := kept_encryption_keys(config)) not in ((), config.encryption_keys):
        logs.hide(*keys)
        app.extensions["config"] = config = replace(config, encryption_keys=keys)
    return config


def fingerprint_of(key: str) -> str:
    """A name for a key that tells nothing of it."""
    return hmac.new(key.encode(), b"millrace fingerprint", hashlib.sha256).hexdigest()[:8]


def _bound(plain: bytes) -> dict[str, Any]:
    try:
        bound = json.loads(plain)
    except ValueError:
        bound = None
    return bound if isinstance(bound, dict) else {}


@cache
def _fernet(key: str) -> "Fernet":
    # Loaded when it is needed.
    from cryptography.fernet import Fernet

    return Fernet(key)
