"""Counts the tokens of an arriving answer as rarely as possible: a character is never more than one token. Pure."""

from collections.abc import Callable
from math import ceil


class TokenMeter:
    """Meters an answer against its reservation; `estimate` counts tokens, `more` reserves missing ones and returns how many."""

    def __init__(self, tokens_left: float, *, estimate: Callable[[str], int], more: Callable[[int], int]) -> None:
        self._left, self._estimate, self._more = tokens_left, estimate, more
        self._pending: list[str] = []
        self._chars = 0

    def take(self, text: str) -> bool:
        """Counts the next text; returns False when the reservation is exceeded and can't be extended."""
        self._pending.append(text)
        self._chars += len(text)
        if self._chars <= self._left:
            return True
        self._left -= self._estimate("".join(self._pending))
        self._pending.clear()
        self._chars = 0
        if self._left < 0:
            self._left += self._more(ceil(-self._left))
        return self._left >= 0
