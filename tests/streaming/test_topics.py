"""The contract of topics, for every implementation."""

import random
import time

import gevent
import pytest
from gevent.event import Event as Signal

from tests.streaming.conftest import TOPIC, paced
from webapp.streaming.events import Changed, Delta, Ended, Phase, Reasoning
from webapp.streaming.topics import IDLE_SECONDS, KEEP_OTHERS, ROLLED_AFTER_SECONDS, SWEEP_SECONDS, Gap, MemoryTopics


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.slow)])
def topics(request):
    if request.param == "redis":
        return request.getfixturevalue("workers")()
    return MemoryTopics(epoch="one", signal=Signal, now=time.monotonic)


def all_of(topics, topic, count):
    """Appends this many entries, and returns the last ones once all have arrived."""
    first = topics.last(topic)
    for n in range(count):
        topics.append(topic, Changed("chat", str(n)))
    with gevent.Timeout(60):
        while topics.last(topic) == first or topics.read(topic, topics.last(topic) - 1)[-1].event.id != str(count - 1):
            gevent.sleep(0.005)
    return first


def test_numbers_of_answers_are_dense_and_begin_with_one(topics):
    assert [topics.append("generation:1", Delta(str(n))) for n in range(3)] == [1, 2, 3]
    assert [entry.seq for entry in topics.read("generation:1", 1)] == [2, 3]


def test_numbers_of_others_grow_and_a_reader_goes_on_from_any_of_them(topics):
    first = all_of(topics, "chat:1", 3)
    said = topics.read("chat:1", first)

    assert [entry.event.id for entry in said] == ["0", "1", "2"]
    assert first < said[0].seq < said[1].seq < said[2].seq == topics.last("chat:1")
    assert topics.read("chat:1", said[0].seq) == said[1:]


def test_a_cursor_of_another_life_is_a_gap(topics):
    topics.append("chat:1", Changed("chat", "a"))

    with pytest.raises(Gap):
        topics.read("chat:1", 57)


def test_a_trimmed_cursor_is_a_gap_and_numbers_go_on(topics):
    first = all_of(topics, "chat:1", KEEP_OTHERS + 10)

    assert topics.read("chat:1", topics.last("chat:1")) == []
    with pytest.raises(Gap):
        topics.read("chat:1", first + 3)


def test_the_text_that_is_held_is_known(topics):
    for _ in range(100):
        topics.append("generation:1", Delta("a" * 100))
    topics.append("generation:2", Reasoning("ü" * 100))
    assert 100 * 101 <= topics.buffered_bytes <= 300 * 101
    topics.expire("generation:1", 0)
    topics.expire("generation:2", 0)

    assert topics.buffered_bytes == 0


def test_what_is_trimmed_is_held_no_longer():
    topics = MemoryTopics(epoch="one", signal=Signal, now=time.monotonic)
    for _ in range(KEEP_OTHERS):
        topics.append("chat:1", Delta("a" * 100))
    full = topics.buffered_bytes
    topics.append("chat:1", Delta("a" * 100))

    assert topics.buffered_bytes < full * 0.6


def test_waiting_ends_with_news_and_with_time(topics):
    chat, user = topics.last("chat:1"), topics.last("user:2")
    gevent.spawn_later(0.01, topics.append, "chat:1", Changed("chat", "a"))

    assert topics.wait({"chat:1": chat, "user:2": user}, 60)
    assert not topics.wait({"chat:1": topics.last("chat:1"), "user:2": user}, 0.01)


def test_waiting_ends_when_somebody_sets_the_signal(topics):
    signal = Signal()
    gevent.spawn_later(0.01, signal.set)

    with gevent.Timeout(30):
        assert not topics.wait({"chat:1": topics.last("chat:1")}, 60, signal)


def test_who_leaves_is_not_waited_for(topics):
    waiting = gevent.spawn(topics.wait, {"chat:1": topics.last("chat:1")}, 60)
    gevent.sleep(0)
    waiting.kill()
    topics.append("chat:1", Changed("chat", "a"))

    assert not topics._logs["chat:1"].waiting


def test_an_expired_topic_is_a_gap_for_its_old_readers():
    now = [0.0]
    topics = MemoryTopics(epoch="one", signal=Signal, now=lambda: now[0])
    topics.append("generation:1", Delta("a"))
    topics.expire("generation:1", 5)
    now[0] = 6.0
    topics.expire("generation:2", 5)

    with pytest.raises(Gap):
        topics.read("generation:1", 1)


