"""Chats with several characters, by the API: who greets, who answers, exactly what a model is sent, and what is stored."""

from itertools import pairwise
from typing import Any

import pytest

from tests.api.client import Client, client_of
from tests.characters.conftest import heard
from tests.support.marks import also_on_postgres
from tests.support.statements import statements
from tests.upstream.fixtures import app
from webapp.base.db import db
from webapp.chat.group.members import members
from webapp.chat.record.tables import Chat

__all__ = ["app"]
MARA = {
    "name": "Mara",
    "description": "Mara mills rye for {{user}}.",
    "greeting": "*Looks up.* {{user}}?",
    "system_prompt": "Be {{char}}.",
    "post_history_prompt": "Stay curt.",
}
BO = {
    "name": "Bo",
    "description": "Bo sails.",
    "greeting": "Ahoy alone.",
    "card": {"spec": "chara_card_v3", "data": {"nickname": "Captain", "group_only_greetings": ["Ahoy, all."]}},
}
HANNE = {"name": "Hanne Voss", "description": "Hanne mends clocks."}
TURN = (
    "{me} speaks here with {you} and with {others}. Every message begins with the name of who says it. Write the next message of "
    "{me}, without the name, and nothing that anyone else says."
)


@pytest.fixture
def cast(program: Client) -> list[str]:
    """Creates three characters for the member, whose persona is Jo, and returns their ids."""
    program.post("/personas", {"name": "Jo", "description": "Jo bakes.", "is_default": True}, status=201)
    return [program.post("/characters", character, status=201)["id"] for character in (MARA, BO, HANNE)]


@pytest.fixture
def program(app, member) -> Client:
    return client_of(app, member.email)


def begin(program: Client, ids: list[str], **more: Any) -> str:
    """Begins a group chat and returns its path in the API."""
    return f"/chats/{program.post('/chats', {'character_ids': ids, **more}, status=201)['chat']['id']}"


def say(program: Client, chat: str, text: str = "", status: int = 202, **more: Any) -> dict[str, Any]:
    """Sends a message, waits for its answer and returns it."""
    sent = program.post(f"{chat}/messages", {"message": text, **more}, status=status)
    return answered(program, sent) if status == 202 else sent


def answered(program: Client, sent: dict[str, Any]) -> dict[str, Any]:
    program.ended(sent)
    return program.get(f"/messages/{sent['message_id']}")


def thread(program: Client, chat: str) -> list[tuple[str, str]]:
    return [(message["speaker"], message["content"]) for message in program.get(f"{chat}/messages")["messages"]]


def test_each_greets_in_turn_by_its_greeting_for_groups(program, cast):
    chat = begin(program, cast, turn_order="rotation")

    about = program.get(chat)
    assert (about["title"], about["character_ids"], about["turn_order"]) == ("Mara, Bo, Hanne Voss", cast, "rotation")
    said = program.get(f"{chat}/messages")["messages"]
    assert [(message["character_id"], message["speaker"], message["content"]) for message in said] == [
        (cast[0], "Mara", "*Looks up.* Jo?"),
        (cast[1], "Bo", "Ahoy, all."),
    ]
    assert [message["versions"] for message in said] == [[], []]


def test_a_greeting_can_name_all_who_are_there(program, cast):
    ids = [program.post("/characters", {"name": "Al", "greeting": "With {{group}}."}, status=201)["id"], cast[0]]

    said = program.get(f"{begin(program, ids)}/messages")["messages"]
    assert said[0]["content"] == "With Al, Mara."


