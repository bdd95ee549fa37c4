"""A state machine of two workers with a manual clock and a real Redis: no order of events makes readers see different text.

The database is modelled by the relevant parts of its rows: an answer's owner, its journal, and its end.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import gevent
import pytest
from gevent.event import Event as Signal
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.streaming.conftest import until
from tests.support import redis_server
from tests.support.ports import free_port
from webapp.streaming.events import Changed, Delta, Ended
from webapp.streaming.redis_link import RedisLink
from webapp.streaming.redis_topics import RedisTopics
from webapp.streaming.topics import Entry, Gap

LANE = "chat:1"
WORKERS = st.sampled_from([0, 1])
# Each takes three seconds, in which both workers wait until the clock of Redis has passed their last entries.
MOST_EMPTIED = 2


class Clock:
    """A clock that runs, as that of Redis does, and can also leap."""

    def __init__(self) -> None:
        self.leapt = 0.0

    def now(self) -> float:
        return time.monotonic() + self.leapt


@dataclass
class Row:
    """The database's row of an answer; `writer` is the worker that started it, which can be frozen without knowing it."""

    topic: str
    writer: int
    owner: int
    journal: list[Entry] = field(default_factory=list)
    is_over: bool = False


class TwoWorkers(RuleBasedStateMachine):
    """The state machine; `server` is set by the test, which runs one Redis for all examples."""

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
        worker = RedisTopics(RedisLink(self.server.url), worker=f"worker{number}", **tools)
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
        """Appends text, also by a writer that is presumed dead and has not noticed yet."""
        self.has_news = True
        writer = self.workers[row.writer]
        for _ in range(times):
            if not writer.has_ended(row.topic):
                writer.append(row.topic, Delta(f"{writer.last(row.topic)} "))

    @rule(row=rows)
    def write_down(self, row: Row) -> None:
        """Saves the journal, unless the writer no longer owns the answer."""
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
        """Copies the answer to the other worker, as the worker's periodic check of its copies does once a second."""
        reader, writer = self.workers[1 - row.writer], self.workers[row.writer]
        if row.owner == row.writer and not row.is_over:
            reader.copy(row.topic, writer._worker, LANE)
            reader.extend(row.topic, row.journal)

    @rule(row=rows)
    def take_over(self, row: Row) -> None:
        """Takes the answer over from a writer that is presumed dead, and can still be alive."""
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
        # One change at a time, so that their order is defined.
        self._until_heard()

    @rule(seconds=st.sampled_from([0.2, 5.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        """Advances the clock; a long leap simulates a worker that was frozen."""
        self.clock.leapt += seconds
        self.was_away |= seconds > 1

    @rule()
    @precondition(lambda self: self.has_news and self.emptied < MOST_EMPTIED)
    def redis_is_emptied(self) -> None:
        self.has_news, self.emptied = False, self.emptied + 1
        before = [worker.epoch for worker in self.workers]
        self.server.empty()
        self.was_away = True
        until(lambda: all(worker.epoch != old and worker.is_connected for worker, old in zip(self.workers, before, strict=True)))

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
            # Otherwise entries that are still being sent would reach the workers of the next example.
            until(lambda: not any(worker._is_sending for worker in self.workers))

    def _complete(self, row: Row) -> None:
        """Fills in a reader's missing part of a finished answer from the database, as the check of its copies does."""
        reader = self.workers[1 - row.writer]
        reader.drop(row.topic)
        reader.extend(row.topic, row.journal)
        if not reader.has_ended(row.topic):
            reader.extend(row.topic, [Entry(reader.last(row.topic) + 1, Ended("completed", "stop"))])

    def _until_heard(self) -> None:
        """Waits until both workers have all changes; after an outage of Redis, readers only receive a signal to reload."""
        for worker, after in zip(self.workers, self.heard_from, strict=True):
            until(lambda worker=worker, after=after: self.was_away or self._heard(worker, after) == self.changes)

    def _heard(self, worker: RedisTopics, after: int) -> list[str]:
        try:
            return [entry.event.id for entry in worker.read(LANE, after) if isinstance(entry.event, Changed)]
        except Gap:
            # On a busy machine a worker can have been stalled too.
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
