"""Which messages of a chat are retold, before they no longer fit. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

# Of what the history may take: from how much on the oldest is retold, and how much then stays word for word. What lies
# between is for what is said while the model writes.
FULL, STAYS = 2 / 3, 1 / 2


@dataclass(frozen=True, slots=True)
class Room:
    """What the history of a chat may take in a prompt, in tokens and in messages; nothing said is no limit."""

    tokens: int | None = None
    messages: int | None = None

    @property
    def is_endless(self) -> bool:
        return self.tokens is None and self.messages is None

    def holds(self, tokens: int, messages: int, share: float) -> bool:
        limits = ((tokens, self.tokens), (messages, self.messages))
        return all(most is None or used <= most * share for used, most in limits)


def staying(newest_first: Iterable[tuple[str, int]], room: Room) -> int | None:
    """How many of these messages stay as they are, by their roles and tokens; None while all of them can.

    Whole exchanges stay: those that leave enough room, and the newest as long as it fits.
    """
    tokens = messages = stays = 0
    for count, (role, cost) in enumerate(newest_first, 1):
        tokens, messages = tokens + cost, messages + bool(cost)
        if not room.holds(tokens, messages, FULL):
            return stays
        if role == "user" and (not stays or room.holds(tokens, messages, STAYS)):
            stays = count
    return None