@pytest.mark.slow
@also_on_postgres
def test_only_who_speaks_is_described_and_every_message_has_its_name(program, cast, fake):
    fake.says("Flour.")
    chat = begin(program, cast, turn_order="rotation")

    answer = say(program, chat, "What do you make?")
    assert (answer["character_id"], answer["speaker"]) == (cast[2], "Hanne Voss")
    assert heard(fake) == [
        ("system", "Hanne mends clocks.\n---\nJo bakes."),
        ("assistant", "Mara: *Looks up.* Jo?"),
        ("assistant", "Bo: Ahoy, all."),
        ("user", "Jo: What do you make?"),
        ("system", TURN.format(me="Hanne Voss", you="Jo", others="Mara, Bo")),
    ]

    answer = say(program, chat, "And {{char}}?")
    assert answer["character_id"] == cast[0]
    assert heard(fake) == [
        ("system", "Be Mara.\n---\nMara mills rye for Jo.\n---\nJo bakes."),
        ("assistant", "Mara: *Looks up.* Jo?"),
        ("assistant", "Bo: Ahoy, all."),
        ("user", "Jo: What do you make?"),
        ("assistant", "Hanne Voss: Flour."),
        ("system", "Stay curt."),
        ("user", "Jo: And Mara, Bo, Hanne Voss?"),
        ("system", TURN.format(me="Mara", you="Jo", others="Bo, Hanne Voss")),
    ]
    assert say(program, chat, "Next")["character_id"] == cast[1]


@pytest.mark.slow
def test_whoever_is_named_answers_by_name_nickname_or_a_part_of_it(program, cast, fake):
    fake.says("Aye.")
    chat = begin(program, cast)
    assert program.get(chat)["turn_order"] == "mention"

    said = [say(program, chat, text)["speaker"] for text in ("bo?", "And you, MARA?", "captain!", "Hanne", "Hello")]

    assert said == ["Bo", "Mara", "Bo", "Hanne Voss", "Mara"]


@pytest.mark.slow
def test_by_hand_the_one_who_is_chosen_answers_and_goes_on(program, cast, fake):
    fake.says("Aye.")
    chat = begin(program, cast[::2], turn_order="manual")

    assert say(program, chat, "One")["speaker"] == "Mara"
    assert say(program, chat, "Two", character_id=cast[2])["speaker"] == "Hanne Voss"
    assert say(program, chat, "Three")["speaker"] == "Hanne Voss"


@pytest.mark.slow
def test_by_chance_nobody_answers_twice_in_a_row(program, cast, fake):
    fake.says("Aye.")
    chat = begin(program, cast, turn_order="talkative")

    said = ["Bo", *(say(program, chat, "Go on")["speaker"] for _ in range(4))]

    assert all(one != next_one for one, next_one in pairwise(said))


@pytest.mark.slow
@also_on_postgres
def test_one_can_be_asked_to_speak_without_a_message(program, cast, fake):
    fake.says("Aye.")
    chat = begin(program, cast, turn_order="rotation")

    for id in (cast[2], cast[2], cast[0]):
        say(program, chat, character_id=id)

    assert thread(program, chat) == [
        ("Mara", "*Looks up.* Jo?"),
        ("Bo", "Ahoy, all."),
        *[("Hanne Voss", "Aye.")] * 2,
        ("Mara", "Aye."),
    ]
    assert heard(fake)[-3:] == [
        ("system", "Stay curt."),
        ("assistant", "Hanne Voss: Aye."),
        ("system", TURN.format(me="Mara", you="Jo", others="Bo, Hanne Voss")),
    ]


@pytest.mark.slow
def test_a_name_in_front_of_an_answer_is_left_out(program, cast, fake):
    fake.says("Hanne Voss: Mara: no.")
    chat = begin(program, cast, turn_order="rotation")

    assert say(program, chat, "What?")["content"] == "Mara: no."


@pytest.mark.slow
def test_where_nobody_has_greeted_one_can_begin(program, cast, fake):
    fake.says("Tick.")
    other = program.post("/characters", {"name": "Kim", "description": "Kim rests."}, status=201)["id"]
    chat = begin(program, [cast[2], other])
    assert thread(program, chat) == []

    say(program, chat, character_id=other)

    assert thread(program, chat) == [("Kim", "Tick.")]


