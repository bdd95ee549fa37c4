"""One generation on its way: a provider's events into a topic, coalesced, to exactly one end."""

import logging
from collections.abc import Callable, Iterator

from .characters import Characters
from .events import Delta, Ended, Event, Failed, Notice, Phase, PhaseName, Reasoning, Saved, Started, Text
from .failure import ProviderError
from .outcome import Outcome, broken, finished, wished
from .stop import Stop
from .topics import Topics
from .transcript import Transcript

log = logging.getLogger("generation:run")

Save = Callable[["Run", Outcome], list[Saved]]
# Fewer than a topic keeps: its readers, and the end itself, need all of them.
MOST_ENTRIES = 200_000
SAVE_AGAIN_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)


class Abandoned(Exception):
    """Another worker has taken the generation: nothing may be written any more."""


class Run:
    """Pumps until the provider ends, fails or is stopped, then saves, then announces: one `Ended`, always last.

    Text is held for at most `window` seconds, and not at all when nothing was sent lately. `hold` is told when
    held text is due; the flush loop calls `flush` then. `tell` is told of everything that was appended.
    """

    def __init__(
        self,
        topic: str,
        topics: Topics,
        stop: Stop,
        *,
        now: Callable[[], float],
        hold: Callable[["Run"], None],
        pause: Callable[[float], object],
        window: float = 0.03,
        limit_chars: int = 0,
        tell: Callable[[int, Event], None] | None = None,
    ) -> None:
        self.topic, self.stop, self.transcript = topic, stop, Transcript()
        self.due_at: float | None = None
        self.started_at = self.last_content_at = now()
        self.first_content_at: float | None = None
        self.first_text_at: float | None = None
        self.outcome: Outcome | None = None
        self._topics, self._now, self._hold, self._pause, self._window = topics, now, hold, pause, window
        self._limit_chars, self._tell = limit_chars, tell
        self._held: list[str] = []
        self._held_kind: type[Text] = Delta
        self._taken: dict[type[Text], int] = {Delta: 0, Reasoning: 0}
        self._characters: dict[type[Text], Characters] = {Delta: Characters(), Reasoning: Characters()}
        self._sent_at = float("-inf")

    @property
    def is_saving(self) -> bool:
        return self.outcome is not None

    @property
    def has_content(self) -> bool:
        return self.first_content_at is not None

    def run(self, events: Iterator[Event], save: Save) -> None:
        """`save` returns only when the outcome is committed; it may take its time."""
        outcome = self._pump(events)
        self._end_text()
        if not self.transcript.started:
            self._append(Started(model="", provider=""))
        if outcome.failure:
            self._append(outcome.failure)
        self.outcome = outcome
        self._append(Phase("saving"))
        try:
            for saved in self._saved(save, outcome):
                self._append(saved)
            self._append(Ended(outcome.status, outcome.reason))
        except Abandoned:
            log.warning("%s was taken over by another worker; what it said here is not saved", self.topic)

    def flush(self) -> None:
        """Sends what is held."""
        self.due_at = None
        if self._held:
            text, self._held = "".join(self._held), []
            self._sent_at = self._now()
            self._append(self._held_kind(text))

    def _pump(self, events: Iterator[Event]) -> Outcome:
        try:
            for event in events:
                if isinstance(event, Ended):
                    return finished(event.reason)
                self._take(event)
                if self.stop:
                    break
        except ProviderError as error:
            return self._broken(Failed(error.code, str(error), error.retryable))
        except Exception as error:
            log.exception("%s: the provider failed in a way nobody expected", self.topic)
            return self._broken(Failed("error", f"Something went wrong here: {type(error).__name__}."))
        finally:
            if close := getattr(events, "close", None):
                close()
        return self._broken(Failed("cut", "The answer broke off before its end.", retryable=True))

    def _broken(self, failure: Failed) -> Outcome:
        # A socket closed by a stop raises too: the wish wins over what it caused.
        has_text = bool(self._taken[Delta])
        return wished(self.stop.reason, has_text=has_text) if self.stop else broken(failure, has_text=has_text)

    def _saved(self, save: Save, outcome: Outcome) -> list[Saved]:
        tries = 0
        while True:
            try:
                return save(self, outcome)
            except Abandoned:
                raise
            except Exception:
                log.exception("%s could not be saved; trying again", self.topic)
            if not tries:
                self._append(Notice("unsaved", "The database refuses to save this answer. It is kept here and tried again."))
            self._pause(SAVE_AGAIN_SECONDS[min(tries, len(SAVE_AGAIN_SECONDS) - 1)])
            tries += 1

    def _take(self, event: Event) -> None:
        if isinstance(event, Delta | Reasoning):
            kind = Delta if isinstance(event, Delta) else Reasoning
            self._take_text(kind, self._characters[kind].feed(event.text))
            return
        self.flush()
        self._append(event)
        if isinstance(event, Started):
            self._enter("thinking")

    def _take_text(self, kind: type[Text], text: str) -> None:
        if not text:
            return
        if self._held and kind is not self._held_kind:
            self.flush()
        self._enter("responding" if kind is Delta else "thinking")
        self._held.append(self._within_limit(kind, text))
        self._held_kind = kind
        self.last_content_at = self._now()
        self.first_content_at = self.first_content_at or self.last_content_at
        if kind is Delta:
            self.first_text_at = self.first_text_at or self.last_content_at
        if self.last_content_at - self._sent_at >= self._window:
            self.flush()
        elif self.due_at is None:
            self.due_at = self._sent_at + self._window
            self._hold(self)

    def _within_limit(self, kind: type[Text], text: str) -> str:
        if self._limit_chars and self._taken[kind] + len(text) >= self._limit_chars:
            text = text[: self._limit_chars - self._taken[kind]]
            self.stop.ask("cap")
        self._taken[kind] += len(text)
        return text

    def _end_text(self) -> None:
        for kind, characters in self._characters.items():
            self._take_text(kind, characters.finish())
        self.flush()

    def _enter(self, phase: PhaseName) -> None:
        if self.transcript.phase != phase:
            self.flush()
            self._append(Phase(phase))

    def _append(self, event: Event) -> None:
        self.transcript.fold(event)
        seq = self._topics.append(self.topic, event)
        if seq == MOST_ENTRIES:
            self.stop.ask("cap")
        if self._tell:
            self._tell(seq, event)
