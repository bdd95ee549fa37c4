"""A chat's characters are exported by name, and matched by name where the file is imported."""

import json

import pytest
from sqlalchemy import select

from tests.api.client import client_of
from tests.chat.files import bring, download
from tests.chat.test_roleplay_imports import lines
from tests.support.marks import also_on_postgres
from tests.support.statements import statements
from tests.upstream.fixtures import app
from webapp.base.db import db
from webapp.chat.imports import own
from webapp.chat.record.tables import Chat, Message

__all__ = ["app"]
MARA, BO = ({"name": name, "description": f"{name} is here.", "greeting": f"{name} greets."} for name in ("Mara", "Bo"))


def made(app, browser, *cards):
    """Creates a persona and these characters; returns the client, the persona's id and the characters' ids."""
    program = client_of(app, browser.email)
    persona = program.post("/personas", {"name": "Jo", "description": "Jo bakes."}, status=201)["id"]
    return program, persona, [program.post("/characters", card, status=201)["id"] for card in cards]


def brought(browser):
    """Returns this person's only chat, and the speaker and text of each message in it."""
    with browser.app.app_context():
        chat = db.session.scalars(select(Chat).where(Chat.owner_id == browser.person_id)).one()
        query = select(Message).where(Message.chat_id == chat.id).order_by(Message.id)
        return chat, [(message.speaker_id, message.speaker_name, message.content) for message in db.session.scalars(query)]


@pytest.fixture
def group(app, owner):
    """Returns the exported file of a group chat."""
    program, persona, ids = made(app, owner, MARA, BO)
    wish = {"character_ids": ids, "turn_order": "rotation", "persona_id": persona}
    chat = program.post("/chats", wish, status=201)["chat"]["id"]
    return download(owner, f"/chats/{chat}/export.json")


@also_on_postgres
def test_a_group_is_one_again_for_who_has_its_characters(app, member, group):
    _, persona, (bo, mara) = made(app, member, BO, MARA)
    assert bring(member, group).says("1 new chat, 2 new messages.")

    chat, said = brought(member)
    assert (chat.kind, chat.character_id, chat.character_ids) == ("roleplay", mara, [mara, bo])
    assert (chat.turn_order, chat.persona_id) == ("rotation", persona)
    assert said == [(mara, "Mara", "Mara greets."), (bo, "Bo", "Bo greets.")]


@pytest.mark.slow
def test_without_them_it_is_a_chat_in_which_their_names_stay(member, group):
    bring(member, group)

    chat, said = brought(member)
    assert (chat.kind, chat.character_id, chat.character_ids, chat.turn_order, chat.persona_id) == ("chat", None, [], "", None)
    assert [(id, name) for id, name, _ in said] == [(None, "Mara"), (None, "Bo")]


@pytest.mark.slow
def test_one_of_them_goes_on_alone(app, member, group):
    _, _, (bo,) = made(app, member, BO)
    bring(member, group)

    chat, said = brought(member)
    assert (chat.character_id, chat.character_ids) == (bo, [])
    assert [name for _, name, _ in said] == ["Mara", "Bo"]


@pytest.mark.slow
def test_a_chat_with_one_character_finds_it_and_the_persona(app, owner, member):
    program, _, (id,) = made(app, owner, MARA)
    begun = program.post("/chats", {"character_id": id}, status=201)["chat"]["id"]
    _, _, (mara,) = made(app, member, MARA)
    bring(member, download(owner, f"/chats/{begun}/export.json"))

    chat, said = brought(member)
    assert (chat.kind, chat.character_id, chat.character_ids) == ("roleplay", mara, [])
    assert said == [(None, "", "Mara greets.")]


@pytest.mark.slow
def test_somebody_elses_character_of_that_name_is_none(app, owner, member, group):
    made(app, owner, MARA)
    bring(member, group)

    assert brought(member)[0].character_id is None


@pytest.mark.slow
def test_a_group_of_sillytavern_is_one_here(app, member):
    _, _, (mara, bo) = made(app, member, MARA, BO)
    head = {"user_name": "unused", "character_name": "unused", "chat_metadata": {"integrity": "g-1"}}
    rows = [
        {"name": "Mara", "is_user": False, "mes": "Who is it?", "original_avatar": "Mara.png"},
        {"name": "Jo", "is_user": True, "mes": "It's me."},
        {"name": "Bo", "is_user": False, "mes": "Ahoy.", "original_avatar": "Bo.png"},
        {"name": "Note", "is_user": False, "is_system": True, "mes": "A note."},
    ]
    bring(member, lines(head, *rows), "group.jsonl")

    chat, said = brought(member)
    assert (chat.title, chat.character_ids, chat.turn_order) == ("Mara, Bo", [mara, bo], "mention")
    # The note is hidden from models and belongs to no character.
    assert said == [(mara, "Mara", "Who is it?"), (None, "", "It's me."), (bo, "Bo", "Ahoy."), (None, "Note", "A note.")]


@pytest.mark.slow
def test_however_many_speak_they_are_looked_for_at_once(app, member):
    _, _, (mara, bo) = made(app, member, MARA, BO)
    names = ["Mara", *(f"Stranger {number}" for number in range(40)), "Bo", *(f"Other {number}" for number in range(300))]
    with statements(app) as said:
        bring(member, lines(*({"name": name, "is_user": False, "mes": f"{name} is here."} for name in names)), "group.jsonl")

    assert brought(member)[0].character_ids == [mara, bo]
    assert sum("characters.name IN" in statement for statement, _ in said) == 1


@pytest.mark.mostly_slow
@pytest.mark.parametrize(("cast", "read"), [("Mara", ()), ([1, None, "M" * 999] * 99, ("", "", "M" * 120) * 4), ({"a": 1}, ())])
def test_whatever_a_file_says_of_them(group, cast, read):
    value = json.loads(group)
    value["chat"] |= {"cast": cast, "turn_order": ["x"], "persona": {"a": 1}}

    found = own.parse(value)
    assert (found.cast, found.turn_order, found.persona) == (read, "", "")
