"""Many watchers of one answer share one rendering, and no loop wakes while nothing runs."""

import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing

import gevent
import pytest
from flask import Flask
from gevent import socket as green
from gevent.event import Event
from sqlalchemy.exc import OperationalError

from tests.chat.conftest import answered, begin, ended
from tests.support.browser import Browser
from tests.support.turns import comes_to_rest, turns_of_the_loop
from tests.upstream.fixtures import app
from webapp.base import topic_names
from webapp.base.db import db
from webapp.engine.engine import ENGINE, Engine
from webapp.engine.tables import Generation
from webapp.engine.watching import watcher_loop
from webapp.engine.watching.push import NonBlockingWriter
from webapp.engine.watching.watcher_loop import Watcher
from webapp.settings.service import set_setting
from webapp.streaming.broadcaster import Frame
from webapp.streaming.events import Changed, Delta
from webapp.streaming.topics import Signal

__all__ = ["answered", "app", "begin"]

WATCHERS, READERS = 200, 20
PARAGRAPH = "Some *words* in a paragraph, and one more line of them.\n\n"
TEXT = PARAGRAPH * 40


@pytest.fixture
def engine(app: Flask) -> Engine:
    """An engine whose only generations are answers: automatic titles would run at unpredictable times."""
    engine: Engine = ENGINE.of(app)
    with app.app_context():
        set_setting("models.titles", "off")
    return engine


def watch(browser: Browser, url: str) -> gevent.Greenlet:
    """Reads a page's event stream until the answer has ended; the greenlet's value is all that it received."""

    def listen() -> bytes:
        response = browser.client.get(url, buffered=False)
        heard = b""
        for piece in response.iter_encoded():
            heard += piece
            if b'"status": "completed"' in heard and b'-aside"' in heard:
                break
        response.close()
        return heard

    return gevent.spawn(listen)


def until_said(engine: Engine, text: str) -> None:
    with gevent.Timeout(60):
        while not any(len(live.run.transcript.text) >= len(text) for live in engine.live.values()):
            gevent.sleep(0.01)


class Busy:
    """A feed that always has news, and records the loop iterations in which it was polled."""

    lane = "chat:busy"

    def __init__(self, turn: Callable[[], int]) -> None:
        self.turns, self._turn = list[int](), turn

    def news(self) -> list[Frame]:
        self.turns.append(self._turn())
        return [Frame("news")]

    def listen(self, signal: Signal) -> None: ...
    def topics(self) -> dict[str, int]:
        return {}

    def last_news(self) -> list[Frame]:
        return []

    def quick_news(self) -> list[Frame]:
        return []

    def position(self) -> str:
        return ""

    def close(self) -> None: ...


def test_readers_that_stopped_together_go_on_one_after_another(app: Flask, engine: Engine) -> None:
    goes_on = Event()

    def read(feed: Busy) -> None:
        with app.test_request_context():
            pieces = iter(watcher_loop.watch(feed, Watcher("somebody", 0, 0, lambda: True)).response)
        with closing(pieces):
            while len(feed.turns) < 2:
                next(pieces)
                if feed.turns:
                    goes_on.wait()

    with turns_of_the_loop() as turn:
        feeds = [Busy(turn) for _ in range(READERS)]
        reading = [gevent.spawn(read, feed) for feed in feeds]
        with gevent.Timeout(60):
            while not all(feed.turns for feed in feeds):
                gevent.sleep(0.01)
        gevent.sleep(2 * watcher_loop.WAITED_SECONDS)
        goes_on.set()
        gevent.joinall(reading, timeout=60, raise_error=True)

    assert len({feed.turns[1] for feed in feeds}) == READERS


LANE = "chat:pushed"


def seated(engine: Engine) -> AbstractContextManager[watcher_loop.WatcherConnection]:
    return watcher_loop.connected(engine, LANE, Watcher("somebody", 1, 0, lambda: True), None)


@pytest.fixture
def outlet() -> Iterator[tuple[NonBlockingWriter, socket.socket]]:
    ours, theirs = green.socketpair()
    theirs.setblocking(False)
    with ours, theirs:
        yield NonBlockingWriter(ours), theirs


@pytest.mark.parametrize(
    "happens",
    [
        lambda engine: engine.logs.topics.append(LANE, Changed("title", "pushed")),
        lambda engine: engine.logs.topics.append(topic_names.of_person("somebody"), Changed("access", "somebody")),
        lambda engine: seated(engine).__enter__(),
    ],
    ids=["news of another kind", "access", "another page"],
)
def test_whatever_else_happens_wakes_a_page_and_it_is_pushed_nothing_more(
    engine: Engine, outlet: tuple[NonBlockingWriter, socket.socket], happens: Callable[[Engine], object]
) -> None:
    ours, theirs = outlet
    with seated(engine) as connection:
        connection.push(lambda: b"more", ours)
        waiting = gevent.spawn(connection.wait, {LANE: engine.logs.topics.last(LANE)})
        gevent.sleep(0)
        connection.push_signal.set()
        gevent.sleep(0)
        assert not waiting.ready()
        assert theirs.recv(100) == b"4\r\nmore\r\n"

        happens(engine)
        connection.push_signal.set()

        waiting.get(timeout=60)
        with pytest.raises(BlockingIOError):
            theirs.recv(100)


