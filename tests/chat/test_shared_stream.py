"""One stream carries the feeds of all pages of a browser, each only for those permitted to read it."""

import secrets

import gevent
import pytest

from tests.chat.conftest import until_settled
from tests.chat.listener import Listener, listen
from tests.support.waiting import until
from webapp.engine.engine import ENGINE
from webapp.engine.watching import shared, watcher_loop
from webapp.streaming.codec import SseDecoder

__all__ = ["listen"]
STREAM, FEED, OTHER = "a" * 32, "b" * 32, "c" * 32


@pytest.fixture
def path(app, owner, answered):
    path = answered(owner, "Hello")
    until_settled(app)
    return path


@pytest.fixture
def stream(owner, listen):
    """The open shared stream of a browser."""
    listener = listen(owner, "/live/stream", headers={shared.HEADER: STREAM})
    listener.until(lambda feed: feed.raw)
    return listener


def add(browser, url: str, feed: str = FEED, stream: str = STREAM, **headers: str):
    return browser.client.get(url, headers={shared.HEADER: f"{stream}.{feed}", **headers}, buffered=False)


def heard(stream: Listener, feed: str = FEED) -> str:
    """Decodes one feed of the stream into the bytes that the page's own stream would have had."""
    inner = "".join(message.data for message in stream.messages if message.event == feed)
    return "".join(message.data for message in SseDecoder().feed(inner.encode()))


def leave(browser, feed: str = FEED) -> int:
    return browser.post("/live/leave", place=f"{STREAM}.{feed}").status_code


def test_it_brings_what_a_stream_of_its_own_would(owner, path, stream, fake):
    events_url = owner.page(path).events_url
    answer = add(owner, events_url)
    assert (answer.status_code, answer.headers[shared.HEADER], answer.text) == (200, FEED, "")
    add(owner, events_url, OTHER)
    fake.says("By the river\r\nand over the weir")
    owner.post(f"{path}/messages", message="Where?")

    stream.until(lambda feed: "over the weir" in heard(feed) and "Try again" in heard(feed))
    stream.until(lambda feed: heard(feed, OTHER) == heard(feed))
    assert watcher_loop.open_pages() == 2


def test_a_feed_that_is_left_ends_alone(owner, path, stream):
    events_url = owner.page(path).events_url
    for feed in (FEED, OTHER):
        add(owner, events_url, feed)
    stream.until(lambda feed: watcher_loop.open_pages() == 2)
    assert leave(owner) == 204
    stream.until(lambda feed: watcher_loop.open_pages() == 1)
    owner.post(f"{path}/rename", title="Weirs")

    stream.until(lambda feed: "Weirs" in heard(feed, OTHER))
    assert "Weirs" not in heard(stream)


def test_it_ends_with_its_browser_and_when_nobody_hears_it(owner, path, stream, listen, monkeypatch):
    add(owner, owner.page(path).events_url)
    stream.until(lambda feed: watcher_loop.open_pages() == 1)
    stream.close()
    stream.until(lambda feed: watcher_loop.open_pages() == 0)
    monkeypatch.setattr(shared, "IDLE_SECONDS", 0.05)
    again = listen(owner, "/live/stream", headers={shared.HEADER: STREAM})

    again.until(lambda feed: feed.greenlet.dead)
    again.close()
    assert shared._streams == {}


def test_what_cannot_be_shared_has_a_stream_of_its_own(owner, member, path, stream, answered):
    events_url, theirs = owner.page(path).events_url, member.page(answered(member, "Mine")).events_url
    assert shared.HEADER in add(owner, events_url).headers
    # The name is in use, the stream is another person's, no stream has this name, and the name is invalid.
    for browser, url, feed, id in (
        (owner, events_url, FEED, STREAM),
        (member, theirs, OTHER, STREAM),
        (owner, events_url, OTHER, "d" * 32),
        (owner, events_url, "x", "y"),
    ):
        answer = add(browser, url, feed, id)
        assert shared.HEADER not in answer.headers
        assert b": ping" in next(answer.iter_encoded())
        answer.close()


def test_nobody_hears_more_than_they_may(owner, stranger, path, stream):
    assert add(stranger, owner.page(path).events_url).status_code == 404
    add(owner, owner.page(path).events_url)
    stream.until(lambda feed: watcher_loop.open_pages() == 1)
    assert owner.post(f"{path}/delete").status_code < 400

    stream.until(lambda feed: [message.data for message in feed.messages if message.event == shared.END] == [FEED])
    stream.until(lambda feed: watcher_loop.open_pages() == 0)


def test_a_stream_has_a_name_that_nobody_guesses(owner, stream):
    for name in ("", "short", STREAM, "z" * 32, "a" * 33):
        assert owner.client.get("/live/stream", headers={shared.HEADER: name}).status_code == 422


def test_a_browser_that_reads_nothing_holds_no_more_than_a_few_frames(owner, path, app):
    stream = shared.SharedStream(ENGINE.of(app), secrets.token_hex(16))
    made: list[int] = []

    def endless():
        for number in range(10_000):
            made.append(number)
            yield b"data: x\n\n"

    assert stream.add(FEED, "somebody", endless())
    gevent.sleep(0.05)
    assert len(made) <= shared.MOST_WAITING + 2
    stream.close()
    until(lambda: not stream._feeds, "its feeds have ended")
