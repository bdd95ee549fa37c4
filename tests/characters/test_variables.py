"""Stored variables: with the messages of a chat, so that trying again counts once; or of a person, across all their chats."""

from typing import Any

import pytest
from sqlalchemy import select

from tests.api.client import client_of
from tests.characters.card_samples import as_json, bring
from tests.characters.conftest import heard
from tests.chat.conftest import address, ended, ended_with, give, id_of
from tests.support.marks import also_on_postgres
from webapp.base.db import db, write
from webapp.characters.macros.chat_variables import VariableStore
from webapp.chat.record import variables
from webapp.chat.record.tables import Chat, Message
from webapp.workspace.roleplay.variable_views import VariableRows

BOOK = {"entries": [{"keys": ["mill"], "content": "Mood: {{getvar::mood}}{{setvar::seen::mill}}", "position": "after_char"}]}
CARD: dict[str, Any] = {
    "spec": "chara_card_v2",
    "data": {
        "name": "Mara",
        "description": "{{incvar::turns}} turns, {{getvar::mood}}.",
        "first_mes": "Hello.{{setvar::mood::calm}}",
        "alternate_greetings": ["Go away!{{setvar::mood::angry}}{{incglobalvar::met}}"],
        "character_book": BOOK,
    },
}


@pytest.fixture
def chat(member, fake) -> str:
    brought = bring(member, ("mara.json", as_json(CARD)))
    fake.says("Aye.")
    return member.page(brought.link("Mara").attributes["href"] or "").press("Chat with Mara").path


@pytest.fixture
def kept(app):
    """Returns the current variables of a chat."""

    def kept(path: str) -> dict[str, str]:
        with app.app_context():
            return variables.variables_at(db.session.get_one(Chat, id_of(path)).head_id)

    return kept


@pytest.mark.slow
@also_on_postgres
def test_each_turn_counts_once_however_often_it_is_tried_again(chat, member, say, kept):
    assert kept(chat) == {"mood": "calm"}
    assert say(chat, "One")[0] == ("system", "1 turns, calm.")
    assert say(chat, "Two {{setvar::mood::glad}}{{.mood}}")[0] == ("system", "2 turns, glad.")
    assert heard_last(member, chat) == "Two glad"
    for _ in range(2):
        member.post(address(member.page(chat), "Try again"))
        member.wait_for(chat, ended)
    assert kept(chat) == {"mood": "glad", "turns": "2"}
    assert say(chat, "Three")[0] == ("system", "3 turns, glad.")


def heard_last(member, chat):
    return member.page(chat).messages("user")[-1]


@pytest.mark.slow
def test_every_branch_has_its_own(chat, member, say, kept):
    say(chat, "One {{setvar::way::left}}")
    assert kept(chat)["way"] == "left"
    question = member.page(chat).message_ids[1]
    member.post(f"/messages/{question}/edit", message="One {{setvar::way::right}}{{addvar::turns::10}}")
    member.wait_for(chat, ended_with(3))
    assert kept(chat) == {"mood": "calm", "way": "right", "turns": "11"}

    member.post(f"/messages/{question}/version")
    assert kept(chat) == {"mood": "calm", "way": "left", "turns": "1"}
    fork = member.post(address(member.page(chat), "Branch into new chat")).location
    assert kept(fork) == kept(chat)
    assert say(fork, "On")[0] == ("system", "2 turns, calm.")
    assert kept(chat)["turns"] == "1"


@pytest.mark.slow
def test_sections_see_what_those_above_them_set(chat, member, say, kept):
    told = say(chat, "To the mill")[0][1]
    assert told == "1 turns, calm.\n---\nMood: calm"
    member.submit(f"{chat}/prompts", pre_prompt="{{setvar::mood::sad}}", post_prompt="{{getvar::seen}} {{.turns}}")
    said = say(chat, "The mill?")
    assert said[0][1] == "2 turns, sad.\n---\nMood: sad"
    assert ("system", "mill 2") in said


@pytest.mark.slow
def test_what_goes_on_does_not_count_again(chat, member, fake, kept):
    fake.always({"counted": 50, "stall_after": 5})
    member.submit(chat, message="One")
    member.post(member.page(chat).action("Stop"))
    page = member.wait_for(chat, ended)
    assert kept(chat) == {"mood": "calm", "turns": "1"}
    fake.says(" and so on.")
    member.post(address(page, "Continue"))
    member.wait_for(chat, ended)

    assert heard(fake)[0] == ("system", "1 turns, calm.")
    assert kept(chat) == {"mood": "calm", "turns": "1"}


