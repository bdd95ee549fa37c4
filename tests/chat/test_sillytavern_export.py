"""A chat with characters as a SillyTavern file: the displayed branch, with versions as swipes."""

import json

import pytest
from sqlalchemy import select

from tests.chat.files import bring, download
from tests.chat.test_cast_names import BO, MARA, made
from tests.chat.test_roleplay_imports import told
from tests.support.marks import also_on_postgres
from tests.upstream.fixtures import app
from webapp.base.db import db, write
from webapp.chat.imports import roleplay
from webapp.chat.record import variables
from webapp.chat.record.tables import Chat, Message
from webapp.workspace.exchange import export

__all__ = ["app"]


def exported(browser, chat):
    return [json.loads(line) for line in download(browser, f"/chats/{chat}/export.jsonl").decode().split("\n")[:-1]]


@pytest.fixture
def chat(app, owner):
    """A chat with Mara, as Jo: a greeting, a question, and an answer in two versions."""
    program, persona, (mara,) = made(app, owner, MARA)
    id = program.post("/chats", {"character_id": mara, "persona_id": persona}, status=201)["chat"]["id"]
    with app.app_context(), write() as session:
        chat = session.get_one(Chat, id)
        said = {"chat_id": id}
        asked = Message(**said, parent_id=chat.head_id, role="user", content="It's me.\u2028")
        session.add(asked)
        session.flush()
        answers = [
            Message(**said, parent_id=asked.id, role="assistant", content=text, reasoning="Hm.") for text in ("No.", "Yes.")
        ]
        session.add_all([*answers, Message(**said, parent_id=asked.id, role="user", content="Never mind.")])
        session.flush()
        chat.head_id = answers[0].id
    return id


@pytest.mark.slow
@also_on_postgres
def test_versions_are_swipes_and_come_back(owner, chat):
    head, greeting, asked, answer = exported(owner, chat)

    assert (head["user_name"], head["character_name"], head["chat_metadata"]) == ("Jo", "Mara", {"integrity": chat})
    assert [(line["name"], line["is_user"], line["mes"]) for line in (greeting, asked, answer)] == [
        ("Mara", False, "Mara greets."),
        ("Jo", True, "It's me.\u2028"),
        ("Mara", False, "No."),
    ]
    assert (answer["swipes"], answer["swipe_id"]) == (["No.", "Yes."], 0)
    assert [swipe["extra"]["reasoning"] for swipe in answer["swipe_info"]] == ["Hm.", "Hm."]
    assert "swipes" not in asked

    back = roleplay.parse({roleplay.LINES: [head, greeting, asked, answer]})
    assert told(back) == [
        ("assistant", "Mara greets.", ""),
        ("user", "It's me.\u2028", "Mara greets."),
        ("assistant", "No.", "It's me.\u2028"),
        ("assistant", "Yes.", "It's me.\u2028"),
    ]
    assert next(message.content for message in back.messages if message.id == back.head) == "No."
    assert bring(owner, download(owner, f"/chats/{chat}/export.jsonl"), "chat.jsonl").says("1 new chat, 4 new messages.")


def test_an_answer_says_which_model_gave_it_and_when(owner, answered):
    head, asked, answer = exported(owner, answered(owner, "Hello?").rpartition("/")[2])

    assert (head["character_name"], asked["mes"]) == ("Assistant", "Hello?")
    assert (answer["extra"]["model"], answer["extra"]["api"]) == ("some/model", "openrouter")
    assert answer["gen_started"] <= answer["gen_finished"]
    assert answer["gen_finished"].endswith("Z")


def test_in_a_group_each_says_who_it_is(app, owner):
    program, persona, ids = made(app, owner, MARA, BO)
    wish = {"character_ids": ids, "turn_order": "rotation", "persona_id": persona}
    head, *said = exported(owner, program.post("/chats", wish, status=201)["chat"]["id"])

    assert head["character_name"] == "unused"
    assert [line["name"] for line in said] == ["Mara", "Bo"]


def test_versions_that_are_too_long_together_are_left_out_but_for_the_one_that_is_shown(app, owner, chat):
    with app.app_context(), write():
        db.session.query(Message).filter_by(chat_id=chat, content="Yes.").one().content = "Y" * (export.MOST_CHARS + 1)

    answer = exported(owner, chat)[-1]
    assert (answer["swipes"], answer["mes"]) == (["No."], "No.")


