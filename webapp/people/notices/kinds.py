"""The kinds of notices: what each says without its text, how urgent it is, and how long a device waits for it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

HOUR = 3600
Urgency = Literal["low", "normal", "high"]
KindName = Literal["answer", "waiting", "schedule", "budget"]


@dataclass(frozen=True, slots=True)
class NoticeKind:
    """A kind: `title` is the whole notice for those who don't want its text, `noun` and `nouns` count several.

    A push service drops one that it could not deliver for `ttl_seconds`. With `is_seen_by_visit`, one that was held for quiet
    hours is of no use to a person who has been here since.
    """

    label: str
    title: str
    noun: str
    nouns: str
    urgency: Urgency
    ttl_seconds: int
    is_seen_by_visit: bool = False

    def counted(self, count: int) -> str:
        return f"{count} {self.noun if count == 1 else self.nouns}"


KINDS: Mapping[str, NoticeKind] = {
    "answer": NoticeKind(
        "An answer is ready while I’m away",
        "An answer is ready",
        "answer is ready",
        "answers are ready",
        "normal",
        4 * HOUR,
        is_seen_by_visit=True,
    ),
    "waiting": NoticeKind(
        "A tool needs my decision", "A call waits for you", "call waits for you", "calls wait for you", "high", 24 * HOUR
    ),
    "schedule": NoticeKind(
        "A schedule has a result", "A schedule has a result", "schedule result", "schedule results", "normal", 12 * HOUR
    ),
    "budget": NoticeKind(
        "My budget is low or used up",
        "About your budget",
        "update about your budget",
        "updates about your budget",
        "low",
        24 * HOUR,
    ),
}
