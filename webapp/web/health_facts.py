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
