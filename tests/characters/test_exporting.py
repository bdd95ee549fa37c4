"""Exporting characters as card files: unchanged parts are exported as they were imported, and the files can be imported again."""

import copy
import json
from base64 import b64decode
from collections.abc import Callable
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from PIL import Image

from tests.api.client import client_of
from tests.characters.card_samples import V1, V2, V3, as_json, chunk, text_chunk, with_chunks
from tests.characters.conftest import png
from tests.characters.test_cards import read
from webapp.base.db import db
from webapp.characters.cards import assets, card_files, cards
from webapp.characters.cards.card_files import LEAST, card_of, png_chunks
from webapp.characters.tables import Avatar, Character

LORE = {"name": "The mill", "entries": [{"keys": ["rye"], "content": "Grows late.", "unheard_of": 3}], "extensions": {}}
ICON = {"type": "icon", "uri": "embeded://assets/icon/images/mara.png", "name": "main", "ext": "png"}


def with_more(card: dict[str, Any]) -> dict[str, Any]:
    """Returns the card with unknown fields, and with texts in a spelling that an import normalizes."""
    card = copy.deepcopy(card)
    data = cards.data_of(card)
    assert isinstance(data, dict)
    data |= {
        "name": " Mara\u200b  of the mill ",
        "description": "<bot> mills rye.\r\n",
        "first_mes": "Aye?\r\r\n{{user}}",
        "system_prompt": "{{original}}\n\nBe {{char}}.",
        "post_history_instructions": "Stay curt. {{original}}",
        "character_book": LORE,
        "from": {"a": [1.5, None]},
    }
    return card | {"talkativeness": "0.5"}


