"""Backgrounds and expressions: uploaded or from a CHARX, shown in chats, and hidden from strangers."""

import json
from io import BytesIO
from zipfile import ZipFile

import pytest
from PIL import Image

from tests.characters.card_samples import V3, as_json, bring
from tests.characters.conftest import names
from tests.conftest import signed_in
from tests.support.marks import also_on_postgres
from webapp.base.db import db, write
from webapp.characters.cards.card_files import scenery_of
from webapp.characters.tables import CharacterPicture
from webapp.chat.record.tables import Chat, Message


def drawn(color: str = "teal", kind: str = "PNG", size: tuple[int, int] = (60, 80)) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, color).save(file, kind)
    return file.getvalue()


def asset(kind: str, name: str, path: str) -> dict[str, str]:
    return {"type": kind, "name": name, "uri": f"embeded://{path}", "ext": "png"}


def charx(**pictures: bytes) -> bytes:
    assets = [asset("background", "main", "assets/b.png"), *(asset("emotion", name, f"assets/{name}.png") for name in pictures)]
    card = {**V3, "data": {**V3["data"], "name": "Mira", "first_mes": "*She smiles.* Come in.", "assets": assets}}
    file = BytesIO()
    with ZipFile(file, "w") as packed:
        packed.writestr("card.json", as_json(card))
        packed.writestr("assets/b.png", drawn("navy", size=(3_000, 1_000)))
        for name, content in pictures.items():
            packed.writestr(f"assets/{name}.png", content)
    return file.getvalue()


def send(member, path, **files):
    data = {name: [(BytesIO(content), file_name) for file_name, content in some] for name, some in files.items()}
    headers = {"Origin": member.origin, "Sec-Fetch-Site": "same-origin"}
    return member.client.post(
        f"{path}/pictures", data=data, headers=headers, base_url=member.origin, content_type="multipart/form-data"
    )


def bytes_of(browser, url):
    return browser.client.get(url, base_url=browser.origin)


@also_on_postgres
def test_a_charx_brings_its_background_and_expressions(member, app):
    assert bring(member, ("mira.charx", charx(joy=drawn(), neutral=drawn("grey")))).says("1 new character")

    chat = member.page(member.page("/characters").click("Mira").path).press("Chat with Mira")

    background = bytes_of(member, chat.one(".backdrop").attributes["src"])
    assert (background.mimetype, Image.open(BytesIO(background.data)).size) == ("image/webp", (1_920, 640))
    with app.app_context():
        ids = {row.name: row.id for row in db.session.query(CharacterPicture)}
    assert set(ids) == {"", "joy", "neutral"}
    assert chat.one("#stage-picture").attributes["src"].endswith(ids["joy"])
    with app.app_context(), write() as session:
        session.get_one(Message, session.get_one(Chat, chat.path.split("/")[-1]).head_id).content = "She nods."
    assert member.page(chat.path).one("#stage-picture").attributes["src"].endswith(ids["neutral"])


def test_a_picture_that_cannot_be_read_is_left_out_and_said(member):
    page = bring(member, ("mira.charx", charx(joy=drawn()[:-30], neutral=b"no picture")))

    assert page.says("couldn't be read and were left out")
    assert names(member.page("/characters")) == ["Mira"]


def test_each_person_turns_them_on_and_off(member):
    bring(member, ("mira.charx", charx(joy=drawn())))
    chat = member.page(member.page("/characters").click("Mira").path).press("Chat with Mira")
    assert "hidden" in chat.one(".stage").attributes

    shown = chat.press("Portrait")
    assert "hidden" not in shown.one(".stage").attributes
    assert shown.button("Portrait").attributes["aria-pressed"] == "true"
    plain = shown.press("Portrait").press("Background")
    assert not plain.all(".backdrop")
    assert "hidden" in plain.one(".stage").attributes
    assert plain.press("Background").one(".backdrop")


def test_pictures_are_uploaded_replaced_and_removed(make, member, app):
    path = make(name="Mara")
    files = [("Joy.PNG", drawn()), ("neutral.webp", drawn("grey", "WEBP"))]
    assert send(member, path, background=[("b.jpg", drawn("navy", "JPEG"))], expressions=files).status_code == 303

    page = member.page(f"{path}/pictures")
    assert [node.text().strip() for node in page.all(".scenes__one p")] == ["Background", "joy", "neutral"]
    first = page.all(".scenes__one img")[1].attributes["src"]
    assert bytes_of(member, first).mimetype == "image/webp"
    assert send(member, path, expressions=[("joy.png", drawn("red"))]).status_code == 303
    page = member.page(f"{path}/pictures")
    assert len(page.all(".scenes__one")) == 3
    assert bytes_of(member, first).status_code == 404
    assert len(page.press("Remove joy").all(".scenes__one")) == 2


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04zip", drawn()[:-30], b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_refused_in_words(make, member, content):
    path = make(name="Mara")

    response = send(member, path, background=[("b.png", content)])

    assert response.status_code == 422
    assert b"Choose PNG, JPEG or WebP images" in response.data
    assert not member.page(f"{path}/pictures").all(".scenes__one")


def test_a_copy_has_them_too_and_strangers_see_nothing(member, app):
    bring(member, ("mira.charx", charx(joy=drawn())))
    page = member.page(member.page("/characters").click("Mira").path)
    chat = page.press("Chat with Mira")
    copy = page.press("Duplicate")

    assert len(member.page(f"{copy.path}/pictures").all(".scenes__one")) == 2
    stranger = signed_in(app, "other@example.org", "member")
    pictures = [node.attributes["src"] for node in member.page(f"{page.path}/pictures").all(".scenes__one img")]
    urls = [chat.one(".backdrop").attributes["src"], *pictures]
    assert [bytes_of(stranger, url).status_code for url in urls] == [404] * 3
    # One character's picture isn't found below another's chat or page.
    assert bytes_of(member, f"{copy.path}/pictures/{pictures[0].split('/')[-1]}").status_code == 404


def test_a_chat_without_pictures_has_no_scene(make, member):
    chat = member.page(make(name="Mara")).press("Chat with Mara")

    assert not chat.all(".stage, .backdrop, .played__scene")


def test_only_safe_paths_and_named_expressions_are_taken():
    card = json.loads(as_json(V3))
    card["data"]["assets"] = [
        asset("emotion", "joy", "assets/../../etc/passwd"),
        asset("emotion", "  Joy ", "assets/j.png"),
        asset("emotion", "joy", "assets/second.png"),
        asset("emotion", "", "assets/n.png"),
        {"type": "background", "uri": "https://example.org/b.png", "name": "main"},
        asset("x-music", "song", "assets/s.png"),
        {"type": ["emotion"], "uri": 3, "name": {}},
    ]

    assert [tuple(scene) for scene in scenery_of(card)] == [("expression", "joy", "assets/j.png")]
