"""Topics of several workers: each keeps the logs it writes and copies those it reads; Redis transports what others request.

An answer's log is in the memory of the worker that writes it, as with a single worker. A worker that wants to read it sends
that worker a request, which then writes new entries with every beat into a Redis stream whose ids are `0-` and the number of
the last entry; `1-0` closes the stream for its former writer. All other topics share one stream that every worker reads: their
numbers are Redis's own ids, so that a position means the same in every worker. What Redis lacks, a worker that copies reads
from the database.
"""

import json
import logging
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter

from .events import Ended, Event, from_json, to_json
from .loops import Spawn, supervise
from .redis_link import CHANGES, KEEP_ENDED_MS, KEEP_MS, RedisLink, RedisUnavailable, StreamEntry, of_topic, of_worker
from .redis_shared import LOSE, Agreement, Buckets, WatcherLimit
from .shared_config import SharedConfig
from .topics import KEEP, Entry, Gap, Log, MemoryTopics, Signal, kind_of

log = logging.getLogger("streaming:redis")

BEAT_SECONDS, GATHER_SECONDS = 0.04, 0.01
# An answer is no longer sent to others when no one has renewed the request for this long.
WANTED_SECONDS = 30.0
# The maximum number of an answer's entries in one entry of its stream.
MOST_TOGETHER = 1_000
PER_MILLISECOND = 10_000
# No client was ever given a position this far ahead of the latest one known.
AHEAD = 60_000 * PER_MILLISECOND
# How far one worker can be behind another.
LAG = 2_000 * PER_MILLISECOND
CLOSED, WANT, REREAD, AWAY = "1-0", "want", "look", "away"
CHECK_SECONDS, LATE_SECONDS = 1.0, 10.0
AGAIN_SECONDS = (0.1, 0.5, 1.0)
seq_of = attrgetter("seq")


@dataclass(slots=True)
class _Changes(Log):
    """A log whose numbers have gaps; while it is empty, a reader at `began` or later has read all of it."""

    began: int = 0

    @property
    def last(self) -> int:
        return self.entries[-1].seq if self.entries else max(self.began, self.dropped)


@dataclass(slots=True)
class _Subscription:
    """An answer that other workers read: the number of the last entry sent, and until when they want more."""

    sent: int
    until: float


