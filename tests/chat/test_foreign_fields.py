"""What a SillyTavern chat says beyond our fields is in its file again when it is exported."""

import json

import pytest
from sqlalchemy import select

from tests.chat.files import bring, download
from tests.chat.test_cast_in_files import MARA, made
from tests.chat.test_roleplay_imports import lines
from tests.chat.test_sillytavern_export import exported
from tests.support.marks import on_both_databases
from tests.upstream.fixtures import app
from webapp.chat.exchange.imports import foreign_fields, roleplay
from webapp.chat.tables import Chat, Message
from webapp.db import db, write
from webapp.engine.tables import Generation

__all__ = ["app"]
TOLD = {"token_count": 12, "display_text": "**Shown**", "odd": [1, {"deep": None}], "a\ufffd": "\ufffd?"}
HEAD = {
    "user_name": "Ann",
    "character_name": "Mara",
    "create_date": "2024-10-18@15h21m09s",
    "later_field": True,
    "chat_metadata": {"integrity": "u", "tainted": True, "timedWorldInfo": {"sticky": {}}},
}
GREETING = {
    "name": "Mara",
    "is_user": False,
    "mes": "Hi there.",
    "force_avatar": "mara.png",
    "swipe_id": 1,
    "swipes": ["Hello.", "Hi there."],
    "swipe_info": [{"extra": {"api": "kobold"}, "gen_started": "2024-10-18T15:00:00.000Z"}, {"extra": TOLD, "seed": 7}],
    "extra": TOLD,
}
ASKED = {"name": "Ann", "is_user": True, "mes": "Who are you?", "extra": {"bias": "calm"}}
TALE = {"name": "The tale", "is_user": False, "is_system": True, "mes": "It rains.", "extra": {"type": "narrator"}}


def within(part, whole):
    """Asserts that the whole has everything that the part has, under the same names."""
    if isinstance(part, dict):
        for name, each in part.items():
            within(each, whole[name])
    elif isinstance(part, list):
        assert len(part) == len(whole)
        for one, other in zip(part, whole, strict=True):
            within(one, other)
    else:
        assert part == whole


@pytest.fixture
def chat(app, owner):
    made(app, owner, MARA)
    bring(owner, lines(HEAD, GREETING, ASKED, TALE))
    with app.app_context():
        return db.session.scalars(select(Chat.id)).one()


@on_both_databases
def test_everything_in_a_file_is_in_the_next_one(owner, chat):
    head, *said = exported(owner, chat)

    within({**HEAD["chat_metadata"], "integrity": chat}, head["chat_metadata"])
    assert head["later_field"] is True
    within([GREETING, ASKED, TALE], said)


def test_it_comes_along_in_our_own_file(app, owner, member, chat):
    made(app, member, MARA)
    bring(member, download(owner, f"/chats/{chat}/export.json"))
    with app.app_context():
        copy = db.session.scalars(select(Chat.id).where(Chat.id != chat)).one()

    within([GREETING, ASKED, TALE], exported(member, copy)[1:])


def test_an_answer_that_was_continued_here_is_not_displayed_as_it_was(app, owner, chat):
    with app.app_context(), write() as session:
        shown = session.scalars(select(Message).where(Message.content == "Hi there.")).one()
        shown.content = "Hi there. Come in."
        session.add(Generation(kind="chat", lane="", owner="", message_id=shown.id, model_asked="m", status="completed"))

    greeting = exported(owner, chat)[1]
    assert (greeting["mes"], greeting["extra"].get("display_text")) == ("Hi there. Come in.", None)
    assert greeting["force_avatar"] == "mara.png"


def test_the_attached_lorebook_is_named(app, owner):
    program, _, (mara,) = made(app, owner, MARA)
    book = program.post("/lorebooks", {"name": "Tides"}, status=201)["id"]
    id = program.post("/chats", {"character_id": mara}, status=201)["chat"]["id"]
    program.said("PATCH", f"/chats/{id}", 200, {"lorebook_ids": [book]})

    assert exported(owner, id)[0]["chat_metadata"]["world_info"] == "Tides"


@pytest.mark.parametrize(
    "odd", [None, [], "text", 3, {}, {"long": "x" * foreign_fields.MOST_CHARS}, {"much": float("inf")}, {"deep": [[[]]]}]
)
def test_what_is_odd_or_too_much_is_left_out(odd):
    for _ in range(40 if isinstance(odd, dict) and "deep" in odd else 0):
        odd["deep"] = [odd["deep"]]
    assert foreign_fields.storable(odd) is None
    (message,) = roleplay.parse({roleplay.LINES: [{"mes": "Hello", "name": "Mara", "extra": odd}]}).messages
    assert message.foreign_fields is None


def test_without_information_on_swipes_a_line_describes_the_shown_one():
    row = {"mes": "two", "swipe_id": 1, "swipes": ["one", "two"], "extra": {"display_text": "TWO"}}
    found = {each.content: each.foreign_fields for each in roleplay.parse({roleplay.LINES: [row]}).messages}
    assert found == {"one": None, "two": {"swipe": {"extra": {"display_text": "TWO"}}}}


def test_our_own_fields_win(owner, chat):
    for line in exported(owner, chat)[1:]:
        assert json.dumps(line).count('"send_date"') == 1 + len(line.get("swipe_info", ()))
    kept = {"line": {"mes": "old", "is_system": True}, "swipe": {"mes": "old", "extra": {"model": "old"}}}
    assert foreign_fields.in_line({"mes": "new", "is_system": False}, [None, kept]) == {"mes": "new", "is_system": False}
    swipe = {"mes": "new", "extra": {"model": "new"}}
    assert foreign_fields.in_swipe(swipe, kept) == swipe
