"""Pictures in replies: their data is taken out however the bytes are cut, read from data and from addresses, within bounds."""

import json
from base64 import b64encode
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from tests.models.providers.received import Received, collect, request_for
from tests.upstream.handle import Upstream as Fake
from webapp.models.connections.models import matching
from webapp.models.connections.shown import abilities
from webapp.models.providers import openai
from webapp.models.providers.base import ModelRequest, events_of
from webapp.models.providers.inline_pictures import MOST_BYTES, InlinePictures, addresses_in
from webapp.models.providers.openai import OpenAIProvider
from webapp.streaming.events import Delta, Ended, Event, Notice, Pictured
from webapp.streaming.stop import Stop

ONE, TWO = b"\x89PNG one", b"\x89PNG two!"
WRITTEN = 'As in "data:image/png;base64,AAAA" and \\ too'


def url_of(content: bytes) -> str:
    return f"data:image/png;base64,{b64encode(content).decode()}"


def part(content: bytes) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url_of(content)}}


def read(reply: bytes, size: int) -> tuple[str, list[bytes | None]]:
    """Returns the text and the pictures of a message whose bytes come in pieces of this size."""
    inline = InlinePictures()
    left = b"".join(inline.feed(reply[at : at + size]) for at in range(0, len(reply), size))
    message = json.loads(left)
    return message["content"], [inline.content_at(address) for address in addresses_in(message)]


@pytest.mark.parametrize("size", [*range(1, 100), 10_000])
def test_the_pieces_that_a_picture_comes_in_make_no_difference(size):
    contents = [Random(length).randbytes(length) for length in (1, 2, 3, 200)]
    reply = json.dumps({"content": WRITTEN, "images": list(map(part, contents))})
    assert read(reply.encode(), size) == (WRITTEN, contents)
    assert read(reply.replace("/", "\\/").encode(), size) == (WRITTEN, contents)
    assert read(reply.replace("=", "\\n=").encode(), size) == (WRITTEN, contents)


@pytest.mark.parametrize(
    ("url", "content"),
    [
        ("data:image/png;base64,????", None),
        ("data:image/png;base64,AAA", None),
        ("data:image/png;base64,", b""),
        ("data:image/png;base64,held-7", None),
        (url_of(bytes(MOST_BYTES)), bytes(MOST_BYTES)),
        (url_of(bytes(MOST_BYTES + 1)), None),
    ],
    ids=["no base64", "cut", "nothing", "a name of ours", "the most", "too large"],
)
def test_what_is_broken_or_too_large_is_nothing(url, content):
    reply = json.dumps({"content": "", "images": [{"image_url": {"url": url}}, part(ONE)]}).encode()
    assert read(reply, 65_536) == ("", [content, ONE])


def test_what_is_never_asked_for_is_bounded():
    inline, reply = InlinePictures(), json.dumps({"thumbnail": url_of(bytes(MOST_BYTES))}).encode()
    for _ in range(4):
        inline.feed(reply)
    lengths = [len(inline.content_at(f"data:image/png;base64,held-{number}") or b"") for number in range(4)]
    assert lengths == [MOST_BYTES] * 3 + [0]


MESSAGES: list[dict[str, Any]] = [
    {"content": "See", "images": [part(ONE), part(TWO)]},
    {"content": [{"type": "text", "text": "See"}, part(ONE), {"type": "output_image", "image_url": url_of(TWO)}]},
    {"content": "See", "images": [{"url": url_of(ONE)}, url_of(TWO)]},
]


def seen(events: list[Event]) -> list[Event]:
    """Returns what a person sees of the events: texts, pictures, notices."""
    return [event for event in events if isinstance(event, Delta | Pictured | Notice)]