class RedisTopics(MemoryTopics):
    """The topics of one of several workers, between `begin` and `end`; without Redis, those of this worker alone.

    `on_reader` is called with the lane of an answer of this worker that another one reads;
    `on_missing` when a copy lacks entries.
    """

    def __init__(
        self,
        link: RedisLink,
        *,
        worker: str,
        signal: Callable[[], Signal],
        now: Callable[[], float],
        spawn: Spawn,
        pause: Callable[[float], object],
        shared_config: Callable[[], SharedConfig] = SharedConfig,
    ) -> None:
        """`shared_config` returns what must be the same in all workers."""
        super().__init__(epoch=worker, signal=signal, now=now)
        self.is_connected = False
        self.on_reader: Callable[[str], None] = lambda _lane: None
        self.on_missing: Callable[[], None] = lambda: None
        self.buckets = Buckets(link, lambda: self.is_connected)
        self.watcher_limit = WatcherLimit(link, worker, lambda: self.is_connected)
        self.agreement = Agreement(link, shared_config)
        self._link, self._worker, self._spawn, self._pause = link, worker, spawn, pause
        self._is_open = False
        # All changes up to `_cursor` are known; those after `_since` are in the logs of their topics.
        self._cursor = self._since = 0
        # The position from which the stream of changes is read.
        self._last_change_id = "0-0"
        self._outbox: list[tuple[str, Event]] = []
        self._subscriptions: dict[str, _Subscription] = {}
        # Answers of other workers that are copied; False if entries are missing that must first come from the database.
        self._copies: dict[str, bool] = {}
        self._last_message_id = "0-0"
        self._was_connected = self._is_sending = self._has_warned = False
        self._checked_at = self._read_at = now()

    def about_redis(self) -> tuple[str, bool] | None:
        """Returns the version of Redis, and whether it evicts data when its memory is full; None if it is not available."""
        try:
            return self._link.about()
        except RedisUnavailable:
            return None

    def begin(self) -> None:
        self._is_open = True
        self._spawn(lambda: supervise("redis", self._follow, self._pause))

    def end(self) -> None:
        """Disconnects; the blocking read returns within a second."""
        self._is_open = self.is_connected = False

    def append(self, topic: str, event: Event) -> int:
        if kind_of(topic) in KEEP:
            self._copies.pop(topic, None)
            seq = super().append(topic, event)
            if topic in self._subscriptions:
                self._send_soon()
            return seq
        if not self.is_connected:
            return self._append_locally(topic, event, self._cursor + 1)
        self._outbox.append((topic, event))
        self._send_soon()
        return self.last(topic)

    def read(self, topic: str, after: int) -> list[Entry]:
        if kind_of(topic) in KEEP:
            return super().read(topic, after)
        log = self._logs.get(topic) or self._new(topic)
        if not log.dropped <= after <= self._cursor + AHEAD:
            raise Gap(topic)
        return log.entries[bisect_right(log.entries, after, key=seq_of) :]

    def last(self, topic: str) -> int:
        # `_used` keeps the log, so that this number stays the same until something is appended.
        return super().last(topic) if kind_of(topic) in KEEP else self._used(topic).last

    def copy(self, topic: str, owner: str, lane: str) -> None:
        """Requests an answer's log from its owner, and new entries for a while; the copy then grows by itself."""
        if not self.is_connected:
            return
        try:
            self._link.send(owner, {WANT: topic, "lane": lane})
            # It can have ended during that call: its stream would then be read again and again for nothing.
            if topic not in self._copies and not self.has_ended(topic):
                self._copies[topic] = True
                # Ends the blocking read, which must start again to include this stream.
                self._link.send(self._worker, {REREAD: topic})
        except RedisUnavailable as error:
            self._disconnect(error)

    def extend(self, topic: str, entries: Iterable[Entry]) -> None:
        if not self.has_ended(topic):
            super().extend(topic, entries)
        if topic in self._copies:
            self._copies[topic] = True

    def has_ended(self, topic: str) -> bool:
        entries = self._logs[topic].entries if topic in self._logs else []
        return bool(entries) and isinstance(entries[-1].event, Ended)

    def is_watched(self, topic: str) -> bool:
        """Returns whether the topic has readers in this process."""
        log = self._logs.get(topic)
        return log is not None and bool(log.waiting or log.listeners)

    def drop(self, topic: str) -> None:
        """Stops copying a topic."""
        self._copies.pop(topic, None)

    def close_for_others(self, topic: str) -> None:
        """Closes an answer's stream for its former writer; workers that copy it read the database from then on."""
        if self.is_connected:
            try:
                self._link.send_all([], [StreamEntry(of_topic(topic), CLOSED, {"closed": "1"})])
            except RedisUnavailable as error:
                self._disconnect(error)

    def watched(self) -> list[str]:
        """Returns the topics of the shared stream that have waiting readers in this process."""
        return [topic for topic, log in self._logs.items() if isinstance(log, _Changes) and log.waiting]

    def renew(self, topics: Iterable[str]) -> None:
        """Makes every reader of these topics reload the saved state."""
        self._cursor += 1
        self._reset(topics)

    def _follow(self) -> None:
        """Loops over this worker's one blocking read for as long as the worker lives."""
        tries = 0
        while self._is_open:
            try:
                self._check_connection()
                tries = 0
                stream_entries = self._link.wait(self._positions())
                for stream_entry in stream_entries:
                    self._receive(stream_entry)
                if stream_entries and self._copies:
                    # Other answers' entries of the same beat are about to arrive: a read for each would list all streams each
                    # time.
                    self._pause(GATHER_SECONDS)
            except RedisUnavailable as error:
                self._disconnect(error)
                self._pause(AGAIN_SECONDS[min(tries, len(AGAIN_SECONDS) - 1)])
                tries += 1
        while self._is_sending:
            # The last entries are still being sent.
            self._pause(BEAT_SECONDS)
        self._link.close()

    def _check_connection(self) -> None:
        before, self._read_at = self._read_at, self._now()
        if self.is_connected and self._read_at - before > LATE_SECONDS:
            # Redis can have trimmed changes that this worker has not read.
            self._disconnect(RedisUnavailable("this worker stood still"))
        if not self.is_connected:
            self._connect()
        elif self._now() - self._checked_at >= CHECK_SECONDS:
            self._checked_at = self._now()
            self.agreement.check()
            if self._link.epoch(self._new_epoch()) != self.epoch:
                # Redis was emptied, or is another one: it has lost all requests for logs.
                raise RedisUnavailable("Redis has lost what it held")

    def _connect(self) -> None:
        epoch = self._link.epoch(self._new_epoch())
        if self._was_connected:
            # Changes that this worker made while disconnected are unknown to all others.
            self._link.send_all([{AWAY: self._worker}], [])
        newest = self._link.newest_change()
        if _number(newest) <= self._cursor:
            raise RedisUnavailable("what it says would be older than what is known")
        self.epoch, self.is_connected, self._was_connected, self._checked_at = epoch, True, True, self._now()
        self._last_change_id, self._has_warned = newest, False
        log.info("connected to Redis")
        self._reset_all(_number(newest))

    def _new_epoch(self) -> str:
        # Never used before: an emptied Redis must be recognised as such.
        return f"{self._worker}x{int(self._now() * 1000)}"

    def _disconnect(self, error: RedisUnavailable, unsent: Iterable[tuple[str, Event]] = ()) -> None:
        if self._is_open and not self._has_warned:
            self._has_warned = True
            log.warning("Redis does not answer; pages of other workers read the database until it does: %s", error)
        if self.is_connected:
            self.is_connected = False
            # Continues with numbers beyond any position that a reader can have from another worker.
            self._cursor += LAG
        # Also if Redis has never been available.
        self.on_missing()
        unsent, self._outbox = [*unsent, *self._outbox], []
        self._subscriptions.clear()
        self._copies.clear()
        for topic, event in unsent:
            self._append_locally(topic, event, self._cursor + 1)

    def _reset_all(self, number: int) -> None:
        """Makes every reader reload the saved state, as it is unknown what was missed."""
        self._cursor = self._since = max(number, self._cursor + 1)
        self._reset([topic for topic, log in self._logs.items() if isinstance(log, _Changes)])

    def _reset(self, topics: Iterable[str]) -> None:
        for topic in topics:
            log = self._used(topic)
            log.entries.clear()
            log.buffered_bytes, log.dropped = 0, self._cursor
            log.wake()

    def _positions(self) -> dict[str, str]:
        copied = {of_topic(topic): f"0-{self.last(topic)}" for topic, is_whole in self._copies.items() if is_whole}
        return {CHANGES: self._last_change_id, of_worker(self._worker): self._last_message_id, **copied}

    def _receive(self, stream_entry: StreamEntry) -> None:
        if stream_entry.stream == CHANGES:
            self._last_change_id = stream_entry.id
            self._receive_change(_number(stream_entry.id), stream_entry.fields)
        elif stream_entry.stream == of_worker(self._worker):
            self._last_message_id = stream_entry.id
            if topic := stream_entry.fields.get(WANT):
                self._subscribe(topic, stream_entry.fields.get("lane", ""))
            elif name := stream_entry.fields.get(LOSE):
                self.watcher_limit.revoke(name)
        else:
            self._receive_answer(stream_entry)

    def _receive_change(self, number: int, fields: Mapping[str, str]) -> None:
        if AWAY in fields:
            if fields[AWAY] != self._worker:
                self._reset_all(number)
        else:
            self._append_locally(fields["topic"], from_json(json.loads(fields["event"])), number)

    def _receive_answer(self, stream_entry: StreamEntry) -> None:
        topic = stream_entry.stream.removeprefix(of_topic(""))
        if topic not in self._copies:
            return
        if self.has_ended(topic):
            # Its numbers in this copy can differ from those in the stream, so nothing more is read.
            self.drop(topic)
            return
        if stream_entry.id == CLOSED:
            self._copies[topic] = False
            self.on_missing()
            return
        events = json.loads(stream_entry.fields["events"])
        first = int(stream_entry.id.partition("-")[2]) - len(events) + 1
        if first > self.last(topic) + 1:
            self._copies[topic] = False
            self.on_missing()
        else:
            self.extend(topic, [Entry(seq, from_json(event)) for seq, event in enumerate(events, first)])

    def _subscribe(self, topic: str, lane: str) -> None:
        """Handles the request of another worker to read an answer that this one writes."""
        self.on_reader(lane)
        if topic in self._copies or topic not in self._logs:
            return
        if subscription := self._subscriptions.get(topic):
            subscription.until = self._now() + WANTED_SECONDS
            return
        takeover, _, last = self._link.last_of(topic).partition("-")
        if takeover == "0":
            self._subscriptions[topic] = _Subscription(int(last), self._now() + WANTED_SECONDS)
            self._send_soon()

    def _send_soon(self) -> None:
        if not self._is_sending:
            self._is_sending = True
            self._spawn(lambda: supervise("shipping", self._send, self._pause))

    def _send(self) -> None:
        """Sends everything new in one pipeline; the first immediately, the next with a beat."""
        while (answers := self._unsent()) or self._outbox:
            changes, self._outbox = self._outbox, []
            messages = [{"topic": topic, "event": json.dumps(to_json(event))} for topic, event in changes]
            try:
                self._link.send_all(messages, answers)
            except RedisUnavailable as error:
                self._disconnect(error, changes)
            self._pause(BEAT_SECONDS)
        self._is_sending = False

    def _unsent(self) -> list[StreamEntry]:
        unsent = []
        for topic, subscription in list(self._subscriptions.items()):
            if subscription.until < self._now() or topic not in self._logs:
                del self._subscriptions[topic]
                continue
            log = self._logs[topic]
            if subscription.sent < log.dropped:
                log.decompress()
            entries = log.entries[max(0, subscription.sent - log.dropped) :]
            for index in range(0, len(entries), MOST_TOGETHER):
                part = entries[index : index + MOST_TOGETHER]
                events = json.dumps([to_json(entry.event) for entry in part], ensure_ascii=False)
                keep_ms = KEEP_ENDED_MS if isinstance(part[-1].event, Ended) else KEEP_MS
                unsent.append(StreamEntry(of_topic(topic), f"0-{part[-1].seq}", {"events": events}, keep_ms))
                subscription.sent = part[-1].seq
        return unsent

    def _append_locally(self, topic: str, event: Event, seq: int) -> int:
        log = self._used(topic)
        if log.used_at >= self._sweep_at:
            self._drop_idle(log.used_at)
        self._cursor = max(self._cursor, seq)
        return self._put(log, Entry(seq, event))

    def _new(self, topic: str) -> Log:
        if kind_of(topic) in KEEP:
            return super()._new(topic)
        return _Changes(dropped=max(self._since, self._floor), began=self._cursor)

    def has_news(self, cursors: Mapping[str, int]) -> bool:
        # A reader from another worker can be ahead of this one, or behind `_cursor` without lacking any entry: neither counts
        # as news.
        return any(self._newest(topic) > at for topic, at in cursors.items())

    def _newest(self, topic: str) -> int:
        log = self._used(topic)
        return log.entries[-1].seq if log.entries else log.dropped


def _number(id: str) -> int:
    # After its clock was set back, Redis keeps the same millisecond and increments the count until the clock catches up: far
    # beyond the usual, but not beyond the numbers that the time passed would have given.
    milliseconds, _, count = id.partition("-")
    return int(milliseconds) * PER_MILLISECOND + int(count)
