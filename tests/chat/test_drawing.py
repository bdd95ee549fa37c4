"""Answers by a model that draws: asked once, from the last message and its pictures, with their price, end and refusals."""

from base64 import b64encode
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from tests.api.client import client_of
from tests.chat.conftest import ended, ended_with, give, texts, until_settled
from tests.chat.test_files import drawn, uploaded
from tests.support.browser import Browser
from tests.support.page import Page
from tests.upstream.server import EDITS, PICTURES, TITLE
from webapp.base.db import db, write
from webapp.chat.files.tables import ChatFile, StoredFile
from webapp.chat.kind import CHAT
from webapp.chat.record.tables import Chat, Message
from webapp.engine.drawing import MAYBE_PAID
from webapp.engine.tables import Generation
from webapp.models.connections.purposes import PICTURE_MODEL
from webapp.people.accounts.tables import User
from webapp.settings.service import set_setting

MODEL = "openai/gpt-image-1"


@pytest.fixture(autouse=True)
def model(app) -> None:
    with app.app_context():
        set_setting(PICTURE_MODEL, MODEL)


def replies(fake, at: str = PICTURES, **more: Any) -> None:
    content = drawn(size=(60, 40) if at == PICTURES else (40, 60))
    fake.always({"json": {"data": [{"b64_json": b64encode(content).decode()}], **more}}, at=at)


def asked(browser: Browser, message: str = "An otter", **more: Any) -> Page:
    """Begins a chat whose first answer is drawn; returns its page."""
    sent = browser.post("/chats", message=message, answered_by=MODEL, **more)
    return browser.wait_for(sent.location.partition("#")[0], ended)


def sent_to(fake, path: str) -> list[dict[str, Any]]:
    return [entry for entry in fake.log() if entry["path"].endswith(path)]


def last(app) -> tuple[Generation, Message]:
    with app.app_context():
        generation = db.session.scalars(select(Generation).where(Generation.kind == CHAT.name).order_by(Generation.id)).all()[-1]
        return generation, db.session.get_one(Message, generation.message_id)


def test_an_answer_is_drawn_from_the_last_message(app, owner, fake):
    replies(fake, usage={"input_tokens": 9, "output_tokens": 300, "cost": 0.04})
    page = asked(owner)
    assert [entry["body"] for entry in sent_to(fake, PICTURES)] == [{"model": MODEL, "prompt": "An otter", "n": 1}]
    generation, message = last(app)
    assert message.content.startswith("![An otter](/files/")
    assert (generation.status, generation.reason, generation.output_tokens) == ("completed", "stop", 300)
    assert Decimal(generation.cost or "0") == Decimal("0.04")
    with app.app_context():
        assert len(db.session.scalars(select(ChatFile)).all()) == 1
        assert db.session.scalars(select(Chat.model)).one() != MODEL, "later messages have the model that they had"
    sent = owner.page(f"/generations/{generation.id}/sent")
    assert sent.says("An otter")
    assert not sent_to(fake, "/chat/completions"), "no model writes"
    assert page.says("$0.04")


def test_a_chat_can_be_drawn_and_is_named_by_a_model_that_writes(app, owner, fake):
    fake.behaves([{"says": "Otters"}], at=TITLE)
    replies(fake)
    sent = owner.post("/chats", message="An otter", model=MODEL)
    path = owner.wait_for(sent.location.partition("#")[0], ended).path
    until_settled(app)
    (title,) = fake.titles()
    assert title["body"]["model"] == "some/model"
    owner.post(f"{path}/messages", message="Another one")
    owner.wait_for(path, ended_with(4))
    assert [entry["body"]["prompt"] for entry in sent_to(fake, PICTURES)] == ["An otter", "Another one"]


def test_the_pictures_of_the_message_are_changed(owner, fake):
    replies(fake, at=EDITS)
    blocks = [uploaded(owner, drawn(kind, (30, 20)), f"a.{kind.lower()}").get_json()["block"] for kind in ("PNG", "JPEG")]
    asked(owner, "At night", part=blocks[:1])
    asked(owner, "Side by side", part=blocks)
    one, two = (entry["body"] for entry in sent_to(fake, EDITS))
    assert one.count('name="image"; filename="1.png"') == 1
    assert "At night" in one
    assert two.count('name="image[]"; filename=') == 2
    assert 'filename="2.jpg"\r\nContent-Type: image/jpeg' in two


def test_it_is_tried_again_as_another_version(owner, fake):
    replies(fake)
    page = asked(owner)
    owner.post(f"/messages/{page.message_ids[-1]}/again")
    page = owner.wait_for(page.path, ended)
    assert len(sent_to(fake, PICTURES)) == 1, "the chat's own model answers, unless a person names the other one"
    owner.post(f"/messages/{page.message_ids[-1]}/again", model=MODEL)
    owner.wait_for(page.path, ended)
    assert len(sent_to(fake, PICTURES)) == 2