def of(card: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """Returns the fields of a character that was imported from this card."""
    return cards.fields_of(card) | changed


def packed(card: Any, **files: bytes) -> bytes:
    file = BytesIO()
    with ZipFile(file, "w") as box:
        box.writestr("card.json", as_json(card))
        for name, content in files.items():
            box.writestr(name, content)
    return file.getvalue()


def texts_in(picture: bytes) -> dict[bytes, Any]:
    parts = (data.split(b"\0", 1) for kind, data, _ in png_chunks(picture) if kind == b"tEXt")
    return {keyword: json.loads(b64decode(text)) for keyword, text in parts}


@pytest.fixture
def take(app, member) -> Callable[..., tuple[bytes, str]]:
    """Imports a file and returns the export of the new character, with its media type."""
    program = client_of(app, member.email)

    def take(content: bytes, asked: str, face: bytes = b"") -> tuple[bytes, str]:
        sent = program.client.post(
            "/api/v1/characters/import", data={"file": [(BytesIO(content), "card")]}, headers=program.headers
        ).get_json()
        path = f"/api/v1/characters/{sent['characters'][0]['id']}"
        if face:
            assert program.client.put(f"{path}/avatar", data=face, headers=program.headers).status_code == 200
        response = program.client.get(f"{path}/export{asked}", headers=program.headers)
        assert response.status_code == 200, response.text
        assert response.headers["Content-Disposition"].startswith('attachment; filename="mara')
        return response.data, response.mimetype

    return take


@pytest.mark.mostly_slow
@pytest.mark.parametrize("card", [V1, V2, V3], ids=["1", "2", "3"])
def test_a_card_comes_back_as_it_was(take, card):
    card = with_more(card)

    content, media = take(as_json(card), "")

    assert (json.loads(content), media) == (card, "application/json")


@pytest.mark.slow
def test_a_picture_holds_the_card_in_two_versions_and_can_be_brought_in_again(take):
    card = with_more(V2)

    content, media = take(with_chunks(text_chunk(b"chara", card), picture=png(3, 2)), "?format=png")

    found = texts_in(content)
    assert (found[b"chara"], media) == (card, "image/png")
    assert found[b"ccv3"] == card | {"spec": "chara_card_v3", "spec_version": "3.0", "data": LEAST["3"] | card["data"]}
    again = read(content)
    assert card_files.b64decode(again["picture"]) == png(3, 2)
    assert again["description"] == cards.fields_of(card)["description"]


@pytest.mark.slow
def test_a_picture_of_another_kind_is_drawn_anew_and_a_missing_one_is_grey(take):
    jpeg = BytesIO()
    Image.new("RGB", (2_000, 500), "teal").save(jpeg, "JPEG")

    drawn, _ = take(as_json(V2), "?format=png", face=jpeg.getvalue())
    grey, _ = take(as_json(V2), "?format=png")
    damaged, _ = take(as_json(V2), "?format=png", face=png()[:-20])

    assert (Image.open(BytesIO(drawn)).size, Image.open(BytesIO(grey)).size) == ((1_024, 256), (400, 600))
    assert all(read(picture)["name"] == "Mara" for picture in (drawn, grey, damaged))


def test_a_charx_comes_back_with_its_picture_in_its_place(take):
    card = with_more(V3)
    card["data"]["assets"] = [{"type": "emotion", "uri": "embeded://assets/x.png", "name": "glad", "ext": "png"}, ICON]

    content, media = take(
        packed(card, **{ICON["uri"].removeprefix("embeded://"): png(3, 2), "assets/x.png": png()}), "?format=charx"
    )

    # Its expression is a WebP now.
    ours = {"type": "emotion", "uri": "embeded://assets/emotion/image/1.webp", "name": "glad", "ext": "webp"}
    card["data"]["assets"] = [ICON, ours]
    with ZipFile(BytesIO(content)) as box:
        assert json.loads(box.read("card.json")) == card
        assert box.read("assets/icon/images/mara.png") == png(3, 2)
        assert Image.open(BytesIO(box.read("assets/emotion/image/1.webp"))).format == "WEBP"
    assert media == "application/zip"
    again = read(content)
    assert (again["card"], card_files.b64decode(again["picture"])) == (card, png(3, 2))


@pytest.mark.mostly_slow
@pytest.mark.parametrize("spec", ["2", "v2", "chara_card_v2", "2.0"])
def test_another_version_can_be_asked_for(take, spec):
    content, _ = take(as_json(V3), f"?spec={spec}")

    assert json.loads(content) == V3 | {"spec": "chara_card_v2", "spec_version": "2.0"}


def test_what_somebody_has_changed_is_said_anew():
    kept = of(with_more(V2))

    assert card_of(kept, with_more(V2)) == with_more(V2)
    changed = card_of(kept | {"name": "Bo", "tags": ["shy"], "description": "Bo."}, with_more(V2))["data"]
    assert (changed["name"], changed["tags"], changed["description"]) == ("Bo", ["shy"], "Bo.")
    assert (changed["personality"], changed["scenario"], changed["mes_example"]) == ("", "", "")
    assert (changed["first_mes"], changed["character_book"]) == (with_more(V2)["data"]["first_mes"], LORE)
    assert "data" not in card_of(of(V1, name="Bo"), V1)


@pytest.mark.parametrize("card", [{}, {"alternate_greetings": ["Hm."], "depth": 4}])
def test_a_character_that_was_made_here_is_a_whole_card(card):
    fields = of({}, name="Bo", description="Bo.", greeting="Hello")

    second, third = card_of(fields, card), card_of(fields, card, "3")

    assert (second["spec"], second["spec_version"]) == ("chara_card_v2", "2.0")
    assert second["data"] == LEAST["2"] | card | {"name": "Bo", "description": "Bo.", "first_mes": "Hello"}
    assert third["data"].keys() == second["data"].keys() | {"group_only_greetings"}
    assert set(card_of(fields, card, "1")) == set(cards.V1_FIELDS)


@pytest.mark.parametrize(
    "card", [{"spec": "x", "data": 3}, {"spec": 3, "data": {"tags": 5, "assets": 1}}, {"name": 4, "assets": [2]}]
)
@pytest.mark.parametrize("version", [None, "1", "2", "3"])
def test_a_card_that_a_program_has_stored_breaks_nothing(card, version):
    found = card_of(of(card, name="Bo"), card, version)

    assert cards.data_of(found)["name"] == "Bo"
    assert card_files.as_charx(card_of(of(card), card, "3"), png()).startswith(card_files.ZIP)


@pytest.mark.parametrize("uri", ["embeded://../../x.png", "embeded:///x.png", "embeded://card.json", "https://x.test/x.png", ""])
def test_a_picture_is_put_nowhere_else(uri):
    card = copy.deepcopy(V3)
    card["data"]["assets"] = [ICON | {"uri": uri}]

    with ZipFile(BytesIO(card_files.as_charx(card, png()))) as box:
        assert sorted(box.namelist()) == ["assets/icon/image/main.png", "card.json"]
        assert json.loads(box.read("card.json"))["data"]["assets"] == [assets.OURS, ICON | {"uri": uri}]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (packed(V3)[:-30], "damaged"),
        (packed(V3)[:4], "damaged"),
        (packed(V3).replace(b"card.json", b"care.json"), "damaged"),
        (packed("x" * (card_files.MOST_CARD_BYTES + 1)), "more than 1 MB"),
        (packed({}), "It isn't a character card"),
        (packed(V3, **{f"{number}": b"" for number in range(card_files.MOST_ENTRIES)}), "too many files"),
        (packed(V3 | {"data": V3["data"] | {"assets": [ICON]}}, **{"assets/icon/images/mara.png": png()[:-12]}), "incomplete"),
    ],
)
def test_a_charx_that_is_none_is_refused_in_words(content, sentence):
    assert sentence in read(content)["trouble"]


def test_a_picture_in_a_charx_that_is_too_large_is_left_out():
    large = with_chunks(chunk(b"IDAT", bytes(card_files.MOST_PICTURE_BYTES)))

    found = read(packed(V3 | {"data": V3["data"] | {"assets": [ICON]}}, **{"assets/icon/images/mara.png": large, "b.png": b""}))

    assert "picture" not in found
    assert found["notes"] == [
        "Its other files (1), such as sounds, were left out.",
        "Its picture is larger than 8 MB and was left out.",
    ]


def test_who_may_see_it_may_take_it(app, member, make):
    path = make(name="Mara", description="Mara mills rye.")
    with app.app_context():
        assert db.session.get_one(Character, path.rpartition("/")[2]).card == {}
        assert not db.session.query(Avatar).count()

    page = member.page(path)

    for kind in ("PNG", "JSON", "CHARX"):
        response = member.client.get(page.link(kind).attributes["href"] or "", base_url=member.origin)
        assert (response.status_code, "attachment" in response.headers["Content-Disposition"]) == (200, True)
    assert member.get(f"{path}/export?format=exe").status_code == 404
