"""What a SillyTavern chat says beyond our fields is in its file again when it is exported."""

import json

import pytest
from sqlalchemy import select

from tests.chat.files import bring, download
from tests.chat.test_cast_names import MARA, made
from tests.chat.test_roleplay_imports import lines
from tests.chat.test_sillytavern_export import exported
from tests.support.marks import also_on_postgres
from tests.upstream.fixtures import app
from webapp.base.db import db, write
from webapp.chat.imports import foreign_fields, roleplay
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import Generation

__all__ = ["app"]
TOLD = {"reasoning": "", "token_count": 12, "display_text": "**Shown**", "odd": [1, {"deep": None}], "a\ufffd": "\ufffd?"}
HEAD = {
    "user_name": "Ann",
    "character_name": "Mara",
    "create_date": "2024-10-18@15h21m09s",
    "later_field": True,
    "chat_metadata": {
        "integrity": "u",
        "tainted": True,
        "timedWorldInfo": {"sticky": {}},
        "note_prompt": "",
        "note_depth": 3,
        "world_info": "Nobody's",
        "variables": {"turns": 3, "mood": "calm", "met": True, "list": ["a"], "none": None},
    },
}
GREETING = {
    "name": "Mara",
    "is_user": False,
    "mes": "Hi there.",
    "send_date": "October 18, 2024 3:21pm",
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
        for name, value in part.items():
            within(value, whole[name])
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


@also_on_postgres
def test_everything_in_a_file_is_in_the_next_one(owner, chat):
    head, *said = exported(owner, chat)

    within(HEAD, head)
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
    found = {message.content: message.foreign_fields for message in roleplay.parse({roleplay.LINES: [row]}).messages}
    assert found == {"one": None, "two": {"swipe": {"extra": {"display_text": "TWO"}}}}


def test_what_is_too_much_takes_nothing_else_with_it():
    extra = {"first": 1, "long": "x" * foreign_fields.MOST_CHARS, "deep": json.loads("[" * 50 + "]" * 50), "last": {"a": [None]}}
    (message,) = roleplay.parse({roleplay.LINES: [{"mes": "Hello", "name": "Mara", "extra": extra, "title": "T"}]}).messages
    assert message.foreign_fields["swipe"]["extra"] == {"first": 1, "last": {"a": [None]}}
    assert message.foreign_fields["line"]["title"] == "T"

    many = {str(number): number for number in range(foreign_fields.MOST_CHARS)}
    assert len(json.dumps(foreign_fields.storable({"extra": many}))) < 3 * foreign_fields.MOST_CHARS
    deep = {"extra": {}}
    for _ in range(900):
        deep = {"line": deep}
    assert foreign_fields.storable(deep) is None


def test_what_has_changed_here_is_written_as_it_is_now(app, owner, chat):
    program, _, _ = made(app, owner, MARA)
    book = program.post("/lorebooks", {"name": "Tides"}, status=201)["id"]
    program.said("PATCH", f"/chats/{chat}", 200, {"lorebook_ids": [book], "note": "It rains."})
    program.said("PATCH", f"/chats/{chat}", 200, {"variables": {"turns": "4", "mood": "calm"}})

    about = exported(owner, chat)[0]["chat_metadata"]
    assert (about["world_info"], about["integrity"]) == ("Tides", "u")
    assert (about["note_prompt"], about["note_position"], about["note_depth"]) == ("It rains.", 1, 3)
    assert about["variables"] == {"turns": "4", "mood": "calm", "list": ["a"], "none": None}

    # What was detached or emptied here doesn't come back.
    program.said("PATCH", f"/chats/{chat}", 200, {"lorebook_ids": []})
    program.post("/lorebooks", {"name": "Nobody's"}, status=201)
    assert "world_info" not in exported(owner, chat)[0]["chat_metadata"]


def test_a_copy_of_the_chat_has_it_too_but_is_another_chat(app, owner, chat):
    with app.app_context():
        head_id = db.session.get_one(Chat, chat).head_id
    owner.post(f"/messages/{head_id}/fork")
    with app.app_context():
        copy = db.session.scalars(select(Chat.id).where(Chat.id != chat)).one()

    head, *said = exported(owner, copy)
    within({**HEAD["chat_metadata"], "integrity": copy}, head["chat_metadata"])
    within(ASKED, said[1])


def test_the_export_of_an_imported_chat_is_known_here(owner, chat):
    assert bring(owner, download(owner, f"/chats/{chat}/export.jsonl"), "chat.jsonl").says("Nothing new")


def test_our_own_fields_win(owner, chat):
    for line in exported(owner, chat)[1:]:
        assert json.dumps(line).count('"send_date"') == 1 + len(line.get("swipe_info", ()))
    kept = {"line": {"mes": "old", "is_system": True}, "swipe": {"mes": "old", "extra": {"model": "old"}}}
    assert foreign_fields.in_line({"mes": "new", "is_system": False}, [None, kept]) == {"mes": "new", "is_system": False}
    swipe = {"mes": "new", "extra": {"model": "new"}}
    assert foreign_fields.in_swipe(swipe, kept) == swipe
