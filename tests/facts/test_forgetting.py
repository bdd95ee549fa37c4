"""Forgetting leaves no bytes of the sentence, and the receipt says where it was, and what still says it."""

import os
import time
from datetime import timedelta

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError

from tests.api.client import client_of
from tests.facts.test_api import ask, remember, sent_with
from tests.receipts.remains import remains
from tests.support.marks import on_both_databases
from webapp.base.current import the_config
from webapp.base.db import db, utc_now, write
from webapp.base.errors import NotFound
from webapp.chat.facts import forgetting
from webapp.chat.facts.remembered import replace_uses
from webapp.chat.facts.tables import Fact
from webapp.chat.record.tables import Message, Project, Story
from webapp.people.accounts.tables import User
from webapp.people.members.service import erase_person
from webapp.people.receipts.keys import public_keys
from webapp.people.receipts.signing import difference
from webapp.settings.service import set_setting
from webapp.workspace.projects.service import PROJECTS

SENTENCE = "The heron of Quellmoor keeps the seventh key."


def unlimited(app):
    with app.app_context():
        set_setting("limits.streams_per_minute", "0")
        set_setting("limits.made_per_minute", "0")


@on_both_databases
def test_forgetting_leaves_no_bytes(app, member, fake):
    unlimited(app)
    program = client_of(app, member.email)
    fake.says("Noted.")
    first = remember(program, SENTENCE)
    other = remember(program, "I sail.")
    answers = [ask(program, "What do you know?") for _ in range(25)]
    with app.app_context(), write() as session:
        chat_id = session.get_one(Message, answers[0]["id"]).chat_id
        text = f"Before. {SENTENCE} After."
        session.add(Story(chat_id=chat_id, message_id=answers[0]["id"], text=text, kind="conversation", number=1))
    # An earlier wording stands in the prompts before.
    program.said("PATCH", f"/facts/{first['id']}", 200, {"text": SENTENCE.replace("heron", "crane")})
    assert remains(app, SENTENCE)
    program.said("PATCH", f"/facts/{first['id']}", 200, {"text": SENTENCE})
    again = remember(program, SENTENCE, replaces=first["id"])

    receipt = program.said("DELETE", f"/facts/{again['id']}", 200)
    assert remains(app, SENTENCE) == []
    assert [line["count"] for line in receipt["removed"]] == [1, 1, 25, 1]
    assert sorted(receipt["used_in"]) == sorted(answer["generation"]["id"] for answer in answers)
    assert receipt["still_in"] == []
    with app.app_context():
        assert difference(receipt, public_keys()) == ""
        assert db.session.query(Story).one().text == "Before. — (forgotten) After."
    assert sent_with(program, answers[0]).splitlines()[1:] == ["— (forgotten)", "- I sail."]
    assert program.get(f"/facts/{other['id']}")["used"] == 25
    assert program.get(f"/receipts/{receipt['id']}")["signature"] == receipt["signature"]


@on_both_databases
def test_an_earlier_wording_goes_too(app, member, fake):
    program = client_of(app, member.email)
    fake.says("Noted.")
    fact = remember(program, SENTENCE)
    ask(program, "What do you know?")
    program.said("PATCH", f"/facts/{fact['id']}", 200, {"text": "Something else altogether."})
    program.said("DELETE", f"/facts/{fact['id']}", 200)
    assert remains(app, SENTENCE) == []


def test_messages_that_still_say_it_are_listed_without_words(app, member, fake):
    program = client_of(app, member.email)
    fake.says("Noted.")
    answer = ask(program, "Hello.")
    answer = ask(program, f"By the way: {SENTENCE}", chat=program.get("/chats")["chats"][0]["id"])
    question = answer["parent_id"]
    fact = remember(program, "A heron has a key.", source={"kind": "message", "id": question, "start": 12, "end": 30})
    page = member.send(f"/facts/{fact['id']}/forget", {}, follow=True)
    assert question in page.text
    assert "heron" not in page.text
    assert page.says("Delete it there too")
    member.post(page.one(f'form[action="/messages/{question}/delete"]').attributes["action"])
    assert member.page(page.path).says("In the trash")
    member.post(f"/messages/{question}/erase")
    assert member.page(page.path).says("They are deleted")
    assert remains(app, SENTENCE) == []


def test_deleting_the_source_proposes_to_forget(app, member, fake):
    program = client_of(app, member.email)
    fake.says("Noted.")
    ask(program, "Hello.")
    chat = program.get("/chats")["chats"][0]["id"]
    question = ask(program, SENTENCE, chat=chat)["parent_id"]
    fact = remember(program, SENTENCE, source={"kind": "message", "id": question, "start": 0, "end": 45})
    page = member.post(f"/messages/{question}/delete")
    assert page.one("a[href^='/facts/']").attributes["href"] == f"/facts/{fact['id']}"
    member.post(f"/messages/{question}/restore")
    assert f"/facts/{fact['id']}" in member.htmx_post(f"/messages/{question}/delete").text


