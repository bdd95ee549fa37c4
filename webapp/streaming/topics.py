"""Named append-only logs, and readers that hold cursors into them."""

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import accumulate, chain, groupby, pairwise
from sys import getsizeof
from typing import Any, NamedTuple, Protocol

from .events import Calling, Delta, Event, Reasoning, Text

# A generation's log lives, and grows, only as long as its answer; entries of other topics soon lose their value.
KEEP = {"generation": 400_000}
KEEP_OTHERS = 1_000
# Of the transient events of a topic since its last entry.
MOST_TRANSIENT = 32
# Logs of other topics are released when they were not written or awaited for this long, which is checked at intervals.
IDLE_SECONDS = 3600.0
SWEEP_SECONDS = 60.0
# Readers who are connected read an ended log to its end by then; afterwards it is hardly ever read.
ROLLED_AFTER_SECONDS = 10.0


class Gap(LookupError):
    """The cursor points to entries that are gone, or never existed: read the saved state again."""


class Signal(Protocol):
    """The common interface of `threading.Event` and `gevent.event.Event`."""

    def set(self) -> None: ...
    def is_set(self) -> bool: ...
    def clear(self) -> None: ...
    def wait(self, timeout: float | None = None) -> bool: ...


class Entry(NamedTuple):
    """An event with its number; a tuple, which is made in a third of the time of a frozen dataclass."""

    seq: int
    event: Event


class Topics(Protocol):
    """Append-only logs by name. `wait` accepts a signal that others can also set; only its owner clears it.

    From `listen` to `unlisten`, a listener is called with every entry by the code that appends it: it must not block.
    """

    epoch: str

    @property
    def buffered_bytes(self) -> int: ...

    def append(self, topic: str, event: Event) -> int: ...
    def send_transient(self, topic: str, event: Event) -> None: ...
    def transient_since(self, topic: str, after: int) -> tuple[Sequence[Event], int]: ...
    def read(self, topic: str, after: int) -> list[Entry]: ...
    def last(self, topic: str) -> int: ...
    def has_news(self, cursors: Mapping[str, int]) -> bool: ...
    def wait(self, cursors: Mapping[str, int], seconds: float | None, signal: Signal | None = None) -> bool: ...
    def listen(self, topic: str, listener: Callable[[], None]) -> None: ...
    def unlisten(self, topic: str, listener: Callable[[], None]) -> None: ...
    def extend(self, topic: str, entries: Iterable[Entry]) -> None: ...
    def expire(self, topic: str, seconds: float) -> None: ...


@dataclass(slots=True)
class Log:
    """The entries kept of a topic; numbers up to `dropped` are gone, never existed, or are in `compressed`."""

    entries: list[Entry] = field(default_factory=list)
    dropped: int = 0
    most_entries: int = KEEP_OTHERS
    waiting: set[Signal] = field(default_factory=set)
    listeners: set[Callable[[], None]] = field(default_factory=set)
    used_at: float = 0.0
    buffered_bytes: int = 0
    compressed: "CompressedEntries | None" = None
    # The transient events since the last entry, and how many there were in all.
    transient: tuple[Event, ...] = ()
    transient_count: int = 0

    @property
    def last(self) -> int:
        return self.entries[-1].seq if self.entries else self.dropped

    def compress(self) -> None:
        """Compresses all but the last entry to a tenth of the memory: most are a few letters with much overhead."""
        *before, last = self.entries
        self.compressed = CompressedEntries(self.dropped, before)
        self.entries, self.dropped = [last], last.seq - 1

    def decompress(self) -> None:
        if self.compressed:
            self.entries[:0], self.dropped, self.compressed = self.compressed.entries(), self.compressed.dropped, None

    def wake(self) -> None:
        """Notifies all readers and listeners of new entries."""
        for signal in tuple(self.waiting):
            signal.set()
        for listener in tuple(self.listeners):
            listener()


class CompressedEntries:
    """Compressed consecutive entries: runs of text become one string with the length of each piece."""

    def __init__(self, dropped: int, entries: Iterable[Entry]) -> None:
        self.dropped = dropped
        self._parts = [_rolled(kind, [entry.event for entry in same]) for kind, same in groupby(entries, _kind)]

    def entries(self) -> list[Entry]:
        events = chain.from_iterable(part if isinstance(part, list) else _unrolled(*part) for part in self._parts)
        return [Entry(seq, event) for seq, event in enumerate(events, self.dropped + 1)]


