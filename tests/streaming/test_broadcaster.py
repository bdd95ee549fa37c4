"""A broadcast is folded once for everybody and never before somebody looks."""

import gevent
import pytest
from gevent.event import Event as Signal

from tests.streaming.conftest import TOPIC, paced
from webapp.streaming.broadcaster import REST_SECONDS, Broadcast, Frame
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

    def finish(self):
        return iter(())


def broadcast_of(room, pause=gevent.sleep) -> Broadcast:
    return Broadcast(TOPIC, Counting(), room.topics, spawn=gevent.spawn, signal=Signal, pause=pause)


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
    assert broadcast.projection.folds <= len(room.events())
    assert broadcast.projection.differences < 40


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


@pytest.mark.mostly_slow
@pytest.mark.parametrize(("words", "longest"), [("word", 2 * REST_SECONDS), ("ten words or more", REST_SECONDS)])
def test_after_few_words_it_rests_longer(room, words, longest):
    pauses, heard = [], []
    broadcast = broadcast_of(room, lambda seconds: pauses.append(seconds) or gevent.sleep(seconds))
    watching = gevent.spawn(watch, broadcast, heard)

    _, done = room.start(paced([words] * 5, 2 * REST_SECONDS))
    gevent.joinall([done, watching], timeout=10)

    assert "".join(heard) == words * 5
    assert max(pauses) == longest
