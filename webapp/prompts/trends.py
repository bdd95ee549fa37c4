"""How often prompts were used on the last days: a later feature counts that, and the library shows it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from webapp.base.words import plural
from webapp.people.accounts.tables import User
from webapp.web.feature import brought

# The size of the picture of a trend, in its SVG units: a bar a day.
BAR, HEIGHT = 6, 20


@dataclass(frozen=True, slots=True)
class PromptCounts:
    """Counts answers that this person can see by the key of their prompts, for each of the last days, oldest first."""

    of_days: Callable[[User], Mapping[str, Sequence[int]]]


@dataclass(frozen=True, slots=True)
class Trend:
    """The answers of each day as bars (x, y and height), and all of them in words."""

    bars: tuple[tuple[int, float, float], ...]
    width: int
    words: str


def trends_of(me: User) -> dict[str, Trend]:
    """Returns the trend of each built-in key that was used lately."""
    found = (each.of_days(me) for each in brought(PromptCounts))
    return {key: _trend(days) for counts in found for key, days in counts.items() if any(days)}


def _trend(days: Sequence[int]) -> Trend:
    most = max(days)
    # A day without answers has a line.
    heights = [1 + round(count / most * (HEIGHT - 1), 1) for count in days]
    bars = tuple((number * BAR, HEIGHT - height, height) for number, height in enumerate(heights))
    return Trend(bars, len(days) * BAR, f"{plural(sum(days), 'answer')} in {plural(len(days), 'day')}")
