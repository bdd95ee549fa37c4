"""Runs one generation: a provider's events are coalesced and appended to a topic, with exactly one end."""

import logging
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import TypeVar

from .characters import Characters
from .events import (
    LIMIT_NOTICE,
    PICTURE_LEFT_OUT,
    TEXTS,
    Asking,
    Asks,
    Calling,
    Delta,
    Ended,
    Event,
    Failed,
    Notice,
    Phase,
    PhaseName,
    Pictured,
    Saved,
    Started,
    Text,
    Waiting,
)
from .failure import ProviderError
from .outcome import BUDGET, PARKED_OUTCOME, Outcome, completed_outcome, failed_outcome, stopped_outcome
from .stop import Stop
from .topics import Entry, Topics
from .transcript import Transcript

log = logging.getLogger("generation:run")

T = TypeVar("T")
Save = Callable[["Run", Outcome], list[Saved]]
# Fewer than a topic keeps: its readers, and saving the end, need all entries.
MOST_ENTRIES = 200_000
NO_PLACE = Notice(PICTURE_LEFT_OUT, "The model sent a picture, which is kept only in chats, so it was left out.")
# A limit on gaps: to evaluate more would only block other greenlets.
MOST_GAPS = 10_000
SAVE_AGAIN_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)
# Work that wakes up this shortly before a stroke is done now: to wake again for each answer would cost more.
EARLY_SECONDS = 0.005


