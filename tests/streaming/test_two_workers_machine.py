"""Two workers, a clock that is turned by hand and a real Redis: whatever happens in whatever order, no reader sees anything else.

The database is played by what its rows mean here: who owns an answer, what of it is written down, and its end.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import gevent
import pytest
from gevent.event import Event as Signal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.streaming.conftest import until
from tests.support.ports import free_port
from webapp.bench import redis_server
from webapp.streaming.events import Changed, Delta, Ended
from webapp.streaming.redis_link import Link
from webapp.streaming.redis_topics import RedisTopics
from webapp.streaming.topics import Entry, Gap

LANE = "chat:1"
WORKERS = st.sampled_from([0, 1])
# Each takes three seconds, in which both workers wait until the clock of Redis is past what they said meanwhile.
MOST_EMPTIED = 2


class Clock:
    """Goes on by itself, as Redis does, and by leaps."""

    def __init__(self) -> None:
        self.leapt = 0.0

    def now(self) -> float:
        return time.monotonic() + self.leapt


@dataclass
class Row:
    """What the database knows of an answer; `writer` is who has begun it and may be frozen without knowing it."""

    topic: str
    writer: int
    owner: int
    journal: list[Entry] = field(default_factory=list)
    is_over: bool = False


class TwoWorkers(RuleBasedStateMachine):
    """`server` is given by the test, which runs one Redis for all examples."""

    server: redis_server.Server
    rows = Bundle("rows")

    def __init__(self) -> None:
        super().__init__()
        self.server.empty()
        self.clock, self.made, self.changes = Clock(), list[Row](), list[str]()
        self.workers = [self._worker(number) for number in range(2)]
        self.heard_from = [worker.last(LANE) for worker in self.workers]
        self.was_away = self.has_news = False
        self.emptied = 0

    def _worker(self, number: int) -> RedisTopics:
        tools = {"signal": Signal, "now": self.clock.now, "spawn": gevent.spawn, "pause": gevent.sleep}
        worker = RedisTopics(Link(self.server.url), worker=f"worker{number}", **tools)
        worker.begin()
        until(lambda: worker.is_connected)
        return worker

    @rule(target=rows, worker=WORKERS)
    def begin(self, worker: int) -> Row:
        row = Row(f"generation:{len(self.made)}", worker, worker)
        self.made.append(row)
        self.say(row, 1)
        return row

    @rule(row=rows, times=st.integers(1, 5))
    def say(self, row: Row, times: int) -> None:
        """Also by a writer that was taken for dead, until it finds out."""
        self.has_news = True
        writer = self.workers[row.writer]
        for _ in range(times):
            if not writer.has_ended(row.topic):
                writer.append(row.topic, Delta(f"{writer.last(row.topic)} "))

    @rule(row=rows)
    def write_down(self, row: Row) -> None:
        """Who owns it no more is refused."""
        if row.owner == row.writer and not row.is_over:
            row.journal = self.workers[row.writer].read(row.topic, 0)

    @rule(row=rows)
    def end(self, row: Row) -> None:
        if row.owner == row.writer and not row.is_over:
            self.write_down(row)
            row.is_over = True
            self.workers[row.writer].append(row.topic, Ended("completed", "stop"))

    @rule(row=rows)
    def read_elsewhere(self, row: Row) -> None:
        """As the look at copies does once a second."""
        reader, writer = self.workers[1 - row.writer], self.workers[row.writer]
        if row.owner == row.writer and not row.is_over:
            reader.copy(row.topic, writer._worker, LANE)
            reader.extend(row.topic, row.journal)

    @rule(row=rows)
    def take_over(self, row: Row) -> None:
        """Its writer is taken for dead, and may live."""
        taker = self.workers[1 - row.writer]
        if row.owner == row.writer and not row.is_over:
            row.owner, row.is_over = 1 - row.writer, True
            taker.close_for_others(row.topic)
            taker.extend(row.topic, row.journal)
            row.journal = taker.read(row.topic, 0)
            taker.append(row.topic, Ended("interrupted", "server_restart"))

    @rule(worker=WORKERS)
    def change(self, worker: int) -> None:
        self.has_news = True
        self.changes.append(f"{len(self.changes)}")
        self.workers[worker].append(LANE, Changed("message", self.changes[-1]))
        # One after the other, so that there is an order.
        self._until_heard()

    @rule(seconds=st.sampled_from([0.2, 5.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        """Long leaps are times in which a worker stood still."""
        self.clock.leapt += seconds
        self.was_away |= seconds > 1

    @rule()
    @precondition(lambda self: self.has_news and self.emptied < MOST_EMPTIED)
    def redis_is_emptied(self) -> None:
        self.has_news, self.emptied = False, self.emptied + 1
        before = [worker.epoch for worker in self.workers]
        self.server.empty()
        self.was_away = True
        until(lambda: all(each.epoch != old and each.is_connected for each, old in zip(self.workers, before, strict=True)))

    @rule(worker=WORKERS)
    def others_come_to_it(self, worker: int) -> None:
        gevent.sleep(0.05 * worker)

    @invariant()
    def numbers_are_dense_and_nobody_sees_what_was_not_said(self) -> None:
        for row in self.made:
            said = self._texts(row.writer, row)
            seen = self._texts(1 - row.writer, row)
            assert said[: len(seen)] == seen
            for worker in self.workers:
                seqs = [entry.seq for entry in worker.read(row.topic, 0)]
                assert seqs == list(range(1, len(seqs) + 1))

    @invariant()
    def what_was_taken_stays_as_it_was_taken(self) -> None:
        for row in self.made:
            if row.owner != row.writer:
                events = [entry.event for entry in self.workers[row.owner].read(row.topic, 0)]
                assert events == [*(entry.event for entry in row.journal), Ended("interrupted", "server_restart")]

    def teardown(self) -> None:
        try:
            for row in self.made:
                self.end(row)
                self._complete(row)
                for worker in (self.workers[row.owner], self.workers[1 - row.writer]):
                    ends = [entry.event for entry in worker.read(row.topic, 0) if isinstance(entry.event, Ended)]
                    assert len(ends) == 1
        finally:
            for worker in self.workers:
                worker.end()
            # Otherwise what is still on its way would come to those of the next example.
            until(lambda: not any(worker._is_shipping for worker in self.workers))

    def _complete(self, row: Row) -> None:
        """What a reader lacks of an answer that is over comes from the database, as the look at copies does it."""
        reader = self.workers[1 - row.writer]
        reader.drop(row.topic)
        reader.extend(row.topic, row.journal)
        if not reader.has_ended(row.topic):
            reader.extend(row.topic, [Entry(reader.last(row.topic) + 1, Ended("completed", "stop"))])

    def _until_heard(self) -> None:
        """Both have it; where Redis was away its readers are told that they must read again, and hear no single change."""
        for worker, after in zip(self.workers, self.heard_from, strict=True):
            until(lambda worker=worker, after=after: self.was_away or self._heard(worker, after) == self.changes)

    def _heard(self, worker: RedisTopics, after: int) -> list[str]:
        try:
            return [entry.event.id for entry in worker.read(LANE, after) if isinstance(entry.event, Changed)]
        except Gap:
            # A worker of a busy machine may have stood still as well.
            self.was_away = True
            return []

    def _texts(self, worker: int, row: Row) -> list[str]:
        return [entry.event.text for entry in self.workers[worker].read(row.topic, 0) if isinstance(entry.event, Delta)]


@pytest.fixture
def running() -> Iterator[None]:
    with redis_server.running_server(free_port()) as server:
        TwoWorkers.server = server
        yield


@pytest.mark.slow
@pytest.mark.parametrize("examples", [3, pytest.param(100, marks=pytest.mark.deep)])
@pytest.mark.timeout(900)
def test_whatever_happens_no_reader_sees_anything_else(running: None, examples: int) -> None:
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run_state_machine_as_test(
        TwoWorkers,
        settings=settings(max_examples=examples, stateful_step_count=20, deadline=None, suppress_health_check=checks),
    )