class MemoryTopics:
    """Topics of one process. Appending never yields, so readers cannot delay a writer.

    No log that was released was longer than `_floor`, and new logs count from there: so an old cursor never points to a
    different entry.
    """

    def __init__(self, *, epoch: str, signal: Callable[[], Signal], now: Callable[[], float]) -> None:
        self.epoch = epoch
        self._signal, self._now = signal, now
        self._logs: dict[str, Log] = {}
        self._expiring: dict[str, float] = {}
        # The same as a heap by time; entries of logs that were postponed are outdated.
        self._due: list[tuple[float, str]] = []
        self._resting: deque[tuple[str, float]] = deque()
        self._floor = 0
        self._sweep_at = now() + SWEEP_SECONDS

    def append(self, topic: str, event: Event) -> int:
        log = self._used(topic)
        if log.used_at >= self._sweep_at:
            self._drop_idle(log.used_at)
        return self._put(log, Entry(log.last + 1, event))

    def send_transient(self, topic: str, event: Event) -> None:
        """Sends the connected readers an event that is no entry: the next entry, or many more such events, replace it."""
        log = self._used(topic)
        log.transient, log.transient_count = (*log.transient[1 - MOST_TRANSIENT :], event), log.transient_count + 1
        log.wake()

    def transient_since(self, topic: str, after: int) -> tuple[Sequence[Event], int]:
        """Returns the transient events after so many of them, as far as they are kept, and how many there were."""
        if not (log := self._logs.get(topic)) or log.transient_count <= after:
            return (), after
        return log.transient[after - log.transient_count :], log.transient_count

    @property
    def buffered_bytes(self) -> int:
        """The memory that the text in all logs takes, in bytes."""
        return sum(log.buffered_bytes for log in self._logs.values())

    def read(self, topic: str, after: int) -> list[Entry]:
        """Returns the entries after the cursor, oldest first; raises `Gap` if these are gone."""
        log = self._logs.get(topic) or self._new(topic)
        if after < log.dropped:
            log.decompress()
        if not log.dropped <= after <= log.last:
            raise Gap(topic)
        return log.entries[after - log.dropped :]

    def last(self, topic: str) -> int:
        """Returns the position of the newest entry."""
        log = self._logs.get(topic) or self._new(topic)
        return log.last

    def extend(self, topic: str, entries: Iterable[Entry]) -> None:
        """Appends those of these entries that the topic lacks, and keeps it."""
        log = self._used(topic)
        for entry in entries:
            if entry.seq == log.last + 1:
                self._put(log, entry)
        self._expiring.pop(topic, None)

    def wait(self, cursors: Mapping[str, int], seconds: float | None, signal: Signal | None = None) -> bool:
        """Blocks until a topic has entries after its cursor, a timeout or the signal; returns whether there are new entries."""
        if self.has_news(cursors):
            return True
        signal = signal or self._signal()
        logs = [self._used(topic) for topic in cursors]
        for log in logs:
            log.waiting.add(signal)
        try:
            signal.wait(seconds)
        finally:
            for log in logs:
                log.waiting.discard(signal)
                log.used_at = self._now()
        return self.has_news(cursors)

    def listen(self, topic: str, listener: Callable[[], None]) -> None:
        """Calls the listener with every entry from now on; registering it twice has no effect."""
        self._used(topic).listeners.add(listener)

    def unlisten(self, topic: str, listener: Callable[[], None]) -> None:
        if log := self._logs.get(topic):
            log.listeners.discard(listener)

    def expire(self, topic: str, seconds: float) -> None:
        """Releases the topic after `seconds`, and now those whose time is over; logs that wait for it are compressed."""
        now = self._now()
        self._expiring[topic] = now + seconds
        heappush(self._due, (now + seconds, topic))
        self._resting.append((topic, now + ROLLED_AFTER_SECONDS))
        while self._resting and self._resting[0][1] <= now:
            if (log := self._logs.get(self._resting.popleft()[0])) and log.entries:
                log.decompress()
                log.compress()
        for name in self._over(now):
            if not (log := self._logs.get(name)) or not (log.waiting or log.listeners):
                self._expiring.pop(name, None)
                self._logs.pop(name, None)
            else:
                heappush(self._due, (self._expiring[name], name))

    def _over(self, now: float) -> set[str]:
        """Pops the topics whose time is over without scanning all: there is one for each answer of the last five minutes."""
        topics = set[str]()
        while self._due and self._due[0][0] <= now:
            at, name = heappop(self._due)
            if self._expiring.get(name) == at:
                topics.add(name)
        return topics

    def _put(self, log: Log, entry: Entry) -> int:
        log.entries.append(entry)
        log.transient = ()
        log.buffered_bytes += _bytes(entry.event)
        if len(log.entries) > log.most_entries:
            excess = len(log.entries) - log.most_entries // 2
            log.buffered_bytes -= sum(_bytes(old.event) for old in log.entries[:excess])
            log.dropped = log.entries[excess - 1].seq
            del log.entries[:excess]
        log.wake()
        return entry.seq

    def _used(self, topic: str) -> Log:
        if not (log := self._logs.get(topic)):
            log = self._logs[topic] = self._new(topic)
        log.used_at = self._now()
        return log

    def _new(self, topic: str) -> Log:
        most = KEEP.get(kind_of(topic))
        return Log(dropped=self._floor) if most is None else Log(most_entries=most)

    def _drop_idle(self, now: float) -> None:
        self._sweep_at = now + SWEEP_SECONDS
        for topic, log in list(self._logs.items()):
            if kind_of(topic) not in KEEP and not (log.waiting or log.listeners) and now - log.used_at > IDLE_SECONDS:
                self._floor = max(self._floor, log.last)
                del self._logs[topic]

    def has_news(self, cursors: Mapping[str, int]) -> bool:
        """Returns whether a topic has entries after its cursor, or has lost its position."""
        return any(self.last(topic) != after for topic, after in cursors.items())


def merged_entries(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yields the entries with consecutive text of an answer joined, as folding it once is less work."""
    for _, group in groupby(entries, _kind):
        same = list(group)
        texts = [entry.event.text for entry in same if isinstance(entry.event, Delta)]
        yield from [Entry(same[-1].seq, Delta("".join(texts)))] if texts else same


def _kind(entry: Entry) -> type[Event]:
    return type(entry.event)


def _rolled(kind: type[Event], events: list[Any]) -> "list[Event] | tuple[type[Text], str, array[int]]":
    if kind not in (Delta, Reasoning):
        return events
    texts = [event.text for event in events]
    return kind, "".join(texts), array("L", map(len, texts))


def _unrolled(kind: "type[Text]", text: str, lengths: "array[int]") -> Iterator[Event]:
    ends = list(accumulate(lengths, initial=0))
    return (kind(text[start:end]) for start, end in pairwise(ends))


def _bytes(event: Event) -> int:
    if isinstance(event, Calling):
        return getsizeof(event.arguments)
    return getsizeof(event.text) if isinstance(event, Text) else 0


def kind_of(topic: str) -> str:
    return topic.partition(":")[0]
