"""The rounds of a model, read as one answer: it starts once, its usage is that of all rounds, and calls are handed over whole."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from decimal import Decimal

from webapp.engine.live import EventSource
from webapp.models.fitting import FITTED
from webapp.models.providers.base import ModelRequest, ToolCall
from webapp.streaming.events import (
    FOLLOWED,
    Asking,
    Calling,
    Delta,
    Ended,
    Event,
    Kept,
    Notice,
    Reasoning,
    Sources,
    Started,
    Usage,
)
from webapp.streaming.stop import Stop
from webapp.streaming.transcript import Transcript

# How often readers are told of a call that is being written.
TOLD_SECONDS = 0.25


@dataclass(slots=True)
class Round:
    """What a model has said in one round: its calls by their places, if it ended with them, and its end unless it was cut off.

    `kept` is what its provider wants back with the calls. With `is_programs`, it has also called tools of a program, and the
    pieces of those calls have been passed on.
    """

    calls: dict[int, ToolCall] = field(default_factory=dict)
    kept: str = ""
    ended: Ended | None = None
    is_programs: bool = False


@dataclass(slots=True)
class _Written:
    """A call while the model writes it."""

    id: str = ""
    tool: str = ""
    pieces: list[str] = field(default_factory=list)
    chars: int = 0
    # How many of the pieces readers have been told.
    told: int = 0

    def add(self, piece: Calling) -> None:
        self.id, self.tool = self.id or piece.id, self.tool or piece.tool
        self.pieces.append(piece.arguments)
        self.chars += len(piece.arguments)

    def news(self) -> str:
        """Returns what readers have not been told yet."""
        news, self.told = "".join(self.pieces[self.told :]), len(self.pieces)
        return news


class Rounds:
    """Reads round after round. `ladder` makes the source of one, and `program_names` are the tools that are a program's.

    `text` is what the answer has already, with its last calls after `called_at` characters; `transcript` is the log so far.
    """

    def __init__(
        self,
        ladder: Callable[[ModelRequest], EventSource],
        *,
        now: Callable[[], float],
        stall_seconds: float,
        text: str = "",
        called_at: int | None = None,
        transcript: Transcript | None = None,
        program_names: frozenset[str] = frozenset(),
    ) -> None:
        self._ladder, self._now, self._stall_seconds, self._program_names = ladder, now, stall_seconds, program_names
        self._text, self._called_at = [text, transcript.text if transcript else ""], called_at
        self.chars = sum(map(len, self._text))
        self.has_started = bool(transcript and transcript.started)
        self._spent, self._usage = (transcript.usage if transcript else None), Usage()
        self._source: EventSource | None = None
        self._is_fitted = bool(transcript and any(notice.code == FITTED for notice in transcript.notices))
        self.is_between = True
        # When the last piece of a call was heard that no reader is told of.
        self._heard_at: float | None = None

    @property
    def text(self) -> str:
        self._text = ["".join(self._text)]
        return self._text[0]

    @property
    def usage(self) -> Usage:
        """The usage of all rounds so far; what one of them doesn't report is missing in the sum."""
        spent, now = self._spent, self._usage
        if not spent:
            return now
        return replace(
            now,
            input_tokens=_sum(spent.input_tokens, now.input_tokens),
            output_tokens=_sum(spent.output_tokens, now.output_tokens),
            cost=_cost(spent.cost, now.cost),
            model=now.model or spent.model,
            upstream_id=now.upstream_id or spent.upstream_id,
        )

    def spend(self, *costs: str) -> Usage:
        """Adds what calls have cost; returns the usage with it."""
        spent = self._spent or Usage()
        self._spent = replace(spent, cost=_cost(spent.cost, *costs))
        return self.usage

    def check_timeout(self) -> str:
        """Watches the source of the round, and the pauses of a model that writes calls, which are no text."""
        if self._heard_at is not None and self._stall_seconds and self._now() - self._heard_at > self._stall_seconds:
            return "stall"
        return self._source.check_timeout() if self._source else ""

    def prepare(self, request: ModelRequest) -> None:
        """Makes the source of the next round; raises if the model is not available."""
        self._source = self._ladder(request)

    def read(self, stop: Stop, asking: Callable[[str], Asking]) -> Generator[Event, None, Round]:
        """Reads the round that is prepared; yields its events as those of the whole answer, and returns what it has said.

        `asking` returns what is told of a call of the tool of this name, which is completed here.
        """
        assert self._source, "the round is prepared"
        told_at = float("-inf")
        said, written, numbers = Round(), dict[int, _Written](), dict[int, int]()
        self._usage, self._heard_at, self.is_between = Usage(), None, True
        with closing(self._source.events(stop)) as events:  # type: ignore[type-var]  # every source is a generator
            for event in events:
                match event:
                    case Calling(number, tool=tool) if number in numbers or tool in self._program_names:
                        self.is_between = False
                        yield replace(event, number=numbers.setdefault(number, len(numbers)))
                    case Calling(number):
                        self.is_between = True
                        now = self._heard_at = self._now()
                        call = written.setdefault(number, _Written())
                        call.add(event)
                        if now - told_at >= TOLD_SECONDS:
                            told_at = now
                            yield replace(asking(call.tool), number=number, arguments=call.news(), chars=call.chars)
                    case Kept(data):
                        said.kept = data
                    case Ended(reason=reason):
                        said.ended, said.is_programs = event, bool(numbers)
                        if reason == "calls" and written:
                            self._spent, self._usage, self._called_at = self.usage, Usage(), self.chars
                            said.calls = _whole(written, numbers)
                        break
                    case _:
                        yield from self._passed_on(event)
        return said

    def _passed_on(self, event: Event) -> Iterator[Event]:
        match event:
            case Started(model=model) if self.has_started:
                yield Usage(model=model)
            case Started():
                self.has_started = True
                yield event
            case Sources() if self._called_at is not None:
                return
            case Usage():
                self._usage = self._usage.updated(event)
                yield self.usage
            case Notice(code=code) if code == FITTED and self._is_fitted:
                # Each round is longer than the one before: it is said once.
                return
            case Notice(code=code):
                self._is_fitted = self._is_fitted or code == FITTED
                yield event
                if code in FOLLOWED and self._spent:
                    self._usage = Usage()
                    yield self._spent
            case Delta():
                piece = Delta(f"\n\n{event.text.lstrip()}") if self._needs_gap() else event
                self.is_between = False
                self._text.append(piece.text)
                self.chars += len(piece.text)
                yield piece
            case Reasoning():
                self.is_between = False
                yield event
            case _:
                yield event

    def _needs_gap(self) -> bool:
        """Returns whether the text before the last calls would run into the one after them, which begins now."""
        if self._called_at is None or self.chars > self._called_at:
            return False
        return bool(self.text.strip()) and not self.text.endswith("\n")


def _whole(written: Mapping[int, _Written], others: Iterable[int]) -> dict[int, ToolCall]:
    """Returns the written calls by their places in the round, where `others` have theirs too."""
    places = {number: place for place, number in enumerate(sorted({*written, *others}))}
    return {places[at]: ToolCall(call.id, call.tool, "".join(call.pieces)) for at, call in sorted(written.items())}


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _cost(*costs: str | None) -> str | None:
    known = [Decimal(cost) for cost in costs if cost is not None]
    return f"{sum(known, Decimal()):f}" if known else None
