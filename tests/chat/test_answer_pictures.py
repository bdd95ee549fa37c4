"""Pictures that models send in their answers: kept as files of the chat, named by the text, and refused with a notice."""

import json
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from gevent.event import Event as GreenEvent
from PIL import Image
from sqlalchemy import select

from tests.chat.conftest import asked, ended, ended_with, give, raw_of_last
from tests.chat.links.test_links import link, path_of
from tests.chat.test_files import drawn
from tests.support.page import Page
from webapp.base.db import db, write
from webapp.chat import erasing
from webapp.chat.attachments import answer_pictures
from webapp.chat.attachments.answer_pictures import Keeper, SourceWithPictures
from webapp.chat.files.tables import ChatFile, StoredFile
from webapp.chat.prompt.answer_prompt import turns_with_pictures
from webapp.chat.record.tables import Chat
from webapp.engine.engine import ENGINE
from webapp.models.providers.base import Turn
from webapp.people.accounts.tables import User
from webapp.settings.service import set_setting
from webapp.streaming.events import Delta, Ended, Event, Notice, Pictured
from webapp.streaming.stop import Stop

END = Ended("completed", "stop")


class Said:
    """A source that yields these events."""

    is_between = False

    def __init__(self, *events: Event) -> None:
        self._events = events

    def events(self, _: Stop) -> Iterator[Event]:
        yield from self._events

    def check_timeout(self) -> str:
        return "first_byte"


def text_of(*events: Event, begun: str = "") -> str:
    source = SourceWithPictures(Said(*events), lambda picture: iter([Delta(f"![p]({picture.content.decode()})")]), begun)
    return "".join(event.text for event in source.events(Stop(GreenEvent)) if isinstance(event, Delta))


@pytest.mark.parametrize(
    ("events", "begun", "text"),
    [
        ((Pictured(b"1"),), "", "![p](1)"),
        ((Delta("Here:"), Pictured(b"1")), "", "Here:\n\n![p](1)"),
        (
            (Delta("Here:\n\n"), Pictured(b"1"), Delta("\n"), Delta("\nAnd "), Delta("more")),
            "",
            "Here:\n\n\n\n![p](1)\n\nAnd more",
        ),
        ((Pictured(b"1"), Pictured(b"2")), "", "![p](1)\n\n![p](2)"),
        ((Pictured(b"1"),), "Before", "\n\n![p](1)"),
        ((Delta("more"),), "Before\n\n![p](1)", "\n\nmore"),
        ((Delta("more"),), "Before\n\n[Image: p]\n", "\n\nmore"),
        ((Delta(" more"),), "Before", " more"),
    ],
)
def test_a_picture_stands_in_a_paragraph_of_its_own(events, begun, text):
    assert text_of(*events, begun=begun) == text


def test_nothing_counts_as_silence_while_a_picture_is_stored():
    states = []

    def keep(_: Pictured) -> Iterator[Event]:
        states.append((source.is_between, source.check_timeout()))
        yield Delta("![p](1)")

    source = SourceWithPictures(Said(Pictured(b"1"), END), keep)
    assert list(source.events(Stop(GreenEvent))) == [Delta("![p](1)"), END]
    assert [*states, (source.is_between, source.check_timeout())] == [(True, ""), (False, "first_byte")]


@pytest.fixture
def chat_id(app: Flask, owner) -> str:
    with app.app_context(), write() as session:
        owner_id = session.scalars(select(User.id)).one()
        chat = Chat(owner_id=owner_id, title="Pictures", model="some/model")
        session.add(chat)
        session.flush()
        return chat.id


@pytest.fixture
def keeper(app: Flask, chat_id: str) -> Keeper:
    with app.app_context():
        owner_id = db.session.get_one(Chat, chat_id).owner_id
    return Keeper(ENGINE.of(app), chat_id, owner_id or "")


