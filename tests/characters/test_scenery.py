"""Backgrounds and expressions: uploaded or from a CHARX, shown in chats, and hidden from strangers."""

import json
from base64 import b64decode, b64encode
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from PIL import Image

from tests.characters.card_samples import V3, as_json, bring, chunk, text_chunk, with_chunks
from tests.characters.conftest import names
from tests.characters.test_cards import read
from tests.conftest import signed_in
from tests.support.marks import also_on_postgres
from tests.support.turns import nobody_waits
from webapp.base.db import db, write
from webapp.characters.cards import as_scenery
from webapp.characters.cards.as_scene import pieces
from webapp.characters.tables import Avatar, Character, CharacterPicture
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


def sprites(**pictures: bytes) -> bytes:
    file = BytesIO()
    with ZipFile(file, "w") as packed:
        packed.writestr("Mara/readme.txt", "Sprites")
        packed.writestr("__MACOSX/._joy.png", b"x")
        for name, content in pictures.items():
            packed.writestr(f"Mara/{name}.png", content)
    return file.getvalue()


def expressions_of(member, path) -> list[str]:
    return [node.text().strip() for node in member.page(f"{path}/pictures").all(".scenes__one p")]


@also_on_postgres
def test_a_zip_brings_its_sprites_by_their_names(make, member):
    path = make(name="Mara")
    assert send(member, path, expressions=[("joy.png", drawn("red"))]).status_code == 303

    packed = sprites(Joy=drawn(size=(2_000, 1_000)), anger=drawn(), broken=drawn()[:-30])
    assert send(member, path, expressions=[("Mara.zip", packed), ("fear.webp", drawn("grey", "WEBP"))]).status_code == 303

    assert expressions_of(member, path) == ["anger", "fear", "joy"]
    joy = member.page(f"{path}/pictures").all(".scenes__one img")[2].attributes["src"]
    assert Image.open(BytesIO(bytes_of(member, joy).data)).size == (1_024, 512)


@pytest.mark.parametrize(
    ("packed", "words"),
    [
        (sprites(), b"no pictures named after"),
        (sprites(joy=drawn())[:-40], b"no pictures named after"),
        (sprites(joy=b"text"), b"no pictures named after"),
        (sprites(**{f"mood {number}": drawn(size=(2, 2)) for number in range(31)}), b"can have 30 expressions"),
    ],
)
def test_a_zip_without_sprites_or_with_too_many_adds_none(make, member, packed, words):
    path = make(name="Mara")
    send(member, path, expressions=[("joy.png", drawn())])

    response = send(member, path, expressions=[("sprites.zip", packed)])

    assert (response.status_code, words in response.data) == (422, True)
    assert expressions_of(member, path) == ["joy"]


@pytest.mark.slow
def test_a_zip_of_bombs_holds_nobody_up(make, member):
    path = make(name="Mara")
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as packed:
        for number in range(12):
            packed.writestr(f"mood {number}.png", drawn()[:33] + bytes(30_000_000))
    with nobody_waits():
        assert send(member, path, expressions=[("sprites.zip", file.getvalue())]).status_code == 422


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


def test_only_safe_paths_and_named_expressions_are_taken(member, app):
    assets = [
        asset("emotion", "joy", "assets/../../etc/passwd"),
        asset("emotion", "anger", "anger.png"),
        asset("emotion", "  Joy ", "assets/j.png"),
        asset("emotion", "joy", "assets/second.png"),
        asset("emotion", "", "assets/n.png"),
        {"type": "background", "uri": "https://example.org/b.png", "name": "main"},
        asset("x-music", "song", "assets/s.png"),
        {"type": ["emotion"], "uri": 3, "name": {}},
    ]
    paths = {value["uri"].removeprefix("embeded://"): drawn() for value in assets[:5] if value["name"] != "  Joy "}

    bring(member, ("mira.charx", zipped(assets, {**paths, "assets/j.png": drawn("red")})))

    with app.app_context():
        row = db.session.query(CharacterPicture).one()
        assert (row.purpose, row.name) == ("expression", "joy")
        assert Image.open(BytesIO(row.content)).convert("RGB").getpixel((5, 5))[0] > 200


def zipped(assets: list[Any], files: dict[str, bytes]) -> bytes:
    file = BytesIO()
    with ZipFile(file, "w") as packed:
        packed.writestr("card.json", as_json(with_assets(*assets)))
        for path, content in files.items():
            packed.writestr(path, content)
    return file.getvalue()


def with_assets(*assets: Any) -> dict[str, Any]:
    return {**V3, "data": {**V3["data"], "name": "Mira", "assets": list(assets)}}


def as_uri(content: bytes) -> str:
    return f"data:image/png;base64,{b64encode(content).decode()}"


def stored(app) -> dict[str, bytes]:
    with app.app_context():
        return {row.name: row.content for row in db.session.query(CharacterPicture)}


def exported(member, kind: str) -> bytes:
    path = member.page("/characters").click("Mira").path
    return bytes_of(member, f"{path}/export?format={kind}").data


def test_pictures_survive_an_export_and_an_import(member, app):
    bring(member, ("mira.charx", charx(joy=drawn(), neutral=drawn("grey"))))
    before = stored(app)
    content = exported(member, "charx")

    with ZipFile(BytesIO(content)) as packed:
        named = {
            (value["type"], value["name"]): packed.read(value["uri"].removeprefix("embeded://"))
            for value in json.loads(packed.read("card.json"))["data"]["assets"]
        }
    assert named == {
        ("background", "main"): before[""],
        ("emotion", "joy"): before["joy"],
        ("emotion", "neutral"): before["neutral"],
    }
    member.page(member.page("/characters").click("Mira").path).press("Delete character")
    assert bring(member, ("again.charx", content)).says("1 new character")
    with app.app_context():
        rows = [(row.name, row.content) for row in db.session.query(CharacterPicture)]
    # Byte for byte: not encoded a second time.
    assert sorted(rows) == sorted([*before.items(), *before.items()])


