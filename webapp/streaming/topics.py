"""Named append-only logs, and readers that hold cursors into them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from .events import Event

# A generation's log lives as long as its answer and is bounded by it; what merely changed is soon of no interest.
KEEP = {"generation": 400_000}
KEEP_OTHERS = 1_000


class Gap(LookupError):
    """The cursor points to what is no longer, or never was, in the log: read the saved state again."""


class Signal(Protocol):
    """What `threading.Event` and `gevent.event.Event` have in common."""

    def set(self) -> None: ...
    def clear(self) -> None: ...
    def wait(self, timeout: float | None = None) -> bool: ...


@dataclass(frozen=True, slots=True)
class Entry:
    seq: int
    event: Event


class Topics(Protocol):
    """`wait` may be given a signal that others set too; it is cleared by nobody but its owner."""

    epoch: str

    def append(self, topic: str, event: Event) -> int: ...
    def read(self, topic: str, after: int) -> list[Entry]: ...
    def last(self, topic: str) -> int: ...
    def wait(self, cursors: Mapping[str, int], seconds: float, signal: Signal | None = None) -> bool: ...
    def expire(self, topic: str, seconds: float) -> None: ...


@dataclass(slots=True)
class _Log:
    entries: list[Entry] = field(default_factory=list)
    dropped: int = 0
    waiting: set[Signal] = field(default_factory=set)

    @property
    def last(self) -> int:
        return self.dropped + len(self.entries)


class MemoryTopics:
    """Topics of one process. Appending never yields, so a writer cannot be held up by its readers."""

    def __init__(self, *, epoch: str, signal: Callable[[], Signal], now: Callable[[], float]) -> None:
        self.epoch = epoch
        self._signal, self._now = signal, now
        self._logs: dict[str, _Log] = {}
        self._expiring: dict[str, float] = {}

    def append(self, topic: str, event: Event) -> int:
        log = self._logs.setdefault(topic, _Log())
        log.entries.append(Entry(log.last + 1, event))
        keep = KEEP.get(topic.partition(":")[0], KEEP_OTHERS)
        if len(log.entries) > keep:
            excess = len(log.entries) - keep // 2
            del log.entries[:excess]
            log.dropped += excess
        for signal in log.waiting:
            signal.set()
        return log.last

    def read(self, topic: str, after: int) -> list[Entry]:
        """The entries after the cursor, oldest first."""
        log = self._logs.get(topic, _Log())
        if not log.dropped <= after <= log.last:
            raise Gap(topic)
        return log.entries[after - log.dropped :]

    def last(self, topic: str) -> int:
        """The position of the newest entry."""
        log = self._logs.get(topic)
        return log.last if log else 0

    def wait(self, cursors: Mapping[str, int], seconds: float, signal: Signal | None = None) -> bool:
        """Blocks until a topic has entries after its cursor, or the time is over, or the signal is set; says if there is news."""
        if self._has_news(cursors):
            return True
        signal = signal or self._signal()
        logs = [self._logs.setdefault(topic, _Log()) for topic in cursors]
        for log in logs:
            log.waiting.add(signal)
        try:
            signal.wait(seconds)
        finally:
            for log in logs:
                log.waiting.discard(signal)
        return self._has_news(cursors)

    def expire(self, topic: str, seconds: float) -> None:
        """Lets go of the topic after a while, and now of those whose while is over."""
        self._expiring[topic] = self._now() + seconds
        over = [name for name, at in self._expiring.items() if at <= self._now()]
        for name in over:
            if not (log := self._logs.get(name)) or not log.waiting:
                del self._expiring[name]
                self._logs.pop(name, None)

    def _has_news(self, cursors: Mapping[str, int]) -> bool:
        return any(self.last(topic) != after for topic, after in cursors.items())
