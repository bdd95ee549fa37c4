"""A broadcast folds each entry once for all watchers, and none before there is a watcher."""

import gevent
import pytest
from gevent.event import Event as Signal

from tests.streaming.conftest import TOPIC, paced
from webapp.streaming.broadcaster import Broadcast, Frame
from webapp.streaming.events import Delta, Ended


class Counting:
    """A projection that is the text itself, and counts its calls."""

    def __init__(self) -> None:
        self.text, self.folds, self.differences, self.has_ended = "", 0, 0, False

    def begin(self):
        return iter(())

    def fold(self, entry):
        self.folds += 1
        if isinstance(entry.event, Delta):
            self.text += entry.event.text
        self.has_ended |= isinstance(entry.event, Ended)
        yield from ()

    def since(self, cursor):
        self.differences += 1
        return ([Frame(self.text[cursor[0] :])] if cursor[0] < len(self.text) else []), (len(self.text),)

    def snapshot(self):
        return self.text, (len(self.text),)

    def finish(self):
        return iter(())


def broadcast_of(room, pause=gevent.sleep) -> Broadcast:
    return Broadcast(TOPIC, Counting(), room.topics, spawn=gevent.spawn, pause=pause)


def watch(broadcast, into) -> None:
    signal, cursor = Signal(), (0,)
    with broadcast.watched_by(signal):
        while True:
            signal.clear()
            frames, cursor = broadcast.since(cursor)
            into.extend(frame.data for frame in frames)
            if not frames and broadcast.projection.has_ended:
                return
            if not frames:
                signal.wait(5)


@pytest.mark.slow
def test_two_hundred_watchers_cost_one_fold_and_see_the_same(room):
    broadcast, heard = broadcast_of(room), [[] for _ in range(200)]
    watchers = [gevent.spawn(watch, broadcast, into) for into in heard]

    for said in range(20):
        # Otherwise a slow watcher could receive two words in one difference, unlike the others.
        room.until(lambda said=said: all(len(into) == said for into in heard))
        room.topics.append(TOPIC, Delta("word "))
    room.topics.append(TOPIC, Ended("completed", "stop"))
    gevent.joinall(watchers, timeout=60)

    assert all("".join(into) == "word " * 20 for into in heard)
    assert broadcast.projection.folds <= len(room.events())
    # A few per entry, whatever the number of watchers.
    assert broadcast.projection.differences < 4 * len(room.events())


def test_nothing_is_folded_while_nobody_looks(room):
    broadcast = broadcast_of(room)
    _, done = room.start(paced("abc", 0.001))
    done.join()

    assert broadcast.projection.folds == 0
    assert broadcast.snapshot() == ("abc", (3,))


def test_what_was_said_meanwhile_is_folded_at_once(room):
    broadcast = broadcast_of(room)
    _, done = room.start(paced(["word "] * 60, 0.004))
    done.join()

    broadcast.catch_up()

    kinds = [type(event) for event in room.events()]
    assert broadcast.projection.text == "word " * 60
    assert broadcast.projection.folds == len(kinds) - kinds.count(Delta) + 1


def test_who_comes_late_begins_where_the_snapshot_ends(room):
    broadcast = broadcast_of(room)
    _, done = room.start(paced("abcdefghij", 0.005))
    gevent.sleep(0.03)
    text, cursor = broadcast.snapshot()
    done.join()
    broadcast.catch_up()

    frames, _ = broadcast.since(cursor)
    assert text + "".join(frame.data for frame in frames) == "abcdefghij"


class Slow(Counting):
    """A projection that folds each text in several steps."""

    def fold(self, entry):
        yield from super().fold(entry)
        yield
        yield


def test_what_is_said_is_folded_when_the_writer_goes_on(room):
    broadcast, signal = broadcast_of(room), Signal()
    with broadcast.watched_by(signal):
        room.topics.append(TOPIC, Delta("at once"))

        assert broadcast.projection.text == "at once"
    assert signal.is_set()

    room.topics.append(TOPIC, Delta(" and unseen"))
    assert broadcast.projection.text == "at once"


def test_who_says_something_waits_for_nobody_who_folds_it(room):
    """Text that arrives while a greenlet is folding is folded by the same greenlet, and in order."""
    pauses = []
    broadcast = Broadcast(TOPIC, Slow(), room.topics, spawn=gevent.spawn, pause=lambda _: (pauses.append(1), gevent.sleep(0)))
    signal = Signal()
    with broadcast.watched_by(signal):
        for number in range(10):
            room.topics.append(TOPIC, Delta(f"{number} "))
        assert not pauses
        assert signal.wait(30)

    assert broadcast.projection.text == "0 1 2 3 4 5 6 7 8 9 "
    assert len(pauses) <= 3 * 2


def test_a_projection_that_fails_leaves_the_writer_alone(room, caplog):
    class Failing(Counting):
        def __init__(self, failure):
            super().__init__()
            self.failure = failure

        def fold(self, entry):
            raise self.failure

    for failure in (ValueError("ours"), OSError("another's")):
        broadcast = Broadcast(TOPIC, Failing(failure), room.topics, spawn=gevent.spawn, pause=gevent.sleep)
        with broadcast.watched_by(Signal()):
            room.topics.append(TOPIC, Delta("said"))
            room.topics.append(TOPIC, Delta(" all the same"))

    assert room.text() == "said all the same" * 2
    assert "another's" in caplog.text


class Continued(Counting):
    """A projection that continues a text, which it loads in pieces."""

    def __init__(self):
        super().__init__()
        self._pieces = iter(["one ", "two ", "three "])

    def begin(self):
        for piece in self._pieces:
            self.text += piece
            yield


def test_what_it_goes_on_from_is_taken_in_pieces_before_anybody_is_told(room):
    pauses = []
    broadcast = Broadcast(
        TOPIC, Continued(), room.topics, spawn=gevent.spawn, pause=lambda _: (pauses.append(1), gevent.sleep(0))
    )
    signal = Signal()
    with broadcast.watched_by(signal):
        # A page that reconnects already has two of the words.
        assert broadcast.projection.text == "one "
        assert broadcast.since((8,)) == ([], (8,))
        assert signal.wait(30)
        assert broadcast.since((8,)) == ([Frame("three ")], (14,))
    assert len(pauses) >= 3


def test_a_snapshot_has_all_that_it_goes_on_from(room):
    broadcast = Broadcast(TOPIC, Continued(), room.topics, spawn=gevent.spawn, pause=gevent.sleep)
    assert broadcast.snapshot() == ("one two three ", (14,))
