"""The lines of the health page, and the features that add to them. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from webapp.base.languages import gettext as _

Tone = Literal["", "ok", "warn", "bad"]
SIGNS: dict[Tone, str] = {"ok": "fine", "warn": "check this", "bad": "broken", "": ""}


@dataclass(frozen=True)
class HealthFact:
    """A subject, its state, and a hint on what to do if that is not good."""

    name: str
    words: str
    tone: Tone = ""
    hint: str = ""

    @property
    def sign(self) -> str:
        """The tone as a word, for people who do not see colours."""
        return _(SIGNS[self.tone])


@dataclass(frozen=True)
class Chapter:
    title: str
    facts: Sequence[HealthFact]


@dataclass(frozen=True)
class MoreFacts:
    """A chapter that a feature `brings`."""

    chapter: Callable[[], Chapter]


def size(count: float) -> str:
    """Formats a size like `340 KB` or `1.2 GB`."""
    units = ["bytes", "KB", "MB", "GB"]
    while count >= 1000 and len(units) > 1:
        count /= 1024
        units.pop(0)
    is_round = units[0] in ("bytes", "KB") or count >= 100
    return f"{count:,.0f} {units[0]}" if is_round else f"{count:.1f} {units[0]}"