def test_a_kept_picture_is_a_file_of_its_chat_before_the_text_names_it(app, chat_id, keeper):
    (named,) = keeper.keep(Pictured(drawn("PNG", (40, 30))))
    with app.app_context():
        file = db.session.scalars(select(StoredFile)).one()
        assert isinstance(named, Delta)
        assert named.text == f"![picture](/files/{file.id})"
        assert (file.name, file.kind, file.is_sent, file.width, file.height) == ("picture.png", "image", True, 40, 30)
        assert db.session.scalars(select(ChatFile.chat_id)).all() == [chat_id]
        # After a kill, before the text that names it was stored.
        erasing.erase(Chat.id == chat_id)
        erasing.sweep_files()
        assert db.session.scalars(select(StoredFile)).all() == []


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def huge() -> bytes:
    """Returns a small file with a picture of a hundred megapixels."""
    file = BytesIO()
    Image.new("1", (10_000, 10_000)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (SVG, "It isn't a PNG, JPEG, WebP or GIF."),
        (b"<!doctype html><title>Sorry</title>", "It isn't a PNG, JPEG, WebP or GIF."),
        (b"", "It isn't a PNG, JPEG, WebP or GIF."),
        (b"\x89PNG\r\n\x1a\n" + SVG, "This image is damaged, or isn't a PNG, JPEG, WebP or GIF."),
        (huge(), "This image has more than 60 megapixels, which is the limit."),
        (b"\x89PNG\r\n\x1a\n" + bytes(17 * 1024 * 1024), "This file is too large. The limit is 16 MB."),
    ],
    ids=["svg", "a web page", "nothing", "svg as png", "100 megapixels", "17 MB"],
)
def test_what_is_no_good_picture_is_left_out(app, keeper, content, words):
    assert list(keeper.keep(Pictured(content))) == [Notice("picture_left_out", f"A picture was left out. {words}")]
    with app.app_context():
        assert db.session.scalars(select(StoredFile)).all() == []


def test_an_answer_has_up_to_ten_pictures(app, keeper):
    events = [event for number in range(14) for event in keeper.keep(Pictured(drawn("PNG", (4, 3 + number))))]
    assert [type(event) for event in events] == [Delta] * 10 + [Notice]
    assert events[-1] == Notice("picture_left_out", answer_pictures.TOO_MANY)


def test_a_picture_that_is_sent_twice_is_named_once(keeper):
    events = [event for _ in range(2) for event in keeper.keep(Pictured(drawn("PNG", (4, 3))))]
    assert [type(event) for event in events] == [Delta]


def test_pictures_need_room_and_an_account(app, chat_id, keeper):
    with app.app_context():
        set_setting("files.person_megabytes", "1")
        with write() as session:
            owner_id = session.scalars(select(User.id)).one()
            session.add(
                StoredFile(owner_id=owner_id, name="x", kind="text", media_type="text/plain", hash="0", bytes=1024 * 1024)
            )
    (notice,) = keeper.keep(Pictured(drawn("PNG", (4, 3))))
    assert isinstance(notice, Notice)
    assert "There's no room for this file" in notice.message
    visitors = Keeper(ENGINE.of(app), chat_id, "")
    assert list(visitors.keep(Pictured(drawn("PNG", (4, 3))))) == [Notice("picture_left_out", answer_pictures.NO_ACCOUNT)]


def test_a_chat_that_is_gone_leaves_nothing(app, chat_id, keeper):
    with app.app_context():
        erasing.erase(Chat.id == chat_id)
    (notice,) = keeper.keep(Pictured(drawn("PNG", (4, 3))))
    assert notice == Notice("picture_left_out", "A picture was left out. It couldn't be saved.")


def test_the_next_message_brings_a_model_the_pictures_of_the_answer_before_it(app):
    ids = [f"{number:026}" for number in range(3)]
    drawn_one, sent_one = (StoredFile(id=id, bytes=100, hash="0" * 64, media_type="image/png") for id in ids[:2])
    turns = [
        Turn("user", "Draw a mill."),
        Turn("assistant", f"Here:\n\n![picture](/files/{ids[0]})\n\nAnd ![x](/files/{ids[2]})."),
        Turn("user", f"In blue, like this.\n\n![sky](/files/{ids[1]})"),
        Turn("assistant", f"![picture](/files/{ids[0]})"),
    ]
    with app.app_context():
        seen = list(turns_with_pictures(turns, {file.id: file for file in (drawn_one, sent_one)}))[::-1]
        unseen = list(turns_with_pictures(turns, {}))[::-1]
    words = ["Draw a mill.", "Here:\n\n[Image: picture]\n\nAnd [Image: x].", "In blue, like this.", "[Image: picture]"]
    assert [turn.content for turn in seen] == words
    assert [[picture.name for picture in turn.pictures] for turn in seen] == [[], [], ["picture", "sky"], []]
    assert [turn.content for turn in unseen] == [*words[:2], "In blue, like this.\n\n[Image: sky]", words[3]]


def chunk(finish: str | None = None, **delta: Any) -> dict[str, str]:
    return {"send": f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta, 'finish_reason': finish}]})}\n\n"}


def sent(content: bytes) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64encode(content).decode()}"}}


