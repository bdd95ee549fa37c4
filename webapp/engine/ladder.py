"""The ladder of retries and fallbacks before the first text: retry, without streaming, the next model, then an error."""

import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from webapp.engine.circuit import Circuits
from webapp.engine.metric_events import FellBack, MetricListener, ignore
from webapp.engine.overlap import without_overlap
from webapp.providers.base import ModelRequest, Picture, Provider, ProviderError, Reply, Turn, events_of
from webapp.streaming.events import TRIED, Ended, Event, Notice, Sources, Started, Text, Usage
from webapp.streaming.stop import Stop
from webapp.streaming.topics import Signal

log = logging.getLogger("generation:ladder")

# The provider that must never replace another without a notice.
DEMO = "demo"
RETRIES = 2
BACK_OFF_SECONDS = (0.5, 2.0)
# A server that requests a longer back-off than this is not retried.
PATIENCE_SECONDS = 30.0
NEVER_STEP_ON = {"auth", "credit"}
STREAMING_FAULTS = {"cut", "invalid", "stall", "first_byte", "error"}
# Error messages of servers that refuse to stream: unsupported, or not allowed for this organisation.
SAYS_STREAM = re.compile(r"\bstream(?:s|ed|ing)?\b", re.I)
NOT_THE_MODELS_FAULT = {"auth", "credit", "invalid"}


@dataclass(frozen=True, slots=True)
class Rung:
    """A model of the chain with its provider; `name` is the provider's name for it, `display_name` the one people read."""

    model: str
    provider: Provider
    name: str
    takes_schema: bool = False
    display_name: str = ""
    takes_pictures: bool = True

    def __str__(self) -> str:
        return self.display_name or self.model


@dataclass(frozen=True, slots=True)
class Limits:
    """Timeouts in seconds; 0 means none. `first_byte` applies to one streaming attempt, `total` to one without streaming."""

    first_byte: float
    ladder: float
    total: float
    is_streaming: bool = True


@dataclass(frozen=True, slots=True)
class Attempt:
    """One failed request to a provider, with its error."""

    model: str
    how: str
    seconds: float
    code: str
    message: str
    of_connection: bool = False

    def as_json(self) -> str:
        """Returns it as it is stored; `of_connection` only if it is so."""
        return json.dumps({name: value for name, value in asdict(self).items() if value is not False})


