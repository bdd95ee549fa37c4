"""The ladder of retries and fallbacks before the first text: retry, shorter, without streaming, the next model, then an error."""

import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

from webapp.base.words import number
from webapp.engine.metric_events import FellBack, MetricListener, ignore
from webapp.engine.state.circuit import Circuits
from webapp.models.fitting import Fit
from webapp.models.providers.base import AttachedImage, ModelRequest, Provider, Reply, Turn, events_of, flattened
from webapp.streaming.events import ATTEMPT_NOTICE, Calling, Delta, Ended, Event, Notice, Pictured, Sources, Started, Text, Usage
from webapp.streaming.failure import ProviderError, TooLong
from webapp.streaming.stop import Stop
from webapp.streaming.topics import Signal

log = logging.getLogger("generation:ladder")

# The provider that must never replace another without a notice.
DEMO = "demo"
RETRIES = 2
BACK_OFF_SECONDS = (0.5, 2.0)
# A server that has cut a stream can close its connection only after that, and a request sent on it by then would be lost.
CLOSING_SECONDS = 0.5
# A server that requests a longer back-off than this is not retried. Where another model can answer, the retries of one model last
# no longer than the second limit, nor than half of the timeout for the first text.
PATIENCE_SECONDS, PATIENCE_BEFORE_ANOTHER_SECONDS = 30.0, 3.0
# How long a model that makes pictures may be silent, as one that is asked for a picture alone.
PICTURE_SECONDS = 180.0
# Errors that every model of a connection shares.
OF_CONNECTION = {"auth", "credit"}
# Errors that a request without streaming can avoid.
STREAMING_FAULTS = {"error", "cut", "stall", "first_byte"}
# Errors after which the same request is not repeated: people would wait for a silence twice, or pay for an empty answer twice.
NEVER_REPEATED = {"stall", "first_byte", "no_text"}
# Error messages of servers that refuse to stream: unsupported, or not allowed for this organisation.
SAYS_STREAM = re.compile(r"\bstream(?:s|ed|ing)?\b", re.I)
NO_TEXT = {
    "length": "{model} reached its length limit before it wrote any text.",
    "content_filter": "The content filter of {model} stopped the answer before its first text.",
}
PAUSED = {
    "rate": "{model} has had too many requests and is paused for {seconds} s.",
    "error": "{model} failed several times in a row and is paused for {seconds} s.",
}
# Shorter repetitions are ordinary language, not a model that starts its sentence again.
SHORTEST = 16
LONGEST = 400


@dataclass(frozen=True, slots=True)
class Rung:
    """A model of the chain with its provider; `name` is the provider's name for it, `display_name` the one people read."""

    model: str
    provider: Provider
    name: str
    takes_schema: bool = False
    display_name: str = ""
    takes_pictures: bool = True
    takes_tools: bool = True
    modalities: tuple[str, ...] = ()
    context_length: int | None = None

    def __str__(self) -> str:
        return self.display_name or self.model


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """Timeouts in seconds; 0 means none. `first_byte` applies to one streaming attempt, `total` to one without streaming."""

    first_byte: float
    ladder: float
    total: float
    is_streaming: bool = True


@dataclass(frozen=True, slots=True)
class Attempt:
    """One failed request to a provider, with its error; `retry_after` is the delay in seconds that the server requested."""

    model: str
    how: str
    seconds: float
    code: str
    message: str
    of_connection: bool = False
    retry_after: float | None = None

    def as_notice(self) -> Notice:
        """Returns the notice by which it is stored, and the engine detects rejected API keys; it leaves out what isn't known."""
        known = {name: value for name, value in asdict(self).items() if value is not False and value is not None}
        return Notice(ATTEMPT_NOTICE, self.message, json.dumps(known))


@dataclass(frozen=True, slots=True)
class RungStep:
    """The next request to the model that has just failed: `retry`, or `whole` for one without streaming."""

    code: Literal["retry", "whole"]
    wait_seconds: float