@pytest.mark.slow
def test_tried_again_continued_edited_and_rewritten_it_stays_theirs(program, cast, fake):
    fake.says("Aye.")
    chat = begin(program, cast, turn_order="rotation")
    first = say(program, chat, "One", character_id=cast[1])
    path = f"/messages/{first['id']}"

    again = answered(program, program.post(f"{path}/regenerate", {}, status=202))
    grown = answered(program, program.post(f"/messages/{again['id']}/continue", status=202))
    edited = answered(program, program.post(f"/messages/{first['parent_id']}/edit", {"message": "Two"}, status=202))
    mine = program.post(f"/messages/{edited['id']}/rewrite", {"message": "{{char}} nods."}, status=201)

    assert [message["speaker"] for message in (first, again, grown, edited, mine)] == ["Bo"] * 5
    assert mine["content"] == "Bo nods."
    assert say(program, chat, "On")["speaker"] == "Hanne Voss"


@pytest.mark.slow
def test_an_edit_that_names_another_one_asks_that_one(program, cast, fake):
    fake.says("Aye.")
    chat = begin(program, cast, turn_order="mention")
    first = say(program, chat, "Bo?")

    edited = answered(program, program.post(f"/messages/{first['parent_id']}/edit", {"message": "Mara?"}, status=202))

    assert edited["speaker"] == "Mara"


@pytest.mark.slow
def test_the_cast_can_change_and_who_said_what_stays(program, cast, fake):
    fake.says("Aye.")
    chat = begin(program, cast[:2], turn_order="rotation")
    say(program, chat, "One")

    changed = program.said("PATCH", chat, 200, {"character_ids": [cast[2], cast[1]], "turn_order": "manual"})
    program.said("PATCH", f"/characters/{cast[0]}", 200, {"name": "Mary"})

    assert (changed["character_ids"], changed["turn_order"]) == ([cast[2], cast[1]], "manual")
    assert say(program, chat, "Two")["speaker"] == "Hanne Voss"
    assert [who for who, _ in thread(program, chat)] == ["Mara", "Bo", "Jo", "Mara", "Jo", "Hanne Voss"]
    say(program, chat, "Three", status=422, character_id=cast[0])


@pytest.mark.slow
def test_a_chat_with_one_becomes_a_group(program, cast, fake):
    fake.says("Aye.")
    chat = f"/chats/{program.post('/chats', {'character_ids': cast[:1]}, status=201)['chat']['id']}"
    about = program.get(chat)
    assert (about["character_id"], about["character_ids"], about["turn_order"]) == (cast[0], cast[:1], None)
    answer = say(program, chat, "One", character_id=cast[0])
    assert (answer["character_id"], answer["speaker"]) == (cast[0], "")
    say(program, chat, "One", status=422, character_id=cast[1])

    program.said("PATCH", chat, 200, {"character_ids": [cast[1], cast[0]], "turn_order": "rotation"})

    assert say(program, chat, "Two")["speaker"] == "Bo"
    assert heard(fake)[1:-1] == [
        ("assistant", "Mara: *Looks up.* Jo?"),
        ("user", "Jo: One"),
        ("assistant", "Mara: Aye."),
        ("user", "Jo: Two"),
    ]
    assert say(program, chat, "Three")["speaker"] == "Mara"


@pytest.mark.slow
def test_who_is_deleted_speaks_no_more_and_keeps_what_was_said(program, cast, fake):
    fake.says("Aye.")
    chat = begin(program, cast[:2], turn_order="rotation")
    say(program, chat, "One")
    program.said("DELETE", f"/characters/{cast[0]}", 204)

    assert [say(program, chat, "Two")["speaker"] for _ in range(2)] == ["Bo", "Bo"]
    assert "Mara: Aye." in [text for _, text in heard(fake)]
    assert TURN.format(me="Bo", you="Jo", others="").replace(" and with .", ".") == heard(fake)[-1][1]
    say(program, chat, status=422, character_id=cast[0])
    program.post(f"/characters/{cast[0]}/restore")
    assert say(program, chat, "Three")["speaker"] == "Mara"


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"turn_order": "loud"}, "turn_order"),
        ({"character_id": "MARA"}, "character_ids"),
        ({"message": "Hello"}, "message"),
        ({"character_ids": ["MARA", "x"]}, "character_ids"),
        ({"character_ids": ["MARA", "MARA"]}, "character_ids"),
        ({"character_ids": ["x"]}, "character_ids"),
        ({"character_ids": [f"{number}" for number in range(13)]}, "character_ids"),
    ],
)
def test_what_makes_no_group_is_refused(program, cast, body, field):
    given = {"character_ids": cast, **body}
    given = {name: cast[0] if value == "MARA" else value for name, value in given.items()}
    given["character_ids"] = [cast[0] if name == "MARA" else name for name in given["character_ids"]]

    refused = program.post("/chats", given, status=422)

    assert field in str(refused)