def test_a_topic_whose_time_was_put_off_stays_and_one_that_is_read_goes_later():
    now = [0.0]
    topics = MemoryTopics(epoch="one", signal=Signal, now=lambda: now[0])
    for name in ("generation:1", "generation:2", "generation:3"):
        topics.append(name, Delta("a"))
        topics.expire(name, 5)
    heard: list[None] = []

    def listener() -> None:
        heard.append(None)

    topics.listen("generation:2", listener)
    now[0] = 4.0
    topics.expire("generation:1", 5)
    topics.expire("generation:1", 5)

    now[0] = 6.0
    topics.expire("generation:4", 5)
    assert [topics.last(f"generation:{number}") for number in (1, 2, 3)] == [1, 1, 0]

    topics.unlisten("generation:2", listener)
    now[0] = 10.0
    topics.expire("generation:4", 5)
    assert [topics.last(f"generation:{number}") for number in (1, 2, 3)] == [0, 0, 0]


def test_what_has_ended_is_read_from_anywhere_after_it_was_rolled_up():
    now = [0.0]
    topics = MemoryTopics(epoch="one", signal=Signal, now=lambda: now[0])
    said = [
        Reasoning("so "),
        Reasoning("😀 far"),
        Phase("answering"),
        Delta("one "),
        Delta(""),
        Delta("two"),
        Ended("completed", "stop"),
    ]
    for event in said:
        topics.append("generation:1", event)
    before = [topics.read("generation:1", after) for after in range(8)]
    for topic in ("generation:1", "generation:2", "generation:3"):
        topics.expire(topic, 300)
        now[0] += ROLLED_AFTER_SECONDS

    assert len(topics._logs["generation:1"].entries) == 1
    assert topics.last("generation:1") == 7
    assert topics.read("generation:1", 6) == before[6]
    assert [topics.read("generation:1", after) for after in range(8)] == before
    with pytest.raises(Gap):
        topics.read("generation:1", 8)


def test_what_was_read_again_is_rolled_up_again_and_goes_on():
    now = [0.0]
    topics = MemoryTopics(epoch="one", signal=Signal, now=lambda: now[0])
    for _ in range(2):
        topics.append("generation:1", Delta("a"))
        topics.expire("generation:1", 300)
        now[0] += ROLLED_AFTER_SECONDS
        topics.expire("generation:2", 300)
    topics.append("generation:1", Delta("b"))

    assert [(entry.seq, entry.event.text) for entry in topics.read("generation:1", 0)] == [(1, "a"), (2, "a"), (3, "b")]


def test_a_log_that_nobody_uses_for_an_hour_is_let_go_and_no_cursor_is_mistaken():
    now = [0.0]
    topics = MemoryTopics(epoch="one", signal=Signal, now=lambda: now[0])
    for topic in ("chat:1", "chat:1", "chat:1", "user:2", "generation:3"):
        topics.append(topic, Changed("chat", "a"))
    watched = gevent.spawn(topics.wait, {"user:2": 1}, 60)
    gevent.sleep(0)
    now[0] = IDLE_SECONDS + SWEEP_SECONDS
    topics.append("chat:9", Changed("chat", "b"))

    assert set(topics._logs) == {"user:2", "generation:3", "chat:9"}
    assert topics.read("chat:1", 3) == []
    assert topics.append("chat:1", Changed("chat", "c")) == 4
    assert [entry.seq for entry in topics.read("chat:1", 3)] == [4]
    for stale in (0, 1, 2):
        with pytest.raises(Gap):
            topics.read("chat:1", stale)
    assert topics.append("generation:4", Delta("a")) == 1
    watched.kill()


def test_a_log_in_use_is_kept_however_old():
    now = [0.0]
    topics = MemoryTopics(epoch="one", signal=Signal, now=lambda: now[0])
    for _ in range(5):
        topics.append("chat:1", Changed("chat", "a"))
        now[0] += IDLE_SECONDS - 1

    assert [entry.seq for entry in topics.read("chat:1", 0)] == [1, 2, 3, 4, 5]


def test_every_reader_reads_the_same_whatever_its_pace(room):
    heard = [[] for _ in range(20)]

    def watch(into, pause):
        cursor = 0
        while not (into and isinstance(into[-1].event, Ended)):
            room.topics.wait({TOPIC: cursor, "chat:1": 0}, 1)
            entries = room.topics.read(TOPIC, cursor)
            into.extend(entries)
            cursor += len(entries)
            gevent.sleep(pause)

    watchers = [gevent.spawn(watch, into, random.choice([0, 0.01, 0.1])) for into in heard]
    _, done = room.start(paced("x" * 300, 0.001))
    gevent.joinall([done, *watchers], timeout=60)

    assert all(into == heard[0] and [entry.seq for entry in into] == list(range(1, len(into) + 1)) for into in heard)