def test_a_removed_picture_is_no_longer_exported(member):
    bring(member, ("mira.charx", charx(joy=drawn())))
    path = member.page("/characters").click("Mira").path
    member.page(f"{path}/pictures").press("Remove joy")

    with ZipFile(BytesIO(exported(member, "charx"))) as packed:
        assert [value["type"] for value in json.loads(packed.read("card.json"))["data"]["assets"]] == ["background"]
        assert sorted(packed.namelist()) == ["assets/background/image/1.webp", "card.json"]


ASSETS = [
    {"type": "icon", "name": "main", "ext": "png", "uri": as_uri(drawn("red"))},
    {"type": "background", "name": "main", "ext": "png", "uri": as_uri(drawn("navy"))},
    {"type": "emotion", "name": "joy", "ext": "png", "uri": as_uri(drawn())},
    {"type": "x-music", "name": "song", "ext": "mp3", "uri": "data:audio/mpeg;base64,AAAA"},
]


def test_pictures_inside_a_json_card_are_read(member, app):
    content = as_json(with_assets(*ASSETS)).replace(b"/", b"\\/")

    page = bring(member, ("mira.json", content))

    assert page.says("Its other files (1), such as sounds, were left out.")
    assert set(stored(app)) == {"", "joy"}
    with app.app_context():
        character = db.session.query(Character).one()
        avatar = db.session.get_one(Avatar, character.avatar_id)
        assert Image.open(BytesIO(avatar.content)).convert("RGB").getpixel((5, 5)) == (255, 0, 0)
        # They are stored once.
        assert character.card["data"]["assets"] == []
    assert b"base64" not in exported(member, "json")


def test_pictures_can_exceed_what_the_text_of_a_card_can_have():
    noise = BytesIO()
    Image.effect_noise((1_300, 1_300), 90).save(noise, "PNG")
    assert len(noise.getvalue()) > 1024 * 1024
    card = as_json(with_assets({"type": "background", "uri": as_uri(noise.getvalue())}))

    (piece,) = as_scenery.pieces(BytesIO(card))

    assert piece["purpose"] == "background"
    assert read(card)["scenes"] == 1


@pytest.mark.parametrize("mark", [b":", b""])
def test_pictures_in_the_chunks_of_a_png_are_read(member, app, mark):
    named = [{"type": "background", "uri": "__asset:0"}, {"type": "emotion", "name": "joy", "uri": "__asset:a/joy.png"}]
    card = with_assets(*named, {"type": "emotion", "name": "anger", "uri": "__asset:9"})
    card["data"]["extensions"] = {"risuai": {"emotions": [["sadness", "__asset:1"], ["joy", "__asset:1"], "?", [1]]}}
    pictures = {b"0": drawn("navy"), b"a/joy.png": drawn(), b"1": drawn("grey")}
    chunks = (chunk(b"tEXt", b"chara-ext-asset_" + mark + name + b"\0" + b64encode(made)) for name, made in pictures.items())

    assert bring(member, ("mira.png", with_chunks(*chunks, text_chunk(b"ccv3", card)))).says("1 new character")

    assert set(stored(app)) == {"", "joy", "sadness"}


@pytest.mark.parametrize(
    "uri",
    [
        "data:image/png;base64,!!!",
        "data:image/png;base64,QUJD",
        f"data:image/png;base64,{'A' * 400_000}",
        "data:,0",
        "data:image/png,plain",
        "file:///etc/passwd",
        "http://127.0.0.1/b.png",
    ],
)
def test_a_hostile_asset_is_left_out_and_nobody_waits(member, app, uri):
    with nobody_waits():
        page = bring(member, ("mira.json", as_json(with_assets({"type": "background", "uri": uri}))))

    assert page.says("1 new character")
    assert not stored(app)


def test_too_many_assets_and_too_large_ones_are_refused_or_left_out():
    many = [{"type": "emotion", "name": str(number), "uri": "data:;base64,QQ"} for number in range(60_000)]
    large = {"type": "background", "uri": f"data:image/png;base64,{'A' * 12_000_000}"}

    assert read(as_json(with_assets(*many)))["trouble"].startswith("The card has")
    assert not list(as_scenery.pieces(BytesIO(as_json(with_assets(*many)))))
    assert not list(as_scenery.pieces(BytesIO(as_json(with_assets(large)))))


@pytest.mark.parametrize(("kind", "is_same"), [("plain", True), ("longer", False), ("exif", False), ("lossless", False)])
def test_only_a_plain_webp_is_kept_as_it_is(kind, is_same):
    file = BytesIO()
    exif = Image.Exif()
    exif[270] = "Where I live"
    options = {"exif": {"exif": exif}, "lossless": {"lossless": True}}.get(kind, {})
    Image.effect_noise((60, 80), 90).convert("RGB").save(file, "WEBP", **options)
    content = file.getvalue() + (b"<script>" if kind == "longer" else b"")

    (piece,) = pieces(BytesIO(content))

    assert (b64decode(piece["content"]) == content) == is_same
    assert b"Where" not in b64decode(piece["content"])