def test_somebody_elses_characters_are_in_nobodys_group(program, cast, app, stranger):
    other = client_of(app, stranger.email)
    own = [other.post("/characters", HANNE, status=201)["id"] for _ in range(2)]

    other.post("/chats", {"character_ids": [own[0], cast[0]]}, status=422)
    chat = begin(other, own)
    other.said("PATCH", chat, 422, {"character_ids": [own[0], cast[0]]})
    plain = f"/chats/{other.post('/chats', {}, status=201)['chat']['id']}"
    other.said("PATCH", plain, 409, {"character_ids": own})
    other.said("PATCH", plain, 409, {"turn_order": "manual"})
    program.said("GET", chat, 404)


@also_on_postgres
def test_what_cards_say_of_their_characters_counts_whatever_they_hold(program, app):
    def card(**data: Any) -> dict[str, Any]:
        return {"spec": "chara_card_v2", "data": data}

    cards = [
        card(nickname="Cap", extensions={"talkativeness": 0}),
        card(nickname=7, extensions={"talkativeness": "0.75"}),
        card(nickname=None, extensions={"talkativeness": "often"}),
        card(extensions=[], nickname={"a": 1}),
        {"data": "none"},
        card(extensions={"talkativeness": -3}),
        card(extensions={"talkativeness": 8.5}),
        card(extensions={"talkativeness": None}),
        {},
    ]
    made = [{"name": f"C{at}", "description": "Who?", "card": value} for at, value in enumerate(cards)]
    chat = begin(program, [program.post("/characters", character, status=201)["id"] for character in made]).rpartition("/")[2]

    with app.app_context():
        there = members(db.session.get_one(Chat, chat))

    assert [member.talkativeness for member in there] == [0.0, 0.75, 0.5, 0.5, 0.5, 0.0, 1.0, 0.5, 0.5]
    assert [member.nickname for member in there][:3] == ["Cap", "7", ""]


def test_cards_are_read_once_until_they_change(program, cast, app):
    """An answer needs its members several times, and a card can have up to a megabyte."""
    chat = begin(program, cast).rpartition("/")[2]

    def seen() -> tuple[list[str], int]:
        with app.app_context(), statements(app) as said:
            names = [member.nickname for member in members(db.session.get_one(Chat, chat))]
        return names, sum("characters.card" in statement for statement, _ in said)

    seen()
    names, read = seen()
    assert ("Captain" in names, read) == (True, 0)
    program.said("PATCH", f"/characters/{cast[1]}", 200, {"description": "Bo sails on."})
    assert seen() == (names, 1)


@pytest.mark.slow
def test_placeholders_name_who_speaks_or_all_of_them(program, cast, fake):
    fake.says("Aye.")
    about = {"name": "Kim", "description": "{{char}} knows {{charIfNotGroup}}.", "greeting": "{{noop}}Hello, {{user}}."}
    kim = program.post("/characters", about, status=201)["id"]
    chat = begin(program, [kim, cast[2]], turn_order="manual")

    assert thread(program, chat) == [("Kim", "Hello, Jo.")]
    say(program, chat, "Who?")
    assert heard(fake)[0][1].startswith("Kim knows Kim, Hanne Voss.")
