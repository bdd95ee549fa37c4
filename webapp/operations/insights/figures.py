"""Figures of answers: number, success, speed and cost. Pure."""

from array import array
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple, TypeVar

from webapp.operations.usage.exact import plus

BROKEN = ("failed", "interrupted")
STEPS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}


class AnswerFacts(NamedTuple):
    """An answer that has ended, with the hour of its request. Times count from the request; None if unknown.

    `prompt` names the versions of the prompts that led it.
    """

    hour: str
    kind: str
    user_id: str | None
    model: str
    is_broken: int
    first_text_ms: int | None
    duration_ms: int | None
    is_fallback: int
    input_tokens: int | None
    output_tokens: int | None
    cost: str | None
    reading_ms: int | None = None
    prompt: str = ""


class Day(NamedTuple):
    """The sum of all answers of one day in UTC with the same kind, person, model and prompt; `hour` is the day's first."""

    hour: str
    kind: str
    user_id: str | None
    model: str
    figures: "Figures"
    prompt: str = ""


Known = AnswerFacts | Day
K = TypeVar("K", bound=Hashable)
By = Callable[[Known], Any]


def times(values: Iterable[int] = ()) -> "array[int]":
    """Creates a compact array of times for a year's answers: eight bytes each, which the garbage collector does not traverse."""
    return array("q", values)


@dataclass(slots=True)
class Figures:
    """Sums over answers; unknown values of an answer are not counted, and without answers all rates are None.

    `first_texts` can be empty where only sums are needed.
    """

    answers: int = 0
    broken: int = 0
    fallbacks: int = 0
    first_texts: "array[int]" = field(default_factory=times)
    first_text_count: int = 0
    first_text_total_ms: int = 0
    duration_count: int = 0
    duration_total_ms: int = 0
    waiting_saved_ms: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    reading_count: int = 0
    reading_total_ms: int = 0
    cost: Decimal | None = None

    def add(self, one: Known) -> None:
        if isinstance(one, Day):
            self.merge(one.figures)
        else:
            self._count(one)

    def merge(self, more: "Figures") -> None:
        """Adds figures that were summed up before."""
        # A year has ten thousand of them, each added six times: a loop over `SUMS` would take four times as long, 0.3 seconds.
        self.answers += more.answers
        self.broken += more.broken
        self.fallbacks += more.fallbacks
        self.first_text_count += more.first_text_count
        self.first_text_total_ms += more.first_text_total_ms
        self.duration_count += more.duration_count
        self.duration_total_ms += more.duration_total_ms
        self.waiting_saved_ms += more.waiting_saved_ms
        self.input_tokens += more.input_tokens
        self.output_tokens += more.output_tokens
        self.reading_count += more.reading_count
        self.reading_total_ms += more.reading_total_ms
        self.first_texts += more.first_texts
        if more.cost is not None:
            self.cost = plus(self.cost, more.cost)

    def _count(self, one: AnswerFacts) -> None:
        self.answers += 1
        self.broken += one.is_broken
        self.fallbacks += one.is_fallback
        self.input_tokens += one.input_tokens or 0
        self.output_tokens += one.output_tokens or 0
        if one.first_text_ms is not None:
            self.first_texts.append(one.first_text_ms)
            self.first_text_count += 1
            self.first_text_total_ms += one.first_text_ms
        if one.duration_ms is not None:
            self.duration_count += 1
            self.duration_total_ms += one.duration_ms
        if one.first_text_ms is not None and one.duration_ms is not None:
            self.waiting_saved_ms += max(0, one.duration_ms - one.first_text_ms)
        if one.reading_ms is not None:
            self.reading_count += 1
            self.reading_total_ms += one.reading_ms
        if one.cost is not None:
            self.cost = plus(self.cost, Decimal(one.cost))

    @property
    def success_rate(self) -> float | None:
        """The share of answers that neither failed nor remained cut off; someone wanted a stopped one to stop, so it counts."""
        return share(self.answers - self.broken, self.answers)

    @property
    def error_rate(self) -> float | None:
        return share(self.broken, self.answers)

    @property
    def fallback_rate(self) -> float | None:
        return share(self.fallbacks, self.answers)

    @property
    def first_text_ms(self) -> float | None:
        return share(self.first_text_total_ms, self.first_text_count)

    @property
    def duration_ms(self) -> float | None:
        return share(self.duration_total_ms, self.duration_count)

    @property
    def reading_ms(self) -> float | None:
        return share(self.reading_total_ms, self.reading_count)

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


