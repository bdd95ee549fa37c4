"""Character cards: which fields of each version a character gets, what is kept unchanged, and what is refused."""

import copy
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import select

from tests.api.client import client_of
from tests.characters.card_samples import V1, V2, V3, as_json, bring, chunk, text_chunk, with_chunks
from tests.characters.conftest import heard, names, png
from tests.chat.conftest import asked, ended
from tests.support.turns import nobody_waits
from webapp.base.db import db
from webapp.characters.cards import card_files, cards
from webapp.characters.cards.card_files import card_of
from webapp.characters.tables import Avatar, Character

DESCRIPTION = """{{char}} mills rye.

Personality:
Curt.

Scenario:
A mill at dusk.

Example dialogue:
<START>
{{user}}: Hello
{{char}}: Aye."""
NESTED = b'{"name":"a","description":"b","x":' + b"[" * 5_000 + b"]" * 5_000 + b"}"
DEEP = b'{"name":"a","description":"b","x":' + b"[" * 60 + b"]" * 60 + b"}"


def read(content: bytes) -> dict[str, Any]:
    (piece,) = card_files.pieces(BytesIO(content))
    return piece


def in_picture(card: Any) -> bytes:
    return with_chunks(text_chunk(b"chara", card))


def with_mark(card: Any) -> bytes:
    return b"\xef\xbb\xbf" + as_json(card)


@pytest.mark.parametrize("container", [as_json, in_picture, with_mark])
@pytest.mark.parametrize("card", [V1, V2, V3])
def test_each_version_is_read_in_each_container(card, container):
    found = read(container(card))

    assert found["name"] == cards.data_of(card)["name"]
    described = DESCRIPTION if card is not V3 else DESCRIPTION.replace("{{char}}", "M")
    assert (found["description"], found["greeting"]) == (described, "What is it, {{user}}?")
    assert found["card"] == card
    if card is not V1:
        who = "M" if card is V3 else "{{char}}"
        assert (found["system_prompt"], found["post_history_prompt"]) == (f"Be {who}.", "Stay curt.")
        assert found["tags"] == ["mill", "calm"]
        assert cards.other_greetings(found["card"]) == V2["data"]["alternate_greetings"]


def test_the_newer_of_two_cards_in_a_picture_counts():
    content = with_chunks(text_chunk(b"Chara", V2), text_chunk(b"ccv3", V3))

    assert read(content)["name"] == "Mara the third"


def test_the_picture_is_kept_without_the_card():
    found = read(with_chunks(text_chunk(b"chara", V2), picture=png(3, 2)))

    assert card_files.b64decode(found["picture"]) == png(3, 2)


def test_a_picture_that_is_too_large_is_left_out_and_said_so():
    large = with_chunks(chunk(b"IDAT", bytes(card_files.MOST_PICTURE_BYTES)), text_chunk(b"chara", V2))

    found = read(large)

    assert "picture" not in found
    assert found["notes"] == ["Its picture is larger than 8 MB and was left out."]


def test_what_does_not_fit_is_left_out_and_said_so():
    card = copy.deepcopy(V2)
    card["data"] |= {"mes_example": "x" * 100_000}
    card["data"]["tags"] = ["x" * 41, *(f"tag {number}" for number in range(20)), 3]

    found = read(as_json(card))

    assert "Example dialogue" not in found["description"]
    assert len(found["tags"]) == 12
    assert [note.split()[1] for note in found["notes"]] == ["example", "tag", "character"]
    assert found["card"] == card


def test_what_was_left_out_of_a_description_once_does_not_count_as_changed():
    card = {"spec": "chara_card_v2", "data": {"name": "Mara", "description": "Mills.", "mes_example": "x" * 30_000}}
    fields = {**cards.fields_of(card), "description": "Mills."}

    assert card_of(fields, card) == card
    assert len(cards.texts_for_macros(card, "Mills.")["mesexamples"]) == 30_000
    assert card_of({**fields, "description": "Sails."}, card)["data"]["mes_example"] == ""


def test_long_tags_are_shortened_and_what_is_left_out_is_said():
    card = copy.deepcopy(V2)
    card["data"]["tags"] = ["Mill", "x" * 50, "y" * 41, "zero\u200bwidth", *(f"tag {number}" for number in range(10))]

    found = read(as_json(card))

    assert found["tags"][:4] == ["mill", "x" * 39 + "…", "y" * 39 + "…", "zerowidth"]
    assert len(found["tags"]) == 12
    assert found["notes"] == [
        f"A tag can have 40 characters. Shortened: “{'x' * 50}” and 1 more.",
        "A character can have 12 tags. Left out: “tag 8” and 1 more.",
    ]
    assert card_of(cards.fields_of(card), card) == card
    # As an earlier release imported them.
    earlier = ["mill", *(f"tag {number}" for number in range(10))]
    assert card_of(cards.fields_of(card) | {"tags": earlier}, card) == card
    assert card_of(cards.fields_of(card) | {"tags": ["mill"]}, card)["data"]["tags"] == ["mill"]