@pytest.mark.parametrize(
    ("behaviour", "says", "is_maybe_paid"),
    [
        ({"json": {"error": {"code": "content_policy_violation", "message": "No otters."}}, "status": 400}, "No otters.", False),
        ({"json": {"error": {"message": "Slow down"}}, "status": 429}, "Slow down", False),
        ({"json": {"data": []}}, "didn't return a picture", False),
        ({"raw": [{"close": "rst"}]}, MAYBE_PAID, True),
        ({"json": {"data": [{"b64_json": b64encode(b"<svg/>").decode()}]}}, "It isn't a PNG, JPEG, WebP or GIF.", False),
        ({"json": {"data": [{"b64_json": b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 99).decode()}]}}, "is damaged", False),
    ],
)
def test_a_refusal_is_said_and_nothing_is_asked_twice(app, owner, fake, behaviour, says, is_maybe_paid):
    fake.always(behaviour, at=PICTURES)
    page = asked(owner)
    assert page.says(says)
    assert page.says(MAYBE_PAID) == is_maybe_paid
    assert len(sent_to(fake, PICTURES)) == 1
    assert not sent_to(fake, "/chat/completions"), "no other model steps in"


def test_one_that_hangs_is_stopped_and_its_price_unknown(app, owner, fake):
    fake.always({"steps": [{"hang": True}]}, at=PICTURES)
    path = owner.post("/chats", message="An otter", answered_by=MODEL).location.partition("#")[0]
    fake.until(lambda _: sent_to(fake, PICTURES))
    assert owner.get(path).one(".state__words").text() == "Creating a picture"
    owner.post(f"{path}/stop")
    page = owner.wait_for(path, ended)
    generation, _ = last(app)
    assert (generation.status, generation.cost) == ("stopped", None)
    assert page.says("cost unknown")


def test_one_that_a_restart_has_cut_waits_for_a_person(app, owner, fake):
    replies(fake)
    asked(owner)
    generation, _ = last(app)
    with app.app_context():
        before = len(db.session.scalars(select(Generation)).all())
        assert CHAT.continue_interrupted
        CHAT.continue_interrupted(generation)
        assert len(db.session.scalars(select(Generation)).all()) == before
    assert len(sent_to(fake, PICTURES)) == 1


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("An otter\n\n# at *night*", "An otter # at night"),
        ("An otter](/files/x) ![y](https://a.example/z)", "An otter /files/x ! y https://a.example/z"),
        ("Otters by <b>day</b> & `night` \\", "Otters by b day /b & night"),
        ("[]", "picture"),
        ("An otter " * 20, "An otter " * 13 + "An…"),
    ],
)
def test_a_picture_is_named_by_the_words_that_asked_for_it(app, owner, fake, message, words):
    replies(fake)
    (picture,) = asked(owner, message).all(".message-text img")
    assert " ".join(str(picture.attributes["alt"]).split()) == words
    assert str(picture.attributes["src"]).startswith("/files/")


def test_nothing_is_asked_for_without_words_or_room(app, owner, fake):
    block = uploaded(owner, drawn(), "a.png").get_json()["block"]
    refused = owner.post("/chats", message="", part=block, answered_by=MODEL)
    assert (refused.status_code, "Say what the picture is to show." in refused.text) == (422, True)
    with app.app_context():
        set_setting("files.person_megabytes", "1")
        owner_id = db.session.scalars(select(User.id)).one()
        with write() as session:
            session.add(StoredFile(owner_id=owner_id, name="a", kind="text", media_type="text/plain", hash="0" * 64, bytes=2**20))
    refused = owner.post("/chats", message="An otter", answered_by=MODEL)
    assert (refused.status_code, "There&#39;s no room" in refused.text) == (422, True)
    assert not sent_to(fake, PICTURES)


def test_people_who_choose_no_models_have_this_one(app, owner, member, fake):
    replies(fake)
    with app.app_context():
        set_setting("models.allowed", "fake/plain")
    asked(member)
    assert last(app)[1].content.startswith("![An otter]")
    refused = owner.post("/chats", message="An otter", answered_by="openai/dall-e-3")
    assert refused.status_code == 422


def changing(page: Page, at: int = -1) -> str:
    return f"/messages/{page.message_ids[at]}/picture"


def offers(browser: Browser, page: Page, at: int = -1) -> bool:
    """Returns whether a message offers to change its picture, on its page and without scripts."""
    id = page.message_ids[at]
    is_named = "picture" in str(browser.page(page.path).one(f"#message-{id} [data-buttons]").attributes["data-buttons"]).split()
    assert is_named == bool(browser.page(f"/messages/{id}/actions").all(f"a[href='/messages/{id}/picture']"))
    return is_named


def test_a_picture_of_an_answer_is_changed_by_a_sentence(app, owner, fake):
    replies(fake)
    replies(fake, at=EDITS)
    page = asked(owner)
    form = owner.page(changing(page))
    (picture,) = form.all("form.drawing img")
    id = str(picture.attributes["src"]).rpartition("/")[2]
    sent = owner.post(changing(page), picture=id, wish="At night", key="a")
    assert sent.location.startswith(f"{page.path}?at=")
    page = owner.wait_for(page.path, ended_with(4))
    (edit,) = sent_to(fake, EDITS)
    assert 'name="prompt"\r\n\r\nAt night\r\n' in edit["body"]
    _, message = last(app)
    assert message.content.startswith("![At night]")
    assert message.content != f"![picture](/files/{id})"
    with app.app_context():
        assert db.session.get_one(Message, message.parent_id).content == f"At night\n\n![picture.png](/files/{id})"
        assert db.session.scalars(select(Chat.model)).one() != MODEL
    owner.post(changing(page, 1), picture=id, wish="At night", key="a")
    assert len(sent_to(fake, EDITS)) == 1, "a form that is sent twice asks once"