USED = {"prompt_tokens": 9, "completion_tokens": 1290, "cost": 0.0387}
END_OF_STREAM = [
    chunk("stop"),
    {"send": f"data: {json.dumps({'choices': [], 'usage': USED})}\n\n"},
    {"send": "data: [DONE]\n\n"},
]
PAINTED = {"steps": [chunk(content="Here it is:"), chunk(images=[sent(drawn("PNG", (40, 30)))]), *END_OF_STREAM]}


@pytest.fixture
def pictured(owner, answered, fake) -> Page:
    """The page of a chat whose answer has a picture."""
    fake.always(PAINTED)
    return owner.page(answered(owner, "Draw a mill"))


def picture_of(page: Page) -> str:
    return str(page.one(".message-text .pictures img").attributes["src"])


def test_an_answer_shows_its_picture_and_what_it_cost(owner, pictured):
    picture = pictured.one(".message-text .pictures img")
    assert [picture.attributes[name] for name in ("alt", "width", "height")] == ["picture", "40", "30"]
    assert pictured.one("#lightbox")
    assert raw_of_last(pictured) == f"Here it is:\n\n![picture]({picture.attributes['src']})"
    receipt = pictured.all(".receipt")[-1].text()
    assert "1,290 tokens" in receipt
    assert "$0.0387" in receipt
    served = owner.client.get(picture_of(pictured))
    assert (served.mimetype, Image.open(BytesIO(served.data)).size) == ("image/png", (40, 30))


def test_a_page_shows_the_picture_while_the_answer_is_written(owner, begin, fake):
    fake.always({"steps": [*PAINTED["steps"][:2], {"hold": True}, chunk(content="Bye"), *END_OF_STREAM]})
    path = begin(owner, "Draw a mill")
    page = owner.wait_for(path, lambda page: bool(page.all(".message-text .pictures img")))
    assert page.all("article.message")[-1].attributes["data-status"] == "responding"
    fake.goes_on()
    page = owner.wait_for(path, ended)
    assert raw_of_last(page) == f"Here it is:\n\n![picture]({picture_of(page)})\n\nBye"


def test_the_picture_goes_with_its_chat_and_no_other(app, owner, member, stranger, pictured, fake):
    address = picture_of(pictured)
    assert member.get(address).status_code == 404
    give(pictured.path, member, "view")
    assert member.client.get(address).status_code == 200
    assert stranger.get(address).status_code == 404
    # A model that names it elsewhere shows nothing.
    fake.says(f"![picture]({address})")
    page = owner.wait_for(owner.post("/chats", message="Show it").location, ended)
    assert not page.all(".message-text img")
    assert page.all(".message-text")[-1].text(strip=True) == "picture"


def test_the_next_request_shows_the_model_its_picture(owner, pictured, fake):
    fake.says("In blue.")
    owner.submit(pictured.path, message="Make it blue")
    owner.wait_for(pictured.path, ended_with(4))
    *_, answer, question = asked(fake)[-1]["body"]["messages"]
    assert answer["content"] == "Here it is:\n\n[Image: picture]"
    words, picture = question["content"]
    assert words["text"] == "Make it blue"
    assert picture["image_url"]["url"].startswith("data:image/png;base64,")


def test_copies_and_exports_have_the_picture(owner, pictured):
    address, answer = picture_of(pictured), pictured.message_ids[-1]
    fork = owner.post(f"/messages/{answer}/fork").location
    assert picture_of(owner.page(fork)) == address
    path = pictured.path
    assert f"![picture]({address})" in owner.get(f"{path}/export.md").text
    assert f"![picture]({address})" in json.loads(owner.get(f"{path}/export.json").text)["messages"][-1]["content"]
    page = owner.client.get(f"{path}/export.html").text
    assert 'src="data:image/png;base64,' in page
    assert address not in page
    archive = zipfile.ZipFile(BytesIO(owner.client.get("/export.zip").data))
    assert f"files/{address.removeprefix('/files/')}/picture.png" in archive.namelist()


def test_a_link_shows_the_picture_only_with_files(owner, pictured):
    for parts, count in ((["files"], 1), ([], 0)):
        page = owner.client.get(path_of(link(owner, pictured.path, **{"with": parts}))).text
        assert page.count("<img") == page.count(' src="/s/') == count
        assert picture_of(pictured) not in page


def test_an_answer_whose_picture_is_refused_is_saved_with_the_reason(owner, answered, fake):
    fake.always({"steps": [chunk(content="Here:"), chunk(images=[sent(SVG)]), chunk(content=" Sorry."), *END_OF_STREAM]})
    page = owner.page(answered(owner, "Draw a mill"))
    assert raw_of_last(page) == "Here: Sorry."
    assert page.says("A picture was left out. It isn't a PNG, JPEG, WebP or GIF.")