def test_the_nickname_of_a_card_stands_for_char():
    card = copy.deepcopy(V3)
    card["data"] |= {
        "nickname": " Old \n Mara ",
        "system_prompt": "Be {{CHAR}}.",
        "alternate_greetings": ["<BOT> nods at {{user}}."],
    }

    found = read(as_json(card))

    assert found["name"] == "Mara the third"
    assert found["description"].startswith("Old Mara mills rye.")
    assert found["description"].endswith("{{user}}: Hello\nOld Mara: Aye.")
    assert found["system_prompt"] == "Be Old Mara."
    assert cards.other_greetings(found["card"]) == ["Old Mara nods at {{user}}."]
    assert found["card"] == card


@pytest.mark.parametrize(("version", "is_told"), [("3.0", False), ("3.5", True), ("10", True), (4, True), ("new", False)])
def test_a_card_of_a_newer_version_is_taken_and_said_so(version, is_told):
    found = read(as_json({**V3, "spec_version": version}))

    assert found["name"] == "Mara the third"
    assert [note for note in found["notes"] if "newer version" in note] == [cards.NEWER] * is_told


@pytest.mark.parametrize(
    "texts", [{"description": None, "first_mes": None}, {"system_prompt": "Be brief."}, {"character_book": {"entries": []}}]
)
def test_a_card_can_be_empty_but_for_its_name(texts):
    card = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {"name": "Mara", **texts}}

    found = read(as_json(card))
    assert (found["name"], found["description"], found["card"]) == ("Mara", "", card)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "It isn't a character card"),
        (b"\xff\xd8\xff\xe0", "It isn't a character card"),
        (b"[]", "It isn't a character card"),
        (b'"Mara"', "It isn't a character card"),
        (b'{"name": "Mara"}', "It isn't a character card"),
        (b'{"spec": "chara_card_v2", "data": []}', "It isn't a character card"),
        (b'{"spec": "chara_card_v2", "data": {"name": null}}', "It isn't a character card"),
        (b'{"spec": "lorebook_v3", "data": {"entries": []}}', "lorebook"),
        (b'{"entries": {}}', "lorebook"),
        (as_json(V2)[:-1], "It isn't a character card"),
        (b'{"name": "a", "description": "b", "x": NaN}', "It isn't a character card"),
        (b'{"name": "a", "description": "b", "x": 1e999}', "number"),
        (NESTED, "nested too deeply"),
        (DEEP, "nested too deeply"),
        (b"[" + b"1," * 200_000 + b"1]", "too many values"),
        (b'{"name": "' + b"x" * card_files.MOST_CARD_BYTES + b'"}', "more than 1 MB"),
        (b" " * (card_files.MOST_BYTES + 1), "larger than 20 MB"),
        (png(), "no character card"),
        (with_chunks(text_chunk(b"chara", V2))[:-40], "incomplete"),
        (with_chunks(text_chunk(b"chara", V2)[:-1] + b"!"), "damaged"),
        (with_chunks(chunk(b"tEXt", b"chara\0x")), "damaged"),
        (with_chunks(*[chunk(b"aaAa", b"")] * 30_000), "too many parts"),
    ],
)
def test_what_is_no_card_is_refused_in_words(content, sentence):
    assert sentence in read(content)["trouble"]


def test_a_card_cut_anywhere_breaks_nothing():
    content = with_chunks(text_chunk(b"chara", V1))

    assert all("trouble" in read(content[:end]) for end in range(len(content) - 1))


def test_greetings_are_bounded_whatever_a_program_has_stored():
    card = {"alternate_greetings": [1, "", "a\0b", "x" * 20_001, *["y" * 6_000] * 40]}

    found = cards.other_greetings(card)

    assert found[0] == "a\ufffdb"
    assert sum(map(len, found)) <= cards.GREETINGS_CHARS
    named = {"nickname": "M" * 200, "alternate_greetings": ["{{char}}" * 1_000] * 40}
    assert cards.other_greetings(named) == []
    assert cards.other_greetings({}) == cards.other_greetings({"spec": "x", "data": 3}) == []


