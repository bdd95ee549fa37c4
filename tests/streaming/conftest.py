"""The streaming engine without an application: real greenlets, real time, no server."""

import itertools
import time
from collections.abc import Callable, Iterator

import gevent
import pytest
from gevent.event import Event as Signal

from tests.support import redis_server as redis
from tests.support.ports import free_port
from webapp.streaming.events import Delta, Ended, Event, Saved, Started
from webapp.streaming.loops import FlushLoop
from webapp.streaming.outcome import Outcome
from webapp.streaming.redis_link import RedisLink
from webapp.streaming.redis_topics import RedisTopics
from webapp.streaming.run import Run
from webapp.streaming.shared_config import SharedConfig
from webapp.streaming.stop import Stop
from webapp.streaming.topics import MemoryTopics

TOPIC = "generation:1"
UNKNOWN = SharedConfig()


def saved_at_once(run: Run, outcome: Outcome) -> list[Saved]:
    return [Saved("message", "7", "assistant")]


class Room:
    """Topics, a flush loop, and a way to start runs."""

    def __init__(self) -> None:
        self.topics = MemoryTopics(epoch="one", signal=Signal, now=time.monotonic)
        self.flush_loop = FlushLoop(spawn=gevent.spawn, signal=Signal, pause=gevent.sleep, now=time.monotonic)

    def start(self, events, save=saved_at_once, topic: str = TOPIC, **options):
        """Starts a run; returns it and its greenlet. `events` can be a function of the run."""
        run = Run(
            topic,
            self.topics,
            Stop(Signal),
            now=time.monotonic,
            schedule_flush=self.flush_loop.schedule,
            pause=gevent.sleep,
            **options,
        )
        return run, gevent.spawn(run.run, events(run) if callable(events) else iter(events), save)

    def events(self, topic: str = TOPIC) -> list[Event]:
        return [entry.event for entry in self.topics.read(topic, 0)]

    def text(self, topic: str = TOPIC) -> str:
        return "".join(event.text for event in self.events(topic) if isinstance(event, Delta))

    def deltas(self, topic: str = TOPIC) -> list[str]:
        return [event.text for event in self.events(topic) if isinstance(event, Delta)]

    def until(self, is_so: Callable[[], bool], seconds: float = 30) -> None:
        with gevent.Timeout(seconds):
            while not is_so():
                gevent.sleep(0.002)


def paced(texts, seconds: float) -> Iterator[Event]:
    yield Started("m", "p")
    for text in texts:
        gevent.sleep(seconds)
        yield Delta(text)
    yield Ended("completed", "stop")


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def redis_server() -> Iterator[redis.Server]:
    with redis.running_server(free_port()) as server:
        yield server


@pytest.fixture
def workers(redis_server: redis.Server) -> Iterator[Callable[..., RedisTopics]]:
    """A function that creates the topics of another worker on each call, all connected to the same Redis."""
    made: list[RedisTopics] = []
    numbers = itertools.count(1)

    def make(shared_config: SharedConfig = UNKNOWN) -> RedisTopics:
        link, tools = RedisLink(redis_server.url), {"signal": Signal, "now": time.monotonic, "spawn": gevent.spawn}
        topics = RedisTopics(
            link, worker=f"worker{next(numbers)}", pause=gevent.sleep, shared_config=lambda: shared_config, **tools
        )
        topics.begin()
        made.append(topics)
        until(lambda: topics.is_connected)
        return topics

    yield make
    for worker in made:
        worker.end()


def until(is_so: Callable[[], object], seconds: float = 60) -> None:
    with gevent.Timeout(seconds, AssertionError(f"not so within {seconds} s")):
        while not is_so():
            gevent.sleep(0.005)
