"""Pictures that models send in their answers: kept as files of the chat, named by the text, and refused with a notice."""

from collections.abc import Iterator
from io import BytesIO

import pytest
from flask import Flask
from gevent.event import Event as GreenEvent
from PIL import Image
from sqlalchemy import select

from tests.chat.test_files import drawn
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
    events = [event for _ in range(30) for event in keeper.keep(Pictured(drawn("PNG", (4, 3))))]
    assert [type(event) for event in events] == [Delta] * 10 + [Notice]
    assert events[-1] == Notice("picture_left_out", answer_pictures.TOO_MANY)


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