def test_a_heartbeat_waits_for_no_database_and_asks_again_with_the_next(engine: Engine) -> None:
    answers, may_answer = iter([True, False]), Event()

    def is_allowed() -> bool:
        may_answer.wait()
        return next(answers)

    access = watcher_loop.Access(engine.logs.topics, Watcher("somebody", 0, 0, is_allowed))
    with gevent.Timeout(60):
        assert not access.is_revoked(is_due=True)
        assert not access.is_revoked(is_due=True)
        may_answer.set()
        assert not access.is_revoked(is_due=True)
        assert access.is_revoked(is_due=True)


def test_where_the_database_is_away_a_heartbeat_ends_nothing(engine: Engine) -> None:
    def is_allowed() -> bool:
        raise OperationalError("SELECT 1", None, Exception("the connection is lost"))

    access = watcher_loop.Access(engine.logs.topics, Watcher("somebody", 0, 0, is_allowed))
    assert not access.is_revoked(is_due=True)
    assert not access.is_revoked(is_due=False)


@pytest.mark.slow
def test_two_hundred_watchers_render_an_answer_once(app: Flask, owner: Browser, begin, fake, engine: Engine) -> None:
    with app.app_context():
        set_setting("limits.sse_per_chat", "0")
        set_setting("limits.sse_per_user", "0")
    # Paragraph by paragraph: on a slow machine two seconds' worth would arrive in a few large chunks.
    words = len(PARAGRAPH.split())
    fake.says(TEXT, pace=0.004, holds=[words * number for number in range(1, 40)])
    path = begin(owner)
    url = owner.page(path).events_url
    watchers = [watch(owner, url) for _ in range(WATCHERS)]
    for number in range(1, 40):
        until_said(engine, PARAGRAPH * number)
        fake.goes_on()
    gevent.joinall(watchers, timeout=180, raise_error=True)

    with app.app_context():
        generation = db.session.query(Generation).one()
        broadcast = engine.logs.broadcast(generation)
    assert broadcast
    entries = engine.logs.topics.read(f"generation:{generation.id}", 0)
    deltas = sum(isinstance(entry.event, Delta) for entry in entries)
    # At most one rendering per delta and one at the end, however many watchers there are.
    assert deltas >= 40
    assert 1 < broadcast.projection.renders <= deltas + 1
    assert all(watcher.value.count(b'"status": "completed"') == 1 for watcher in watchers)


@pytest.mark.slow
def test_no_loop_wakes_while_nothing_runs(owner: Browser, begin, fake, engine: Engine) -> None:
    fake.says(TEXT, pace=0.004)
    path = begin(owner)
    watcher = watch(owner, owner.page(path).events_url)
    owner.wait_for(path, ended)
    watcher.join(60)
    # An open page only waits.
    idle = watch(owner, owner.page(path).events_url)

    def ticks() -> tuple[int, int]:
        return engine.duties.journal.ticks, engine.keeper.ticks

    # Each loop runs once more after the last answer, the slowest a second later.
    assert comes_to_rest(ticks, seconds=2.2)
    assert min(ticks()) > 0
    assert not idle.ready()
    idle.kill()


@pytest.mark.slow
def test_whoever_leaves_while_their_stream_opens_is_not_counted_any_more(
    app: Flask, owner: Browser, answered, engine: Engine
) -> None:
    url = owner.page(answered(owner, "Hello")).events_url

    def open_it() -> None:
        with closing(owner.client.get(url, buffered=False)) as response:
            for _ in response.iter_encoded():
                pass

    # Killed before they start, while they wait for their turn, and after they have subscribed.
    for turns in (0, 1, 3, 8, 40):
        opening = [gevent.spawn(open_it) for _ in range(5)]
        for _ in range(turns):
            gevent.sleep(1e-6)
        gevent.killall(opening)
        assert (watcher_loop.open_pages(), engine.readers, +engine.presence._here) == (0, set(), {})

    # New pages are still admitted.
    response = owner.client.get(url, buffered=False)
    next(response.iter_encoded())
    assert watcher_loop.open_pages() == 1
    response.close()
    assert watcher_loop.open_pages() == 0


def test_what_a_page_was_sent_is_held_by_nobody_while_it_waits(owner: Browser, answered) -> None:
    url = owner.page(answered(owner, "Hello")).events_url
    with closing(owner.client.get(url, headers={"Last-Event-ID": "of-another-server"}, buffered=False)) as response:
        pieces = response.iter_encoded()
        while b"hx-partial" not in (page := next(pieces)):
            pass

        # The server then sends this empty piece, and keeps a reference to it in place of the last one.
        assert next(pieces) == b""
        # One reference is `page`, the other getrefcount's argument.
        assert sys.getrefcount(page) == 2
