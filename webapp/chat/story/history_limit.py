"""Decides which messages of a chat are retold before they no longer fit. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

# Fractions of the room for the history: when it is filled to `FULL`, the oldest messages are retold until `STAYS` remains word
# for word. The difference is headroom for messages added while the model writes the story.
FULL, KEPT = 2 / 3, 1 / 2


@dataclass(frozen=True, slots=True)
class HistoryLimit:
    """The room for a chat's history in a prompt, in tokens and messages; None is no limit."""

    tokens: int | None = None
    messages: int | None = None

    @property
    def is_endless(self) -> bool:
        return self.tokens is None and self.messages is None

    def holds(self, tokens: int, messages: int, share: float) -> bool:
        limits = ((tokens, self.tokens), (messages, self.messages))
        return all(most is None or used <= most * share for used, most in limits)


def count_kept(newest_first: Iterable[tuple[str, int]], room: HistoryLimit) -> int | None:
    """Returns how many messages, given by role and tokens, stay word for word; None if all of them can.

    Whole exchanges stay: those that leave enough room, and the newest if it fits.
    """
    tokens = messages = stays = 0
    for count, (role, cost) in enumerate(newest_first, 1):
        tokens, messages = tokens + cost, messages + bool(cost)
        if not room.holds(tokens, messages, FULL):
            return stays
        if role == "user" and (not stays or room.holds(tokens, messages, KEPT)):
            stays = count
    return None