# The fields that are added up.
SUMS = (
    "answers",
    "broken",
    "fallbacks",
    "first_text_count",
    "first_text_total_ms",
    "duration_count",
    "duration_total_ms",
    "waiting_saved_ms",
    "input_tokens",
    "output_tokens",
    "reading_count",
    "reading_total_ms",
)
METRICS: dict[str, Callable[[Figures], float | None]] = {
    "answers": lambda of: of.answers,
    "success_rate": lambda of: of.success_rate,
    "error_rate": lambda of: of.error_rate,
    "fallback_rate": lambda of: of.fallback_rate,
    "ttft_avg_ms": lambda of: of.first_text_ms,
    "ttft_p50_ms": lambda of: percentile(of.first_texts, 50),
    "ttft_p95_ms": lambda of: percentile(of.first_texts, 95),
    "duration_avg_ms": lambda of: of.duration_ms,
    "reading_avg_ms": lambda of: of.reading_ms,
    "cost": lambda of: None if of.cost is None else float(of.cost),
    "tokens": lambda of: of.tokens,
}
# Figures that say little about a single step of a page's table, but are shown for a whole period.
SERIES = METRICS | {
    "waiting_saved_ms": lambda of: of.waiting_saved_ms,
    "reading_ms": lambda of: of.reading_total_ms if of.reading_count else None,
}


def summed(answers: Iterable[Known]) -> Figures:
    figures = Figures()
    for answer in answers:
        figures.add(answer)
    return figures


def summed_by(answers: Iterable[Known], groupings: Mapping[str, By]) -> tuple[Figures, dict[str, dict[Any, Figures]]]:
    """Returns the sum of all answers, and the sums of each grouping, in one pass that keeps no answers."""
    whole, parts = Figures(), {name: dict[Any, Figures]() for name in groupings}
    for answer in answers:
        whole.add(answer)
        for name, by in groupings.items():
            add_sums(parts[name], by(answer), answer)
    return whole, parts


def add_sums(parts: dict[K, Figures], key: K, one: Known) -> None:
    """Adds an answer to the figures of its group, but drops the single times, which groups don't need."""
    part = parts.setdefault(key, Figures())
    part.add(one)
    del part.first_texts[:]


def most_first(parts: Mapping[str, Figures]) -> dict[str, Figures]:
    """Sorts by the number of answers, most first."""
    return dict(sorted(parts.items(), key=lambda one: (-one[1].answers, one[0])))


def over_time(answers: Iterable[Known], since: datetime, until: datetime, step: str) -> dict[datetime, Figures]:
    """Returns the figures of each step of a period, also of empty ones; hours and days are in UTC."""
    figures, by = steps(since, until, step), stepping(step)
    for answer in answers:
        figures[by(answer)].add(answer)
    return figures


def steps(since: datetime, until: datetime, step: str) -> dict[datetime, Figures]:
    """Returns empty figures for each step of a period."""
    figures, at = dict[datetime, Figures](), beginning(since, step)
    while at < until:
        figures[at] = Figures()
        at += STEPS[step]
    return figures


def stepping(step: str) -> Callable[[Known], datetime]:
    """Returns a function that returns the step in which an answer was requested."""
    of_hour = cache(lambda hour: beginning(datetime.strptime(f"{hour} +0000", "%Y-%m-%d %H %z"), step))
    return lambda one: of_hour(one.hour)


def beginning(moment: datetime, step: str) -> datetime:
    """Returns when the hour, day or week that contains a moment began."""
    hour = moment.replace(minute=0, second=0, microsecond=0)
    day = hour if step == "hour" else hour.replace(hour=0)
    return day - timedelta(days=day.weekday()) if step == "week" else day


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def percentile(values: Sequence[int], hundredths: int) -> float | None:
    """Returns a percentile: the smallest value that at least this percentage of the values does not exceed."""
    # A million times have only a few thousand distinct values.
    counts, rank = Counter(values), max(1, -(-len(values) * hundredths // 100))
    for value in sorted(counts):
        rank -= counts[value]
        if rank <= 0:
            return value
    return None