def told_by(program, chat_id: str, text: str) -> dict:
    """Folds the chat, and gives the fold this text; returns the fold."""
    program.said("POST", f"/chats/{chat_id}/folds", 202, {})
    fold = program.get(f"/chats/{chat_id}/folds")["folds"][-1]
    program.said("PATCH", f"/chats/{chat_id}/folds/{fold['id']}", 200, {"text": text})
    return fold


@on_both_databases
def test_what_a_fold_said_leaves_the_prompts_that_had_it(app, member, fake):
    unlimited(app)
    program = client_of(app, member.email)
    fake.says("Noted.")
    answer = ask(program, "Hello 0.")
    chat_id = program.get("/chats")["chats"][0]["id"]
    for number in range(1, 5):
        ask(program, f"Hello {number}.", chat_id)
    program.said("PATCH", f"/chats/{chat_id}", 200, {"system_prompt": "Before: {{summary}}"})
    # However its blanks are, and with a second one after it, which is not forgotten.
    fold = told_by(program, chat_id, "Before. The heron of\nQuellmoor  keeps the SEVENTH key. After.")
    first = ask(program, "And now?", chat_id)
    program.said("PATCH", f"/chats/{chat_id}/folds/{fold['id']}", 200, {"text": f"Again. {SENTENCE} The end."})
    second = ask(program, "And then?", chat_id)
    # The fold itself is gone, the prompts that had it are not.
    program.said("DELETE", f"/chats/{chat_id}/folds/{fold['id']}", 204)
    third = ask(program, "And without?", chat_id)
    fact = remember(program, SENTENCE)
    receipt = program.said("DELETE", f"/facts/{fact['id']}", 200)
    assert remains(app, SENTENCE) == []
    assert receipt["removed"] == [{"what": "facts", "count": 1}, {"what": "copies in recorded prompts", "count": 2}]
    assert receipt["used_in"] == []
    for one, begins, ends in ((first, "Before.", "After."), (second, "Again.", "The end.")):
        parts = [part["content"] for part in program.get(f"/generations/{one['generation']['id']}/prompt")["parts"]]
        assert any(part.endswith(f"{begins} — (forgotten) {ends}") for part in parts)
        assert not any("uellmoor" in part for part in parts)
    assert program.get(f"/generations/{third['generation']['id']}/prompt")["parts"]
    assert program.get(f"/generations/{answer['generation']['id']}/prompt")["parts"]


def test_a_quote_leaves_folds_whatever_its_blanks_are(app, member, fake):
    program = client_of(app, member.email)
    fake.says("Noted.")
    answer = ask(program, "Hello.")
    said = "I keep  the\nseventh key of Zürich."
    question = ask(program, said, chat=program.get("/chats")["chats"][0]["id"])["parent_id"]
    with app.app_context(), write() as session:
        chat_id = session.get_one(Message, question).chat_id
        for number, text in enumerate(
            (" ".join(said.split()), said, "i KEEP the seventh\n\nkey of ZÜRICH.", "I keep the key."), 1
        ):
            session.add(Story(chat_id=chat_id, message_id=answer["id"], text=text, kind="conversation", number=number))
    source = {"kind": "message", "id": question, "start": 0, "end": len(said)}
    fact = remember(program, "Has a key.", source=source)
    receipt = program.said("DELETE", f"/facts/{fact['id']}", 200)
    assert {"what": "copies in folds", "count": 3} in receipt["removed"]
    with app.app_context():
        texts = [row.text for row in db.session.query(Story).order_by(Story.number)]
    assert texts == ["— (forgotten)"] * 3 + ["I keep the key."]


@on_both_databases
def test_what_was_proposed_or_refused_with_the_same_sentence_goes_too(app, member, stranger, fake):
    program, other = client_of(app, member.email), client_of(app, stranger.email)
    sentence = "Ich lebe in Zürich, am See."
    refused = remember(program, sentence.upper())
    program.said("PATCH", f"/facts/{refused['id']}", 200, {"state": "refused"})
    kept, theirs = remember(program, sentence), remember(other, sentence)
    with app.app_context(), write() as session:
        session.add(Fact(owner_id=member.person_id, text=sentence.casefold(), state="proposed"))
    receipt = program.said("DELETE", f"/facts/{kept['id']}", 200)
    assert receipt["removed"] == [{"what": "facts", "count": 1}, {"what": "other facts with the same sentence", "count": 2}]
    assert program.get("/facts", query={"state": "all"})["facts"] == []
    assert other.get(f"/facts/{theirs['id']}")["text"] == sentence