def next_stroke(now: float, seconds: float) -> float:
    """Returns the time of the first stroke after `now`, with a stroke every `seconds`; `now` itself without a beat."""
    return (now // seconds + 1) * seconds if seconds else now


class Abandoned(Exception):
    """Another worker has taken over the generation: this one must not write any more."""


class Run:
    """Reads events until the provider ends, fails or is stopped, then saves, then announces: one `Ended`, always last.

    The first text is sent immediately, more of it with the next stroke of the beat, which all runs share. `schedule_flush` is
    called when text is held back; the flush loop calls `flush` when it is due. `on_append` is called with everything appended.
    """

    def __init__(
        self,
        topic: str,
        topics: Topics,
        stop: Stop,
        *,
        now: Callable[[], float],
        schedule_flush: Callable[["Run"], None],
        pause: Callable[[float], object],
        beat_seconds: float = 0.04,
        limit_chars: int = 0,
        on_append: Callable[[int, Event], None] | None = None,
    ) -> None:
        self.topic, self.stop, self.transcript = topic, stop, Transcript()
        self.due_at: float | None = None
        self.started_at = self.last_content_at = now()
        self.first_content_at: float | None = None
        self.first_text_at: float | None = None
        # Seconds between successive pieces of text.
        self.gaps = array("d")
        self.outcome: Outcome | None = None
        # The limit for which it is parked, if any.
        self.limit = ""
        self._topics, self._now, self._schedule_flush, self._pause, self._beat_seconds = (
            topics,
            now,
            schedule_flush,
            pause,
            beat_seconds,
        )
        self._limit_chars, self._on_append = limit_chars, on_append
        self._pending: list[Text] = []
        self._taken = dict.fromkeys(TEXTS, 0)
        self._characters = {kind: Characters() for kind in TEXTS}
        self._quiet_until = float("-inf")

    @property
    def is_saving(self) -> bool:
        return self.outcome is not None

    @property
    def has_content(self) -> bool:
        return self.first_content_at is not None

    def restore(self, entries: Iterable[Entry]) -> None:
        """Takes up a log that was parked: its text counts, and is not appended again."""
        for entry in entries:
            self.transcript.fold(entry.event)
            if isinstance(entry.event, Text):
                self._taken[type(entry.event)] += len(entry.event.text)

    def run(self, events: Iterator[Event], save: Save) -> None:
        """Runs to the end, or until it is parked; `save` returns only when that is committed, however long that takes."""
        outcome = self._pump(events)
        self._retry_until_done(self._end_text)
        if outcome is PARKED_OUTCOME:
            if self.limit == BUDGET:
                self._append_with_retries(Notice(LIMIT_NOTICE, "A budget is used up.", BUDGET))
            self._append_with_retries(Phase("waiting"))
            self.outcome = outcome
            self._park(save)
            return
        if not self.transcript.started:
            self._append_with_retries(Started(model="", provider=""))
        if outcome.failure:
            self._append_with_retries(outcome.failure)
        self.outcome = outcome
        self._append_with_retries(Phase("saving"))
        try:
            for saved in self._retry_until_done(lambda: save(self, outcome), has_failed=self._append_unsaved_notice):
                self._append_with_retries(saved)
            self._append_with_retries(Ended(outcome.status, outcome.reason))
        except Abandoned:
            log.warning("%s was taken over by another worker; its text here is not saved", self.topic)

    def _park(self, save: Save) -> None:
        try:
            self._retry_until_done(lambda: save(self, PARKED_OUTCOME))
        except Abandoned:
            log.warning("%s was taken over by another worker before it could wait", self.topic)

    def flush(self) -> None:
        """Appends the held text; if the topic raises, the text stays held."""
        self.due_at = None
        while self._pending:
            event, count = _first_of_kind(self._pending)
            self._begin_phase("responding" if isinstance(event, Delta) else "thinking")
            seq = self._topics.append(self.topic, event)
            del self._pending[:count]
            # A flush shortly before a stroke uses that stroke: text after it waits for the next.
            self._quiet_until = next_stroke(self._now() + EARLY_SECONDS, self._beat_seconds)
            self._fold(seq, event)

    def _pump(self, events: Iterator[Event]) -> Outcome:
        try:
            for event in events:
                if isinstance(event, Ended):
                    return completed_outcome(event.reason)
                if isinstance(event, Waiting):
                    self.limit = event.limit
                    return PARKED_OUTCOME
                self._receive(event)
                if self.stop.reason:
                    break
        except ProviderError as error:
            return self._failure_outcome(Failed(error.code, str(error), error.retryable))
        except Exception as error:
            log.exception("%s: the provider failed unexpectedly", self.topic)
            return self._failure_outcome(Failed("error", f"Something went wrong: {type(error).__name__}."))
        finally:
            if close := getattr(events, "close", None):
                close()
        return self._failure_outcome(Failed("cut", "The answer was cut off before it finished.", retryable=True))

    def _failure_outcome(self, failure: Failed) -> Outcome:
        # A socket closed by a stop raises too: the requested stop is the reason, not the error it caused.
        if self.stop.reason == BUDGET and self.transcript.calls:
            # What its calls have returned isn't lost: a person says how it is to end.
            self.limit = BUDGET
            return PARKED_OUTCOME
        has_text = bool(self._taken[Delta])
        return stopped_outcome(self.stop.reason, has_text=has_text) if self.stop else failed_outcome(failure, has_text=has_text)

    def _retry_until_done(self, work: Callable[[], T], has_failed: Callable[[], None] = lambda: None) -> T:
        """Repeats work that the end requires until it succeeds; `has_failed` is called after the first failure."""
        tries = 0
        while True:
            try:
                return work()
            except Abandoned:
                raise
            except Exception:
                log.exception("the end of %s could not be written; trying again", self.topic)
            if not tries:
                has_failed()
            self._pause(SAVE_AGAIN_SECONDS[min(tries, len(SAVE_AGAIN_SECONDS) - 1)])
            tries += 1

    def _append_with_retries(self, event: Event) -> None:
        self._retry_until_done(lambda: self._append(event))

    def _append_unsaved_notice(self) -> None:
        self._append_with_retries(
            Notice("unsaved", "The database can't save this answer right now. It is kept in memory, and Millrace keeps trying.")
        )

    def _receive(self, event: Event) -> None:
        if isinstance(event, Asks):
            return
        if isinstance(event, Pictured):
            event = NO_PLACE
        if isinstance(event, Asking):
            self.flush()
            self._topics.send_transient(self.topic, event)
            return
        if isinstance(event, Text):
            text = self._characters[type(event)].feed(event.text)
            self._receive_text(event if text == event.text else type(event)(text))
            return
        self.flush()
        if isinstance(event, Calling):
            # A model that writes a call isn't silent.
            self._note_time()
        self._append(event)
        if isinstance(event, Started):
            self._begin_phase("thinking")

    def _receive_text(self, event: Text) -> None:
        if not event.text:
            return
        is_other = bool(self._pending) and type(self._pending[-1]) is not type(event)
        self._pending.append(self._within_limit(event))
        self._note_time()
        if isinstance(event, Delta):
            self.first_text_at = self.first_text_at or self.last_content_at
        if is_other or self.last_content_at + EARLY_SECONDS >= self._quiet_until:
            self.flush()
        elif self.due_at is None:
            self.due_at = self._quiet_until
            self._schedule_flush(self)

    def _note_time(self) -> None:
        before, self.last_content_at = self.last_content_at, self._now()
        if self.first_content_at is None:
            self.first_content_at = self.last_content_at
        elif len(self.gaps) < MOST_GAPS:
            self.gaps.append(self.last_content_at - before)

    def _within_limit(self, event: Text) -> Text:
        kind = type(event)
        if self._limit_chars and self._taken[kind] + len(event.text) >= self._limit_chars:
            event = kind(event.text[: self._limit_chars - self._taken[kind]])
            self.stop.request("cap")
        self._taken[kind] += len(event.text)
        return event

    def _end_text(self) -> None:
        for kind, characters in self._characters.items():
            self._receive_text(kind(characters.finish()))
        self.flush()

    def _begin_phase(self, phase: PhaseName) -> None:
        if self.transcript.phase != phase:
            self._append(Phase(phase))

    def _append(self, event: Event) -> None:
        self._fold(self._topics.append(self.topic, event), event)

    def _fold(self, seq: int, event: Event) -> None:
        """Folds an appended event into the transcript, so that topic and transcript always match."""
        self.transcript.fold(event)
        if seq == MOST_ENTRIES:
            self.stop.request("cap")
        if self._on_append:
            self._on_append(seq, event)


def _first_of_kind(pending: list[Text]) -> tuple[Text, int]:
    """Joins the first pieces of the same kind; returns them as one event, with their number."""
    if len(pending) == 1:
        return pending[0], 1
    _, group = next(groupby(pending, type))
    same = list(group)
    return type(same[0])("".join(event.text for event in same)), len(same)
