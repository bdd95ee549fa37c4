"""Names for rows and keys for secrets."""

import secrets
import time

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 26
_last = 0


def new_id() -> str:
    """A 26-character id that sorts after every id made here before, and by the millisecond it was made in."""
    global _last
    number = (int(time.time() * 1000) << 80) | secrets.randbits(80)
    _last = number if number > _last else _last + 1 + secrets.randbits(40)
    return "".join(ALPHABET[(_last >> 5 * place) & 31] for place in reversed(range(LENGTH)))


def continue_after(id: str) -> None:
    """Sees to it that new ids sort after this one, though the clock may have been set back."""
    global _last
    number = 0
    for character in id:
        number = number << 5 | ALPHABET.index(character)
    _last = max(_last, number)


def new_secret() -> str:
    return secrets.token_urlsafe(32)