class Ladder:
    """Climbs from rung to rung until a model sends text or calls a tool; after that, it neither retries nor falls back.

    On each rung, up to three requests: a stream, the same again if its error is said to pass, and at last one without streaming
    if the streaming can be at fault. A model that makes pictures has more time, as nothing arrives while it draws. A request
    that is too long for a model is made shorter instead, and `learn` is told what its context holds.
    """

    def __init__(
        self,
        request: ModelRequest,
        rungs: Sequence[Rung],
        limits: AttemptLimits,
        *,
        circuits: Circuits,
        signal: Callable[[], Signal],
        now: Callable[[], float],
        jitter: Callable[[], float],
        emit: MetricListener = ignore,
        learn: Callable[[str, int], object] = lambda _model, _tokens: None,
    ) -> None:
        self._request, self._rungs, self._limits = request, rungs, limits
        self._fit, self._learn = Fit(request), learn
        self._circuits, self._signal, self._now, self._jitter, self._emit = circuits, signal, now, jitter, emit
        self._begun_at = now()
        self._has_started = self._has_sent_text = self._has_answered = self._is_accepted = False
        self._attempt: Stop | None = None
        self._deadline = float("inf")
        # When a model that makes pictures was last heard of.
        self._heard_at: float | None = None

    @property
    def is_between(self) -> bool:
        return self._heard_at is not None

    def events(self, stop: Stop) -> Iterator[Event]:
        """Yields the events of the attempt that succeeds, with a notice for every step before it."""
        rungs = list(self._rungs)
        while rungs:
            rung = rungs.pop(0)
            try:
                yield from self._ask(rung, stop, len(rungs))
                return
            except ProviderError as error:
                if error.of_connection or error.code in OF_CONNECTION:
                    # Its other models would fail in the same way.
                    rungs = [other for other in rungs if other.provider is not rung.provider]
                if stop or self._has_sent_text or not rungs:
                    raise
                following = rungs[0]
                self._emit(FellBack(rung.model, following.model, error.code))
                code = "demo_fallback" if following.provider.name == DEMO else "fallback"
                failed = f"{rung} couldn't answer: {error}"
                yield Notice(code, f"{failed} Switching to {following}.", f"{failed} Switched to {following}.")

    def check_timeout(self) -> str:
        """Called every second until the first text: ends an attempt that is late; returns a reason once all time is used up."""
        # Not by its truth: a stop is false until it is requested.
        if self._attempt is not None and self._now() > self._deadline:
            self._attempt.request("first_byte")
        if self._heard_at is not None:
            return "stall" if self._now() - self._heard_at > PICTURE_SECONDS else ""
        is_over = self._limits.ladder and self._now() - self._begun_at > self._limits.ladder
        return "first_byte" if is_over and not self._has_sent_text else ""

    def _ask(self, rung: Rung, stop: Stop, others: int) -> Iterator[Event]:
        if pause := self._circuits.pause(rung.model):
            words = PAUSED[pause.code].format(model=rung, seconds=max(1, round(pause.seconds)))
            raise ProviderError(pause.code, words, retryable=True, retry_after=pause.seconds)
        with self._circuits.request(rung.model) as is_probe:
            self._fit = Fit.before(self._request, rung.context_length)
            if not rung.takes_pictures and any(turn.pictures for turn in self._request.turns):
                yield Notice("images_left_out", f"{rung} can't see images, so it got only their names.")
            try:
                yield from self._tries(rung, stop, others)
            except ProviderError as error:
                if not stop and not self._has_sent_text:
                    self._circuits.failed(rung.model, error.code, is_probe=is_probe)
                raise

    def _tries(self, rung: Rung, stop: Stop, others: int) -> Iterator[Event]:
        how, tries, begun_at = "stream" if self._limits.is_streaming else "whole", 0, self._now()
        while True:
            try:
                yield from self._attempted(rung, how, stop, others)
                return
            except ProviderError as error:
                if stop or self._has_sent_text:
                    raise
                if error.too_long and self._shortens(rung, error.too_long):
                    continue
                step = self._next_step(error, tries, self._patience_seconds(begun_at, others)) if how == "stream" else None
                if not step:
                    raise
                yield self._notice(step, rung, error)
            if stop.wait(step.wait_seconds):
                return
            how, tries = "whole" if step.code == "whole" else how, tries + 1

    def _shortens(self, rung: Rung, too_long: TooLong) -> bool:
        """Has the same model asked for less, after it refused a request for its length; raises if one message is too long."""
        if self._request.earlier is None:
            return False
        if too_long.limit and too_long.limit != rung.context_length:
            self._learn(rung.model, too_long.limit)
        shorter = self._fit.after(too_long)
        if shorter is None:
            raise ProviderError("invalid", _too_long_words(rung, too_long.limit))
        self._fit = shorter
        return True

    def _next_step(self, error: ProviderError, tries: int, patience_seconds: float) -> RungStep | None:
        """Returns the step after a failed stream; None if another request to the same model is pointless."""
        wait_seconds, is_streams_fault = error.retry_after, self._is_streams_fault(error)
        if wait_seconds is not None and wait_seconds > patience_seconds:
            return None
        # The last request after a fault of streaming is the one without it.
        if error.retryable and error.code not in NEVER_REPEATED and tries < (1 if is_streams_fault else RETRIES):
            back_off_seconds = BACK_OFF_SECONDS[tries] * (0.75 + self._jitter() / 2)
            retry = RungStep("retry", back_off_seconds if wait_seconds is None else wait_seconds)
            if retry.wait_seconds <= patience_seconds:
                return retry
        pause_seconds = CLOSING_SECONDS if error.code == "cut" else 0.0
        return RungStep("whole", wait_seconds or pause_seconds) if is_streams_fault else None

    def _patience_seconds(self, begun_at: float, others: int) -> float:
        """Returns how long the next request to a model can be waited for, which was first asked at `begun_at`."""
        patience_seconds = min(PATIENCE_SECONDS, self._seconds_left())
        if others:
            limit_seconds = min(PATIENCE_BEFORE_ANOTHER_SECONDS, self._limits.first_byte / 2 or float("inf"))
            patience_seconds = min(patience_seconds, begun_at + limit_seconds - self._now())
        return max(0.0, patience_seconds)

    def _is_streams_fault(self, error: ProviderError) -> bool:
        """Returns whether a request without streaming can succeed: after a fault, a silence, or a refusal to stream."""
        if error.of_connection or error.too_long:
            return False
        return error.code in STREAMING_FAULTS or (
            error.code == "invalid" and (self._is_accepted or bool(SAYS_STREAM.search(error.message)))
        )

    def _seconds_left(self) -> float:
        """Returns how much is left of the time for the whole ladder."""
        return self._begun_at + (self._limits.ladder or float("inf")) - self._now()

    def _limit_seconds(self, how: str, others: int) -> float:
        """Returns the timeout of one attempt; one that repeats a stream leaves the other models their share of the time."""
        own_seconds = (self._limits.first_byte if how == "stream" else self._limits.total) or float("inf")
        own_seconds = max(own_seconds, PICTURE_SECONDS) if self._heard_at is not None else own_seconds
        is_repetition = how == "whole" and self._limits.is_streaming
        return min(own_seconds, self._seconds_left() / (1 + others)) if is_repetition else own_seconds

    def _attempted(self, rung: Rung, how: str, stop: Stop, others: int) -> Iterator[Event]:
        begun_at, self._is_accepted = self._now(), False
        self._heard_at = begun_at if rung.modalities else None
        attempt = self._attempt = Stop(self._signal)
        self._deadline = begun_at + self._limit_seconds(how, others)
        try:
            with stop.aborting(lambda: attempt.request(stop.reason)):
                yield from self._events_of(rung, how, attempt)
            if self._is_late(stop):
                raise ProviderError("stall", "stopped")
        except ProviderError as failure:
            late = ProviderError("first_byte", f"{rung} didn't start to answer in time.")
            error = late if self._is_late(stop) else failure
            seconds = round(self._now() - begun_at, 2)
            tried = Attempt(rung.model, how, seconds, error.code, str(error), error.of_connection, error.retry_after)
            log.info("%s (%s) failed after %.1f s: %s", tried.model, tried.how, tried.seconds, tried.code)
            yield tried.as_notice()
            raise error from None
        finally:
            self._attempt = None

    def _is_late(self, stop: Stop) -> bool:
        """Returns whether the timeout ended the attempt; a stopped one ends normally, or as if the connection was cut."""
        return not stop and self._attempt is not None and self._attempt.reason == "first_byte"

    def _events_of(self, rung: Rung, how: str, attempt: Stop) -> Iterator[Event]:
        schema = self._request.schema if rung.takes_schema else ""
        fit = self._fit.request
        turns = tuple(turn.keeping(_sent(rung, turn)) if turn.pictures else turn for turn in fit.turns)
        request, provider = replace(fit, model=rung.name, schema=schema, turns=turns), rung.provider
        request = replace(request, modalities=rung.modalities) if rung.modalities else request
        if not (rung.takes_tools and request.tools):
            # Some servers reject earlier calls where no tools are offered.
            request = replace(request, turns=flattened(request.sent_turns), tools=(), tool_choice="")
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
            if rung.modalities:
                self._heard_at = self._now()

    def _started(self, event: Started) -> Iterator[Event]:
        self._is_accepted = True
        if self._has_started:
            # `Started` is only sent once; the model that answers in the end is reported as usage.
            yield Usage(model=event.model)
            yield from self._fit.notices
            return
        self._has_started = True
        yield event
        yield from self._request.notices
        yield from self._fit.notices
        if self._request.sources:
            yield Sources(self._request.sources)

    def _note(self, rung: Rung, event: Event) -> None:
        if isinstance(event, Calling | Pictured) or (isinstance(event, Text) and event.text):
            if not self._has_sent_text:
                self._circuits.succeeded(rung.model)
                if self._fit.guess:
                    self._learn(rung.model, self._fit.guess)
            self._has_sent_text = True
            is_answer = isinstance(event, Calling | Pictured) or (isinstance(event, Delta) and not event.text.isspace())
            self._has_answered = self._has_answered or is_answer
            self._deadline = float("inf")
        elif isinstance(event, Ended) and not self._has_answered and not self._request.is_continuation:
            # A model can have nothing to add to its answer, but an answer without text is none.
            words = NO_TEXT.get(event.reason, "{model} returned no text.").format(model=rung)
            raise ProviderError("no_text", words, retryable=True)

    def _notice(self, step: RungStep, rung: Rung, error: ProviderError) -> Notice:
        if step.code == "whole":
            self._emit(FellBack(rung.model, rung.model, error.code))
            now, then = f"Trying {rung} again without streaming.", f"Tried {rung} again without streaming."
        else:
            pause = f"{max(1, round(step.wait_seconds))} s"
            now, then = f"Trying {rung} again in {pause}.", f"Tried {rung} again after {pause}."
        return Notice(step.code, f"{error} {now}", f"{error} {then}")


