"""Limits the length of a plan's stream and, if the result is incomplete or invalid, calls the model once more to repair it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal

from webapp.engine.engine import Source
from webapp.plans.draft import SEPARATOR, heading
from webapp.plans.ending import ParsedPlan
from webapp.streaming.events import Delta, Ended, Event, Notice, Started, Usage
from webapp.streaming.failure import ProviderError
from webapp.streaming.stop import Stop

MOST_CHARS = 256 * 1024
# Limits that were set on purpose are not circumvented, and a request that was not admitted is not repeated.
WITHOUT_REPAIR = {"length", "content_filter"}
NOT_REPAIRED = {"auth", "credit", "rate"}


class RepairingSource:
    """Passes on the events of the first source. `judge` parses its text, `ask` returns the source for the wrong parts."""

    def __init__(self, first: Source, judge: Callable[[str], ParsedPlan], ask: Callable[[ParsedPlan], Source]) -> None:
        self._source, self._judge, self._ask = first, judge, ask
        self._text: list[str] = []
        self._chars = 0
        self._usages: list[Usage] = []

    def check_timeout(self) -> str:
        return self._source.check_timeout()

    def events(self, stop: Stop) -> Iterator[Event]:
        failure, end = None, None
        try:
            for event in self._limited(self._source, stop):
                if isinstance(event, Ended):
                    end = event
                else:
                    yield event
        except ProviderError as error:
            failure = error
        if not stop and self._needs_repair(end, failure):
            found = self._judge("".join(self._text))
            if found.places:
                yield from self._repaired(found, stop)
                failure, end = self._settled(failure, end)
        if failure:
            raise failure
        if end:
            yield end

    def _needs_repair(self, end: Ended | None, failure: ProviderError | None) -> bool:
        if failure:
            return bool(self._text) and failure.code not in NOT_REPAIRED
        return end is not None and end.reason not in WITHOUT_REPAIR

    def _repaired(self, found: ParsedPlan, stop: Stop) -> Iterator[Event]:
        places = found.places
        yield Notice("mending", _lack(len(places), "is", "are"), _lack(len(places), "was", "were"))
        before, self._usages = _sum(self._usages), []
        yield Delta(heading(places))
        self._text.append(heading(places))
        self._source = self._ask(found)
        try:
            for event in self._limited(self._source, stop):
                if not isinstance(event, Started | Ended | Usage):
                    yield event
        except ProviderError as error:
            yield Notice("not_mended", f"That didn't work: {error}")
        after = _sum(self._usages)
        if both := _added(before, after):
            yield both

    def _settled(self, failure: ProviderError | None, end: Ended | None) -> tuple[ProviderError | None, Ended | None]:
        """Returns no failure and a completed end if the repaired plan is complete after all."""
        if failure and self._judge("".join(self._text)).is_complete:
            return None, Ended("completed", "stop")
        return failure, end

    def _limited(self, source: Source, stop: Stop) -> Iterator[Event]:
        with closing(source.events(stop)) as events:  # type: ignore[type-var]  # every source is a generator
            for event in events:
                if isinstance(event, Usage):
                    self._usages.append(event)
                yield self._within_limits(event, stop) if isinstance(event, Delta) else event

    def _within_limits(self, event: Delta, stop: Stop) -> Delta:
        text = event.text.replace(SEPARATOR, " ")[: max(0, MOST_CHARS - self._chars)]
        self._chars += len(event.text)
        self._text.append(text)
        if self._chars >= MOST_CHARS:
            stop.request("cap")
        return Delta(text)


def _lack(count: int, one: str, several: str) -> str:
    parts = f"One part {one}" if count == 1 else f"{count} parts {several}"
    return f"{parts} missing or wrong: the model was asked for {'that' if count == 1 else 'those'} alone."


def _sum(usages: list[Usage]) -> Usage | None:
    whole: Usage | None = None
    for usage in usages:
        whole = whole.updated(usage) if whole else usage
    return whole


def _added(one: Usage | None, other: Usage | None) -> Usage | None:
    """Returns the sum of two requests' usage; a count that is unknown for one of them is unknown for both."""
    if not one or not other:
        return one or other

    def both(first: int | None, second: int | None) -> int | None:
        return None if first is None or second is None else first + second

    cost = f"{Decimal(one.cost) + Decimal(other.cost):f}" if one.cost and other.cost else None
    tokens = both(one.input_tokens, other.input_tokens), both(one.output_tokens, other.output_tokens)
    return Usage(*tokens, cost, other.model or one.model)