@pytest.mark.mostly_slow
@pytest.mark.parametrize(("interval", "said_as"), [("", 1), ("0", 0), ("3", 3)])
def test_the_authors_note_comes_along(app, owner, chat, interval, said_as):
    owner.submit(f"/chats/{chat}/prompts", note="It rains.", note_depth="2", note_role="assistant", note_interval=interval)

    head, *said = exported(owner, chat)
    note = {"note_prompt": "It rains.", "note_interval": said_as, "note_position": 1, "note_depth": 2, "note_role": 2}
    assert head["chat_metadata"] == {"integrity": chat, **note}
    back = roleplay.parse({roleplay.LINES: [head, *said]}).settings
    assert (back["note"], back["note_depth"], back["note_role"]) == ("It rains.", 2, "assistant")
    assert back["note_interval"] == (int(interval) if interval else None)


@pytest.mark.parametrize(
    ("said", "depth"),
    [({}, None), ({"note_depth": 7}, 7), ({"note_depth": 7, "note_position": 0}, 10_000), ({"note_depth": "x"}, None)],
)
def test_a_note_of_sillytavern_is_placed_as_there(said, depth):
    head = {"user_name": "Jo", "character_name": "Mara", "chat_metadata": {"note_prompt": "It rains.", **said}}
    settings = roleplay.parse({roleplay.LINES: [head, {"name": "Mara", "mes": "Hi."}]}).settings

    assert (settings["note"], settings["note_depth"], settings["note_role"]) == ("It rains.", depth, "")


@pytest.mark.parametrize(
    ("said", "interval"), [({}, None), ({"note_interval": 1}, None), ({"note_interval": 0}, 0), ({"note_interval": "x"}, None)]
)
def test_a_note_of_sillytavern_comes_as_often_as_there(said, interval):
    head = {"user_name": "Jo", "character_name": "Mara", "chat_metadata": {"note_prompt": "It rains.", **said}}
    settings = roleplay.parse({roleplay.LINES: [head, {"name": "Mara", "mes": "Hi."}]}).settings

    assert (settings["note"], settings["note_interval"]) == ("It rains.", interval)


def test_it_is_offered_where_a_chat_has_a_character(owner, chat):
    assert owner.page(f"/chats/{chat}").link("Export as SillyTavern chat")
    assert not owner.submit("/", message="Hello").all('a[href$="export.jsonl"]')


@pytest.mark.slow
def test_variables_go_out_with_the_branch_that_is_shown_and_come_back(app, owner, chat):
    with app.app_context(), write() as session:
        rows = session.scalars(select(Message).where(Message.chat_id == chat).order_by(Message.id)).all()
        rows[0].variables, rows[-1].variables = {"mood": "calm", "turns": "3"}, {"mood": "never"}
    lines = exported(owner, chat)
    assert lines[0]["chat_metadata"]["variables"] == {"mood": "calm", "turns": "3"}

    odd = {
        "mood": "calm",
        "turns": 3,
        "tries": 1.5,
        "list": [1],
        "none": None,
        "huge": "x" * 5_000,
        "met": True,
        "a\0b": "c\0\ud800",
    }
    lines[0]["chat_metadata"] = {"integrity": "elsewhere", "variables": odd}
    page = bring(owner, "\n".join(map(json.dumps, lines)).encode())
    assert page.status_code == 200, page.text
    with app.app_context():
        brought = db.session.scalars(select(Chat).where(Chat.id != chat)).one()
        kept = {"mood": "calm", "turns": "3", "tries": "1.5", "met": "true", "a\ufffdb": "c\ufffd?"}
        assert variables.variables_at(brought.head_id) == kept
        has = db.session.scalars(select(Message.variables).where(Message.chat_id == brought.id))
        assert sorted(map(bool, has)) == [False, False, False, True]


@pytest.mark.parametrize("odd", [None, [], "text", 3, {}, {"a": None}, {"": "x"}])
def test_odd_variables_are_none(odd):
    said = {"mes": "Hello", "name": "Mara"}
    chat = roleplay.parse({roleplay.LINES: [{"chat_metadata": {"variables": odd}}, said]})
    assert [message.variables for message in chat.messages] == [None]