@pytest.mark.slow
def test_those_of_a_person_are_in_all_their_chats(make, member, say, fake, app):
    fake.says("Aye.")
    one, other = (
        member.page(make(name=name, greeting="{{incglobalvar::met}}", description="Met {{$met}}."))
        .press(f"Chat with {name}")
        .path
        for name in ("Mara", "Bo")
    )
    assert member.page(other).messages("assistant") == ["2"]
    assert say(one, "Hi")[0] == ("system", "Met 2.")
    say(one, "{{setglobalvar::met::9}}x{{deleteglobalvar::none}}")
    assert say(other, "Hi")[0] == ("system", "Met 9.")
    with app.app_context():
        assert variables.variables_of_person(member.person_id) == {"met": "9"}


@pytest.mark.slow
def test_who_writes_in_the_chat_of_another_neither_reads_nor_sets_them(chat, member, stranger, kept, app, fake):
    give(chat, stranger, "write")
    member.submit(f"{chat}/prompts", pre_prompt="{{incglobalvar::asked}}")
    stranger.post(f"{chat}/messages", message="{{getvar::mood}} {{setvar::mood::bad}}")
    page = stranger.wait_for(chat, ended_with(3))

    assert page.messages("user") == ["{{getvar::mood}} {{setvar::mood::bad}}"]
    assert kept(chat) == {"mood": "calm", "turns": "1"}
    with app.app_context():
        assert variables.variables_of_person(member.person_id) == {}
    fork = stranger.post(address(page, "Branch into new chat")).location
    assert kept(fork) == {}


@pytest.mark.slow
def test_what_is_only_looked_at_sets_nothing(chat, member, say, kept, fake):
    say(chat, "One")
    fake.says("I would say so.")
    member.page(chat).press("Draft my next message")
    assert heard(fake)[0] == ("system", "2 turns, calm.")
    member.page(chat).click("What was sent")
    assert kept(chat) == {"mood": "calm", "turns": "1"}


@pytest.mark.slow
def test_in_a_group_what_one_sets_the_others_know(make, member, fake, kept, say):
    ids = [
        make(name="Mara", greeting="Hello.{{setvar::mood::calm}}", description="{{incvar::turns}}").rpartition("/")[2],
        make(name="Bo", greeting="She is {{getvar::mood}}.", description="{{incvar::turns}}").rpartition("/")[2],
    ]
    group = member.submit("/characters/group", character_ids=ids, turn_order="rotation").path
    assert member.page(group).messages("assistant") == ["Hello.", "She is calm."]
    fake.says("Aye.")
    assert say(group, "One")[0] == ("system", "1")
    assert say(group, "Two")[0] == ("system", "2")
    assert kept(group) == {"mood": "calm", "turns": "2"}


def test_another_greeting_has_its_own(chat, member, app, kept):
    ids = app_messages(app, chat)
    assert [id for _, id in ids] == [{"mood": "calm"}, {"mood": "angry"}]
    with app.app_context():
        assert variables.variables_of_person(member.person_id) == {}


def app_messages(app, chat):
    with app.app_context():
        query = select(Message).where(Message.chat_id == id_of(chat)).order_by(Message.id)
        return [(message.id, message.variables) for message in db.session.scalars(query)]


@also_on_postgres
def test_two_keep_those_of_a_person_one_after_the_other(app, member):
    with app.app_context():
        for value in ("1", "2"):
            bag = VariableStore(lambda: variables.variables_of_person(member.person_id))
            bag.put("a", value)
            with write() as session:
                variables.store_variables(session, member.person_id, bag)
        assert variables.variables_of_person(member.person_id) == {"a": "2"}


@also_on_postgres
def test_what_two_chats_keep_of_a_person_at_once_is_all_kept(app, member):
    def keep(bag: VariableStore) -> None:
        with write() as session:
            variables.store_variables(session, member.person_id, bag)

    def read() -> VariableStore:
        return VariableStore(lambda: variables.variables_of_person(member.person_id))

    with app.app_context():
        first = read()
        for name in ("gone", "same", "left"):
            first.put(name, "1")
        keep(first)
        one, other = read(), read()
        one.drop("gone")
        one.put("one", "1")
        other.put("same", "2")
        other.put("other", "2")
        keep(one)
        keep(other)
        assert variables.variables_of_person(member.person_id) == {"same": "2", "left": "1", "one": "1", "other": "2"}


