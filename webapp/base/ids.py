"""Ids for rows, and random secrets."""

import secrets
import time
from datetime import datetime

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 26
_last = 0


def new_id() -> str:
    """Returns a 26-character id that sorts by the millisecond of its creation, and after all earlier ids of this process."""
    global _last
    number = (int(time.time() * 1000) << 80) | secrets.randbits(80)
    _last = number if number > _last else _last + 1 + secrets.randbits(40)
    return _written(_last)


def least_id(moment: datetime) -> str:
    """Returns an id before all that are created from this moment on."""
    return _written(int(moment.timestamp() * 1000) << 80)


def continue_after(id: str) -> None:
    """Makes new ids sort after this one, even if the clock was set back."""
    global _last
    number = 0
    for character in id:
        number = number << 5 | ALPHABET.index(character)
    _last = max(_last, number)


def new_secret() -> str:
    return secrets.token_urlsafe(32)


def _written(number: int) -> str:
    return "".join(ALPHABET[(number >> 5 * index) & 31] for index in reversed(range(LENGTH)))
