"""Calls of tools in a period: how many there were, how they ended and how long they took, by tool and by day."""

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from webapp.operations.insights.figures import percentile, times
from webapp.operations.insights.queries import AnswerFilter, called
from webapp.tools.offers import built_in_tools

# Models also call tools that don't exist, by any name.
MOST_TOOLS = 50
OTHERS = "others"


@dataclass(slots=True)
class CallFigures:
    """Sums over calls; what has no time, such as a question to a person, is not in the median."""

    states: Counter[str] = field(default_factory=Counter)
    times: "array[int]" = field(default_factory=times)

    def add(self, state: str, ms: int | None) -> None:
        self.states[state] += 1
        if ms is not None:
            self.times.append(ms)

    def merge(self, more: "CallFigures") -> None:
        self.states += more.states
        self.times += more.times

    @property
    def calls(self) -> int:
        return self.states.total()

    @property
    def median_ms(self) -> float | None:
        return percentile(self.times, 50) if self.times else None


def calls_of_period(answer_filter: AnswerFilter) -> tuple[dict[str, CallFigures], dict[datetime, CallFigures]]:
    """Returns the figures by tool, most calls first, and by day, oldest first."""
    return summed(called(answer_filter))


def summed(calls: Iterable[tuple[datetime, str, str, int | None]]) -> tuple[dict[str, CallFigures], dict[datetime, CallFigures]]:
    """Returns the sums of these calls by tool and by day; tools beyond the most used ones together."""
    tools, days = dict[str, CallFigures](), dict[datetime, CallFigures]()
    for day, tool, state, ms in calls:
        tools.setdefault(tool, CallFigures()).add(state, ms)
        days.setdefault(day, CallFigures()).add(state, ms)
    by_use = sorted(tools.items(), key=lambda one: (-one[1].calls, one[0]))
    first = dict(by_use[:MOST_TOOLS])
    for _, figures in by_use[MOST_TOOLS:]:
        first.setdefault(OTHERS, CallFigures()).merge(figures)
    return first, days


def title_of(tool: str) -> str:
    """Returns the title of a tool that comes with Millrace, in the language of the page; any other is named by its key."""
    known = built_in_tools().get(tool)
    return known.words if known else tool