def _too_long_words(rung: Rung, limit: int | None) -> str:
    holds = f", which holds {number(limit)} tokens" if limit else ""
    return (
        f"This message alone, with its instructions and files, doesn't fit the context of {rung}{holds}. "
        "Send a shorter one, or choose a model with a longer context."
    )


def _sent(rung: Rung, turn: Turn) -> Iterator[AttachedImage]:
    """Yields the pictures that a model is sent: those of types that it accepts and whose files still exist."""
    return (picture for picture in turn.pictures if rung.takes_pictures and picture.path.is_file())


def _reply_events(rung: Rung, reply: Reply) -> Iterator[Event]:
    yield Started(reply.model or rung.name, rung.provider.name)
    yield from events_of(reply)


def without_overlap(beginning: str, events: Iterator[Event]) -> Iterator[Event]:
    """Yields the events without text that repeats the end of `beginning`; text is held back while it can be a repetition.

    Held text is released before any other event, so that neither an end nor a failure loses it.
    """
    buffer, is_open, failure = "", len(beginning) >= SHORTEST, None
    try:
        for event in events:
            if is_open and isinstance(event, Delta):
                buffer += event.text
                is_open = len(buffer) < LONGEST and buffer in beginning[-LONGEST:]
                if is_open:
                    continue
                event, buffer = Delta(_trimmed(beginning, buffer)), ""
            elif buffer:
                yield Delta(_trimmed(beginning, buffer))
                buffer, is_open = "", False
            yield event
    except ProviderError as error:
        failure = error
    if buffer:
        yield Delta(_trimmed(beginning, buffer))
    if failure:
        raise failure


def _trimmed(beginning: str, text: str) -> str:
    end = beginning[-LONGEST:]
    for size in range(min(len(end), len(text)), SHORTEST - 1, -1):
        if end.endswith(text[:size]):
            return text[size:]
    return text
