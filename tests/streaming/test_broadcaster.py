"""A broadcast is folded once for everybody and never before somebody looks."""

import gevent
from gevent.event import Event as Signal

from tests.streaming.conftest import TOPIC, paced
from webapp.streaming.broadcaster import Broadcast, Frame
from webapp.streaming.events import Delta, Ended


class Counting:
    """A projection that is the text itself; it counts how often it is asked to work."""

    def __init__(self) -> None:
        self.text, self.folds, self.differences, self.has_ended = "", 0, 0, False

    def fold(self, entry):
        self.folds += 1
        if isinstance(entry.event, Delta):
            self.text += entry.event.text
        self.has_ended |= isinstance(entry.event, Ended)
        yield

    def since(self, cursor):
        self.differences += 1
        return ([Frame(self.text[cursor[0] :])] if cursor[0] < len(self.text) else []), (len(self.text),)

    def snapshot(self):
        return self.text, (len(self.text),)

    def finish(self) -> None:
        """Nothing is left to do."""


def broadcast_of(room) -> Broadcast:
    return Broadcast(TOPIC, Counting(), room.topics, spawn=gevent.spawn, signal=Signal, pause=gevent.sleep)


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


def test_two_hundred_watchers_cost_one_fold_and_see_the_same(room):
    broadcast, heard = broadcast_of(room), [[] for _ in range(200)]
    watchers = [gevent.spawn(watch, broadcast, into) for into in heard]

    _, done = room.start(paced(["word "] * 60, 0.004))
    gevent.joinall([done, *watchers], timeout=10)

    assert all("".join(into) == "word " * 60 for into in heard)
    assert broadcast.projection.folds == len(room.events())
    assert broadcast.projection.differences < 40


def test_nothing_is_folded_while_nobody_looks(room):
    broadcast = broadcast_of(room)
    _, done = room.start(paced("abc", 0.001))
    done.join()

    assert broadcast.projection.folds == 0
    assert broadcast.snapshot() == ("abc", (3,))


def test_who_comes_late_begins_where_the_snapshot_ends(room):
    broadcast = broadcast_of(room)
    _, done = room.start(paced("abcdefghij", 0.005))
    gevent.sleep(0.03)
    text, cursor = broadcast.snapshot()
    done.join()
    broadcast.catch_up()

    frames, _ = broadcast.since(cursor)
    assert text + "".join(frame.data for frame in frames) == "abcdefghij"