@pytest.mark.slow
def test_their_owner_sees_and_changes_them_beside_the_chat(chat, member, say, kept):
    say(chat, "One")
    page = member.page(f"{chat}/prompts")
    names = [str(field.attributes.get("value") or "") for field in page.all("[name^=variable-name]")]
    assert (names, page.one(".variables summary").text()) == (["mood", "turns", ""], "Variables mood · turns")

    form = {"variable-value-1": "5", "variable-name-2": "coat", "variable-value-2": "red\r\nand blue"}
    member.submit(f"{chat}/prompts", **form, **{"variable-removed-0": "on"})
    assert kept(chat) == {"turns": "5", "coat": "red\nand blue"}
    assert member.page(f"{chat}/prompts").one("[name=variable-value-0]").text() == "red\nand blue"
    assert say(chat, "Two")[0] == ("system", "6 turns, .")


@pytest.mark.slow
def test_of_two_tabs_the_later_one_is_told_what_both_have_changed(chat, member, say, kept):
    first, second = (member.page(f"{chat}/prompts").form("Save") for _ in range(2))
    say(chat, "One")
    assert first.submit(pre_prompt="So.").path == chat
    assert first.submit(**{"variable-value-0": "glad"}).path == chat
    assert kept(chat) == {"mood": "glad", "turns": "1"}
    refused = second.submit(**{"variable-value-0": "sad", "variable-name-1": "hat", "variable-value-1": "green"})

    assert (refused.status_code, refused.says("The variables have just changed elsewhere.")) == (409, True)
    assert [field.text() for field in refused.all("[name^=variable-value]")] == ["green", "sad", "1", ""]
    assert kept(chat) == {"mood": "glad", "turns": "1"}
    refused.form("Save").submit()
    assert kept(chat) == {"mood": "sad", "turns": "1", "hat": "green"}
    assert not member.page(f"{member.submit('/', message='Hello').path}/prompts").all(".variables")


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("name", "value", "words"), [("mood", "2", "Two variables have the same name."), ("a", "x" * 2_001, "up to 100 variables")]
)
def test_what_cannot_be_kept_is_said_with_all_that_was_typed(chat, member, kept, name, value, words):
    page = member.submit(f"{chat}/prompts", **{"variable-name-1": name, "variable-value-1": value})
    assert (page.status_code, page.says(words)) == (422, True)
    assert [field.text() for field in page.all("[name^=variable-value]")] == ["calm", value, ""]
    assert kept(chat) == {"mood": "calm"}


@pytest.mark.slow
@also_on_postgres
def test_programs_read_and_replace_them(chat, member, stranger, app, kept):
    program, id = client_of(app, member.email), id_of(chat)
    assert program.get(f"/chats/{id}")["variables"] == {"mood": "calm"}
    assert program.get("/chats")["chats"][0]["variables"] is None

    changed = program.said("PATCH", f"/chats/{id}", 200, {"variables": {"a": "1", "b": ""}})
    assert changed["variables"] == kept(chat) == {"a": "1", "b": ""}
    program.said("PATCH", f"/chats/{id}", 422, {"variables": {"a": "x" * 2_001}})
    program.said("PATCH", f"/chats/{id}", 422, {"variables": {"a": 1}})
    assert program.said("PATCH", f"/chats/{id}", 200, {"title": "So"})["variables"] == {"a": "1", "b": ""}
    assert program.said("PATCH", f"/chats/{id}", 200, {"variables": {}})["variables"] == {}
    give(chat, stranger, "write")
    assert client_of(app, stranger.email).get(f"/chats/{id}")["variables"] is None
    empty = program.post("/chats", {}, status=201)["chat"]
    assert empty["variables"] == {}
    program.said("PATCH", f"/chats/{empty['id']}", 409, {"variables": {"a": "1"}})


@pytest.mark.parametrize("seen", ["{", "[" * 100_000, "[]", '{"a": {"b": 1}}', "3", '"' + "x" * 300_000])
def test_whatever_a_form_says_of_what_was_there_is_taken_as_nothing(seen):
    rows = VariableRows.sent({"variables-seen": seen, "variable-name-0": " a ", "variable-value-0": "b", "variable-value-2": "c"})
    assert rows
    assert (rows.seen, rows.values, rows.is_changed) == ({}, {"a": "b"}, True)