def test_what_is_kept_stays_when_a_refused_one_is_forgotten(app, member):
    program = client_of(app, member.email)
    refused = remember(program, SENTENCE)
    program.said("PATCH", f"/facts/{refused['id']}", 200, {"state": "refused"})
    kept = remember(program, SENTENCE)
    program.said("DELETE", f"/facts/{refused['id']}", 200)
    assert [fact["id"] for fact in program.get("/facts")["facts"]] == [kept["id"]]


@on_both_databases
def test_a_fact_forgotten_while_a_prompt_is_built_does_not_stay_in_it(app, member, fake):
    program = client_of(app, member.email)
    fake.says("Noted.")
    first, second = remember(program, SENTENCE), remember(program, "I sail.")
    answer = ask(program, "What do you know?")
    # As if it had been forgotten between building the prompt and storing it.
    with app.app_context(), write() as session:
        session.execute(delete(Fact).where(Fact.id == first["id"]))
        replace_uses(session, answer["generation"]["id"], answer["id"], [first["id"], second["id"]])
    assert sent_with(program, answer).splitlines()[1:] == ["— (forgotten)", "- I sail."]
    assert program.get(f"/facts/{second['id']}")["used"] == 1
    with app.app_context():
        assert db.session.get_one(Message, answer["id"]).fact_count == 1


@on_both_databases
def test_an_error_of_the_database_says_no_sentence(app):
    with app.app_context():
        with pytest.raises(IntegrityError) as error, write() as session:
            session.add(Fact(owner_id="nobody", text=SENTENCE))
        db.session.rollback()
    assert "INSERT" in str(error.value)
    assert SENTENCE not in str(error.value)


@on_both_databases
def test_facts_that_go_with_a_person_or_a_project_leave_the_prompts_of_others(app, member, stranger, owner, fake):
    unlimited(app)
    mine, theirs = client_of(app, member.email), client_of(app, stranger.email)
    fake.says("Noted.")
    project = mine.post("/projects", {"name": "Herons"}, status=201)["id"]
    with app.app_context():
        person_id = db.session.scalars(db.select(User.id).where(User.email == stranger.email)).one()
    mine.said("PUT", f"/projects/{project}/grants", 200, {"to": "user", "to_id": person_id, "right": "write"})
    scope = {"kind": "project", "id": project}
    remember(theirs, SENTENCE, scope=scope)
    remember(mine, "We sail on Sundays.", scope=scope)
    chat = mine.post("/chats", {"project_id": project}, status=201)
    answer = ask(mine, "What do you know?", chat.get("id") or chat["chat"]["id"])
    assert SENTENCE in sent_with(mine, answer)
    with app.app_context():
        erase_person(stranger.email)
    assert SENTENCE not in sent_with(mine, answer)
    assert "We sail on Sundays." in sent_with(mine, answer)
    assert remains(app, SENTENCE) == []

    mine.said("DELETE", f"/projects/{project}", 204)
    with app.app_context():
        db.session.execute(update(Project).values(deleted_at=utc_now() - timedelta(days=99)))
        db.session.commit()
        PROJECTS.empty_trash()
    assert "Sundays" not in sent_with(mine, answer)
    assert remains(app, "We sail on Sundays.") == []


def test_a_receipt_names_answers_that_are_still_there(app, member, fake):
    program = client_of(app, member.email)
    fake.says("Noted.")
    fact = remember(program, SENTENCE)
    answers = [ask(program, "What do you know?") for _ in range(2)]
    first = program.get(f"/messages/{answers[0]['id']}")["chat_id"]
    program.said("DELETE", f"/chats/{first}", 204)
    program.said("POST", f"/chats/{first}/erase", 204)
    receipt = program.said("DELETE", f"/facts/{fact['id']}", 200)
    assert receipt["used_in"] == [answers[1]["generation"]["id"]]
    assert [line["count"] for line in receipt["removed"]] == [1, 1]
    program.said("DELETE", f"/facts/{fact['id']}", 404)


def test_one_of_two_at_once_gets_the_receipt(app, member):
    program = client_of(app, member.email)
    fact = remember(program, SENTENCE)
    with app.app_context():
        me = db.session.scalars(db.select(User).where(User.email == member.email)).one()
        row = db.session.get_one(Fact, fact["id"])

        def other(session):
            session.execute(delete(Fact))

        with pytest.raises(NotFound):
            forgetting.receipt_for([row], by=me, finish=other)
    assert program.get("/receipts")["receipts"] == []


def test_a_backup_from_before_a_fact_is_not_named(app, member):
    program = client_of(app, member.email)
    with app.app_context():
        folder = the_config().backup_dir
    folder.mkdir(parents=True, exist_ok=True)
    fact = remember(program, SENTENCE)
    for name, age in (("older.sqlite3", 3_600), ("newer.sqlite3", -60)):
        (folder / name).touch()
        os.utime(folder / name, (time.time() - age, time.time() - age))
    receipt = program.said("DELETE", f"/facts/{fact['id']}", 200)
    assert receipt["backups"] == [{"name": "newer.sqlite3", "until": None}]