class Ladder:
    """Climbs from rung to rung until a model sends text; after the first text, it neither retries nor falls back."""

    def __init__(
        self,
        request: ModelRequest,
        rungs: Sequence[Rung],
        limits: Limits,
        *,
        circuits: Circuits,
        signal: Callable[[], Signal],
        now: Callable[[], float],
        jitter: Callable[[], float],
        emit: MetricListener = ignore,
    ) -> None:
        self._request, self._rungs, self._limits = request, rungs, limits
        self._circuits, self._signal, self._now, self._jitter, self._emit = circuits, signal, now, jitter, emit
        self._begun_at = now()
        self._has_started = self._has_sent_text = self._is_accepted = False
        self._attempt: Stop | None = None
        self._deadline = float("inf")

    def events(self, stop: Stop) -> Iterator[Event]:
        """Yields the events of the attempt that succeeds, with a notice for every step before it."""
        left = list(self._rungs)
        while left:
            rung = left.pop(0)
            try:
                yield from self._ask(rung, stop)
                return
            except ProviderError as error:
                if error.of_connection:
                    # Its other models would fail in the same way.
                    left = [each for each in left if each.provider is not rung.provider]
                if stop or self._has_sent_text or not left or error.code in NEVER_STEP_ON:
                    raise
                following = left[0]
                self._emit(FellBack(rung.model, following.model, error.code))
                code = "demo_fallback" if following.provider.name == DEMO else "fallback"
                failed = f"{rung} couldn't answer: {error}"
                yield Notice(code, f"{failed} Switching to {following}.", f"{failed} Switched to {following}.")

    def check_timeout(self) -> str:
        """Called every second until the first text: ends an attempt that is late; returns a reason once all time is used up."""
        if self._attempt and self._now() > self._deadline:
            self._attempt.request("first_byte")
        is_over = self._limits.ladder and self._now() - self._begun_at > self._limits.ladder
        return "first_byte" if is_over and not self._has_sent_text else ""

    def _ask(self, rung: Rung, stop: Stop) -> Iterator[Event]:
        if rest := self._circuits.rest_seconds(rung.model):
            words = f"{rung} failed several times in a row and is paused for {max(1, round(rest))} s."
            raise ProviderError("error", words, retryable=True, retry_after=rest)
        if not rung.takes_pictures and any(turn.pictures for turn in self._request.turns):
            yield Notice("images_left_out", f"{rung} can't see images, so it got only their names.")
        try:
            yield from self._streamed_or_whole(rung, stop)
        except ProviderError as error:
            if error.code not in NOT_THE_MODELS_FAULT and not stop:
                self._circuits.failed(rung.model)
            raise

    def _streamed_or_whole(self, rung: Rung, stop: Stop) -> Iterator[Event]:
        if not self._limits.is_streaming:
            yield from self._attempted(rung, "whole", stop)
            return
        for tries in range(RETRIES + 1):
            try:
                yield from self._attempted(rung, "stream", stop)
                return
            except ProviderError as error:
                if stop or self._has_sent_text:
                    raise
                wait_seconds = self._wait_seconds(error, tries)
                if wait_seconds is None and not self._is_streams_fault(error):
                    raise
                yield self._step("whole" if wait_seconds is None else "retry", rung, error, wait_seconds or 0.0)
            if wait_seconds is None:
                yield from self._attempted(rung, "whole", stop)
                return
            if stop.wait(wait_seconds):
                return

    def _is_streams_fault(self, error: ProviderError) -> bool:
        """Returns whether to retry without streaming: after a broken stream, or when the server refused to stream."""
        if error.of_connection or error.code not in STREAMING_FAULTS:
            return False
        return self._is_accepted or bool(SAYS_STREAM.search(error.message))

    def _attempted(self, rung: Rung, how: str, stop: Stop) -> Iterator[Event]:
        begun_at, self._is_accepted = self._now(), False
        limit = self._limits.first_byte if how == "stream" else self._limits.total
        attempt = self._attempt = Stop(self._signal)
        self._deadline = begun_at + limit if limit else float("inf")
        try:
            with stop.aborting(lambda: attempt.request(stop.reason)):
                yield from self._events_of(rung, how, attempt)
            if self._is_late(stop):
                raise ProviderError("stall", "stopped")
        except ProviderError as failure:
            late = ProviderError("first_byte", f"{rung} didn't start to answer in time.")
            error = late if self._is_late(stop) else failure
            seconds = round(self._now() - begun_at, 2)
            tried = Attempt(rung.model, how, seconds, error.code, str(error), error.of_connection)
            log.info("%s (%s) failed after %.1f s: %s", tried.model, tried.how, tried.seconds, tried.code)
            yield Notice(TRIED, str(error), tried.as_json())
            raise error from None
        finally:
            self._attempt = None

    def _is_late(self, stop: Stop) -> bool:
        """Returns whether the timeout ended the attempt; a stopped one ends normally, or as if the connection was cut."""
        return not stop and self._attempt is not None and self._attempt.reason == "first_byte"

    def _events_of(self, rung: Rung, how: str, attempt: Stop) -> Iterator[Event]:
        schema = self._request.schema if rung.takes_schema else ""
        turns = tuple(turn.keeping(_sent(rung, turn)) if turn.pictures else turn for turn in self._request.turns)
        request, provider = replace(self._request, model=rung.name, schema=schema, turns=turns), rung.provider
        events = (
            provider.stream(request, attempt) if how == "stream" else _reply_events(rung, provider.complete(request, attempt))
        )
        if request.is_continuation and provider.continuation == "instruct":
            events = without_overlap(request.turns[-1].content, events)
        for event in events:
            if isinstance(event, Started):
                yield from self._started(event)
            else:
                self._note(rung, event)
                yield event

    def _started(self, event: Started) -> Iterator[Event]:
        self._is_accepted = True
        if self._has_started:
            # `Started` is only sent once; the model that answers in the end is reported as usage.
            yield Usage(model=event.model)
            return
        self._has_started = True
        yield event
        yield from self._request.notices
        if self._request.sources:
            yield Sources(self._request.sources)

    def _note(self, rung: Rung, event: Event) -> None:
        if isinstance(event, Text) and event.text:
            self._has_sent_text = True
            self._deadline = float("inf")
        elif isinstance(event, Ended):
            # Noted at the end event, as the consumer does not exhaust the iterator.
            self._circuits.succeeded(rung.model)

    def _wait_seconds(self, error: ProviderError, tries: int) -> float | None:
        """Returns the back-off before the same model is tried again; None if a retry is pointless."""
        if not error.retryable or tries == RETRIES:
            return None
        seconds = error.retry_after if error.retry_after is not None else BACK_OFF_SECONDS[tries] * (0.75 + self._jitter() / 2)
        left = self._begun_at + (self._limits.ladder or float("inf")) - self._now()
        return seconds if seconds <= min(PATIENCE_SECONDS, left) else None

    def _step(self, code: str, rung: Rung, error: ProviderError, seconds: float) -> Notice:
        if code == "whole":
            self._emit(FellBack(rung.model, rung.model, error.code))
            now, then = "is asked again without streaming.", "was asked again without streaming."
        else:
            pause = f"{max(1, round(seconds))} s"
            now, then = f"is asked again in {pause}.", f"was asked again after {pause}."
        return Notice(code, f"{error} {rung} {now}", f"{error} {rung} {then}")


def _sent(rung: Rung, turn: Turn) -> Iterator[Picture]:
    """Yields the pictures that a model is sent: those of types that it accepts and whose files still exist."""
    return (each for each in turn.pictures if rung.takes_pictures and each.path.is_file())


def _reply_events(rung: Rung, reply: Reply) -> Iterator[Event]:
    yield Started(reply.model or rung.name, rung.provider.name)
    yield from events_of(reply)