def test_pictures_of_ones_own_message_and_of_calls_are_changed_too(owner, fake):
    replies(fake, at=EDITS)
    blocks = [uploaded(owner, drawn(size=size), "a.png").get_json()["block"] for size in ((30, 20), (20, 30))]
    path = owner.post("/chats", message="See", part=blocks).location.partition("#")[0]
    page = owner.wait_for(path, ended)
    form = owner.page(changing(page, 0))
    ids = [str(field.attributes["value"]) for field in form.all("[name=picture]")]
    assert len(ids) == 2
    first = owner.page(f"{changing(page, 0)}?picture={ids[0]}")
    assert first.one("[name=picture][checked]").attributes["value"] == ids[0]
    owner.post(changing(page, 0), picture=ids[0], wish="At night", key="b")
    owner.wait_for(path, ended_with(4))
    assert len(sent_to(fake, EDITS)) == 1
    assert offers(owner, page, 0)
    assert not offers(owner, page, 1)


def test_only_pictures_of_the_message_are_changed_by_people_who_can_write(app, owner, member, stranger, fake):
    replies(fake)
    page, other = asked(owner), asked(owner, "A mill")
    text = owner.post("/chats", message="Hello").location.partition("#")[0]
    without = owner.wait_for(text, ended)
    foreign = str(other.one(".message-text img").attributes["src"]).rpartition("/")[2]
    assert owner.post(changing(page), picture=foreign, wish="At night").status_code == 404
    assert owner.post(changing(page), picture="nonsense", wish="At night").status_code == 404
    assert owner.page(changing(without)).says("This message has no picture to edit.")
    assert owner.post(changing(page), wish="At night").status_code == 422, "no picture is chosen"
    assert not offers(owner, without)
    for browser in (member, stranger):
        assert browser.get(changing(page)).status_code == 404
    give(page.path, member, "view")
    assert member.get(changing(page)).status_code == 404
    assert not offers(member, page)
    give(page.path, stranger, "write")
    assert stranger.page(changing(page)).all("form.drawing")
    refused = owner.post(changing(page), picture=page_picture(page), wish=" ")
    assert (refused.status_code, "Say what is to be different." in refused.text) == (422, True)
    with app.app_context():
        set_setting(PICTURE_MODEL, "")
    assert owner.page(changing(page)).says("No picture model is set.")
    assert owner.post(changing(page), picture=page_picture(page), wish="At night").status_code == 409
    assert not offers(owner, page)
    assert not sent_to(fake, EDITS)


def page_picture(page: Page) -> str:
    return str(page.one(".message-text img").attributes["src"]).rpartition("/")[2]


def test_a_command_has_one_message_drawn(app, owner, fake):
    replies(fake)
    fake.says("Hello")
    path = owner.post("/chats", message="/picture An otter").location.partition("#")[0]
    owner.wait_for(path, ended)
    owner.post(f"{path}/messages", message="What is it?")
    owner.wait_for(path, ended_with(4))
    owner.post(f"{path}/messages", message="/picture\nA mill")
    page = owner.wait_for(path, ended_with(6))
    assert [entry["body"]["prompt"] for entry in sent_to(fake, PICTURES)] == ["An otter", "A mill"]
    assert texts(page)[0] == "An otter"
    listed = owner.get("/mentions?sign=/&chat=").text
    assert f'data-key="/answered_by{MODEL}"' in listed
    with app.app_context():
        set_setting(PICTURE_MODEL, "")
    assert "/picture" not in owner.get("/mentions?sign=/&chat=").text
    refused = owner.post("/chats", message="/picture An otter")
    assert "There is no prompt /picture." in refused.text


def test_a_command_of_a_program_does_the_same(app, owner, fake):
    replies(fake)
    fake.says("Hello")
    program = client_of(app, owner.email)
    made = program.post("/chats", {"message": "/picture An otter"}, status=201)
    path = f"/chats/{made['chat']['id']}"
    owner.wait_for(path, ended)
    program.post(f"{path}/messages", {"message": "What is it?"}, status=202)
    owner.wait_for(path, ended_with(4))
    program.post(f"{path}/messages", {"message": "/picture A mill"}, status=202)
    owner.wait_for(path, ended_with(6))
    assert [entry["body"]["prompt"] for entry in sent_to(fake, PICTURES)] == ["An otter", "A mill"]
    program.said("POST", f"{path}/messages", 422, {"message": "/picture"})


def test_the_word_alone_asks_for_words(owner, fake):
    refused = owner.post("/chats", message="/picture")
    assert (refused.status_code, "Write something first." in refused.text) == (422, True)
    assert not sent_to(fake, PICTURES)