@pytest.fixture
def answers(fake: Fake, provider: OpenAIProvider, stop: Stop) -> Callable[..., tuple[list[Event], Received]]:
    """Returns what is received of a message, sent whole and as a stream."""

    def answers(message: dict[str, Any]) -> tuple[list[Event], Received]:
        fake.always({"json": {"choices": [{"message": message, "finish_reason": "stop"}]}})
        whole = list(events_of(provider.complete(request_for(), stop)))
        chunks = [{"delta": message, "index": 0}, {"delta": {}, "index": 0, "finish_reason": "stop"}]
        lines = [{"send": f"data: {json.dumps({'choices': [chunk]})}\n\n"} for chunk in chunks]
        fake.always({"steps": [*lines, {"send": "data: [DONE]\n\n"}]})
        return whole, collect(provider.stream(request_for(), stop))

    return answers


@pytest.mark.parametrize("message", MESSAGES)
def test_each_way_of_sending_them_is_read(answers, message):
    whole, streamed = answers(message)
    assert seen(whole) == seen(streamed.events) == [Delta("See"), Pictured(ONE), Pictured(TWO)]
    assert streamed.end == "stop"


def test_a_text_that_begins_like_a_picture_stays_a_text(answers):
    text = 'data:image/png;base64,AAAA is "data:image/png;base64,BBBB", too.'
    whole, streamed = answers({"content": text})
    assert seen(whole) == seen(streamed.events) == [Delta(text)]


def test_a_text_that_is_a_picture_is_one(answers):
    whole, streamed = answers({"content": url_of(ONE)})
    assert seen(whole) == seen(streamed.events) == [Pictured(ONE)]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("data:image/png;base64,????", "127.0.0.1 sent a picture that can't be read, or is larger than 16 MB."),
        ("data:image/svg+xml,<svg/>", "127.0.0.1 sent a picture that can't be read, or is larger than 16 MB."),
        ("file:///etc/passwd", "127.0.0.1 sent a picture that can't be read, or is larger than 16 MB."),
        ("http://127.1.1.1/a.png", "A picture was left out. 127.1.1.1"),
    ],
)
def test_one_that_cannot_be_read_is_a_notice_and_the_answer_goes_on(answers, url, words):
    whole, streamed = answers({"content": "See", "images": [{"image_url": {"url": url}}, part(ONE)]})
    for events in (seen(whole), seen(streamed.events)):
        said, notice, picture = events
        assert (said, picture) == (Delta("See"), Pictured(ONE))
        assert isinstance(notice, Notice)
        assert notice.message.startswith(words)


def test_an_address_of_the_server_itself_is_fetched_without_the_key(fake, answers):
    fake.always(
        {"raw": [{"send": f"HTTP/1.1 200 OK\r\nContent-Length: {len(ONE)}\r\n\r\n"}, {"send64": b64encode(ONE).decode()}]},
        at="/hook",
    )
    whole, streamed = answers({"content": "", "images": [{"image_url": {"url": fake.base_url.replace("/v1", "") + "/hook"}}]})
    assert seen(whole) == seen(streamed.events) == [Pictured(ONE)]
    fetched = [entry for entry in fake.log() if entry["method"] == "GET"]
    assert len(fetched) == 2
    assert not any("authorization" in entry["headers"] for entry in fetched)


def test_of_thirty_one_more_is_read_than_is_kept(answers):
    whole, streamed = answers({"content": "", "images": [part(ONE)] * 30})
    assert seen(whole) == seen(streamed.events) == [Pictured(ONE)] * 11
    assert isinstance(streamed.events[-1], Ended)


def test_only_a_model_that_makes_pictures_is_asked_for_them():
    listed = {"data": [{"id": "a", "architecture": {"output_modalities": ["text", "image"]}}, {"id": "b"}]}
    painter, writer = openai.models_of(listed)
    assert (painter.modalities, writer.modalities) == (("image", "text"), ())
    assert (abilities(painter), abilities(writer)) == (["Creates pictures"], [])
    assert matching([painter, writer], "draws") == [painter]
    request: ModelRequest = request_for(modalities=painter.modalities)
    assert openai.body(request, "instruct", is_streamed=True)["modalities"] == ["image", "text"]
    assert "modalities" not in openai.body(request_for(), "instruct", is_streamed=True)