@pytest.mark.slow
def test_several_files_become_characters_and_the_bad_ones_are_named(member, app):
    picture = with_chunks(text_chunk(b"ccv3", V3))

    page = bring(member, ("mara.json", as_json(V2)), ("mara.png", picture), ("<b>notes</b>.json", b"[]"))

    assert "2 new characters." in page.text
    assert page.one("[role=alert] + ul bdi").text() == "<b>notes</b>.json"
    listed = member.page("/characters")
    assert [name for name in names(listed) if name.startswith("Mara")] == ["Mara", "Mara the third"]
    assert listed.has("a", "Import card")
    with app.app_context():
        row = db.session.scalar(select(Character).where(Character.name == "Mara the third"))
        assert row.card == V3
        assert db.session.get_one(Avatar, row.avatar_id).content == png()


def test_a_chat_is_one_press_away_from_an_import(member):
    chat = bring(member, ("mara.json", as_json(V2))).press("Chat Mara")

    assert chat.path.startswith("/chats/")
    assert chat.says("What is it")


def test_what_is_too_long_is_named(member):
    page = bring(member, ("long.json", as_json({"name": "Mara", "description": "Mills rye.", "first_mes": "x" * 20_001})))

    assert page.says("Greeting: That is 1 character too long. The limit is 20,000.")


def test_no_file_is_a_sentence_beside_the_field(member):
    page = bring(member)

    assert (page.status_code, page.one("#file-error").text().strip()) == (422, "Choose at least one file.")


@pytest.mark.slow
def test_other_greetings_are_versions_of_the_first_message(member, fake, app):
    fake.says("Flour.")
    bring(member, ("mara.json", as_json(V2)))
    member.submit("/personas", name="Jo", description="Jo repairs clocks.", is_default="on")
    shown = member.page(member.page("/characters").link("Mara").attributes["href"] or "")
    assert [node.text() for node in shown.all(".greeting ~ details summary")] == ["Greeting 2", "Greeting 3"]
    assert shown.says("Notes by Jo")
    assert shown.says("Best at night.")

    page = shown.press("Chat with Mara")

    assert page.messages() == [("assistant", "What is it, Jo?")]
    assert page.one(".versions .num").text() == "1 / 3"
    member.post(page.action("Next version"))
    assert member.page(page.path).messages() == [("assistant", "Looks up. You again, Jo.")]
    member.submit(page.path, message="What do you make?")
    member.wait_for(page.path, ended)
    fake.until(lambda _: bool(asked(fake)))
    assert heard(fake)[1:4] == [("system", "Rye."), ("assistant", "*Looks up.* You again, Jo."), ("system", "Stay curt.")]


@pytest.mark.slow
def test_programs_import_the_same(member, app):
    program = client_of(app, member.email)
    path, bad = "/api/v1/characters/import", (BytesIO(b"{}"), "bad.json")
    refused = program.client.post(path, data={"file": [bad]}, headers=program.headers)
    assert (refused.status_code, "bad.json: " in refused.text) == (422, True)
    assert [set(failure) for failure in refused.get_json()["failed"]] == [{"name", "reason"}]

    files = [(BytesIO(as_json(V1)), "mara.json"), (BytesIO(b"{}"), "bad.json")]
    response = program.client.post(path, data={"file": files}, headers=program.headers)

    assert response.status_code == 201
    made = response.get_json()
    assert [character["name"] for character in made["characters"]] == ["Mara"]
    assert made["failed"] == [{"name": "bad.json", "reason": cards.NO_CARD}]
    assert program.get(f"/characters/{made['characters'][0]['id']}")["card"] == V1


@pytest.mark.slow
def test_nobody_waits_while_hostile_cards_are_read(member):
    files = {"a.json": NESTED, "b.json": b"[" + b"{}," * 60_000 + b"{}]", "c.png": with_chunks(*[chunk(b"aaAa", b"")] * 20_001)}
    with nobody_waits():
        page = bring(member, *files.items())
    assert page.says("3 files couldn't be imported.")


def test_a_card_of_pygmalion_is_one_of_the_first_version():
    card = {
        "char_name": "Mara",
        "char_persona": "Mills.",
        "char_greeting": "Hi.",
        "world_scenario": "Rain.",
        "example_dialogue": "",
        "x": 1,
    }

    found = cards.mapped({**card, "name": ""})

    assert (found["name"], found["description"], found["greeting"]) == ("Mara", "Mills.\n\nScenario:\nRain.", "Hi.")
    v1 = {"name": "Mara", "description": "Mills.", "first_mes": "Hi.", "scenario": "Rain.", "mes_example": "", "x": 1}
    assert card_of({name: found[name] for name in cards.NAMES}, found["card"]) == v1
