"""Facts in the API: made, listed, changed, forgotten, used in prompts, and read by those alone whose they are."""

from typing import Any

import pytest
from flask import Flask

from tests.api.client import Client, client_of
from tests.chat.library import turns
from webapp.base.db import db, write
from webapp.chat.record.tables import Chat, Message, Project
from webapp.people.accounts.tables import Grant, User
from webapp.settings.service import set_setting

TITLE = "What is remembered"


def remember(program: Client, text: str, **more: Any) -> dict[str, Any]:
    return program.post("/facts", {"text": text, **more}, status=201)


def ask(program: Client, message: str, chat: str = "", **more: Any) -> dict[str, Any]:
    path = f"/chats/{chat}/messages" if chat else "/chats"
    sent = program.post(path, {"message": message, **more}, status=202 if chat else 201)
    return program.ended(sent if chat else sent["sent"])


def sent_with(program: Client, answer: dict[str, Any]) -> str:
    """Returns what stood in the prompt of an answer about what is remembered."""
    parts = program.get(f"/generations/{answer['generation']['id']}/prompt")["parts"]
    return "\n".join(part["content"] for part in parts if part["title"] == TITLE)


def project_of(app: Flask, owner_id: str, *members: tuple[str, str]) -> str:
    with app.app_context(), write() as session:
        project = Project(owner_id=owner_id, name="Boats")
        session.add(project)
        session.flush()
        for member, right in members:
            session.add(Grant(object_kind="project", object_id=project.id, user_id=member, right=right))
        return project.id


def test_what_takes_the_place_of_a_fact_holds_where_that_held(app: Flask, program: Client) -> None:
    scope = {"kind": "project", "id": project_of(app, program.get("/me")["id"])}
    mine, ours = remember(program, "I live in Bern."), remember(program, "We live in Bern.", scope=scope)
    program.said("POST", "/facts", 422, {"text": "I sail.", "replaces": ours["id"]})
    program.said("POST", "/facts", 422, {"text": "We sail.", "scope": scope, "replaces": mine["id"]})
    remember(program, "I live in Zurich.", replaces=mine["id"])
    program.said("POST", "/facts", 409, {"text": "I live in Basel.", "replaces": mine["id"]})
    again = program.said("PATCH", f"/facts/{mine['id']}", 200, {"state": "kept"})
    assert (again["state"], again["replaced_by"]) == ("kept", None)


def test_a_fact_can_have_joined_letters_and_signs(program: Client) -> None:
    for text in ("My family is \U0001f468\u200d\U0001f469\u200d\U0001f467.", "من می\u200cخواهم چای بنوشم."):
        assert remember(program, text)["text"] == text
    for text in ("\u200d\u200f", "a\u0000b"):
        program.said("POST", "/facts", 422, {"text": text})


def test_a_fact_is_kept_listed_changed_and_forgotten(program: Client, other: Client) -> None:
    fact = remember(program, "  I live \n in Bern. ")
    assert (fact["text"], fact["state"], fact["source"], fact["used"]) == ("I live in Bern.", "kept", None, 0)
    assert (fact["scope"], fact["is_outside"], bool(fact["since"])) == ({"kind": "me", "id": ""}, False, True)
    assert [row["id"] for row in program.get("/facts")["facts"]] == [fact["id"]]
    assert program.get("/facts", query={"q": "Zurich"})["facts"] == []
    assert other.get("/facts")["facts"] == []
    other.said("GET", f"/facts/{fact['id']}", 404)
    other.said("PATCH", f"/facts/{fact['id']}", 404, {"state": "refused"})
    other.said("DELETE", f"/facts/{fact['id']}", 404)

    assert program.said("PATCH", f"/facts/{fact['id']}", 200, {"text": "I live in Zurich."})["text"] == "I live in Zurich."
    assert program.said("PATCH", f"/facts/{fact['id']}", 200, {"state": "refused"})["state"] == "refused"
    assert program.get("/facts")["facts"] == []
    assert len(program.get("/facts", query={"state": "refused"})["facts"]) == 1
    receipt = program.said("DELETE", f"/facts/{fact['id']}", 200)
    assert (receipt["kind"], receipt["removed"]) == ("fact", [{"what": "facts", "count": 1}])
    assert program.get("/facts", query={"state": "all"})["facts"] == []


def test_a_replaced_fact_stays_readable(program: Client) -> None:
    old = remember(program, "I live in Bern.")
    new = remember(program, "I live in Zurich.", replaces=old["id"])
    assert [fact["id"] for fact in program.get("/facts")["facts"]] == [new["id"]]
    replaced = program.get(f"/facts/{old['id']}")
    assert (replaced["state"], replaced["replaced_by"]) == ("replaced", new["id"])


def test_a_sentence_is_kept_once(app: Flask, program: Client, member) -> None:
    first = remember(program, "Ich lebe in Zürich.")
    said = program.post("/facts", {"text": "ICH  lebe in ZÜRICH."}, status=409)
    assert "remembered already" in str(said)
    assert "This is remembered already." in member.post("/facts", text="Ich lebe in Zürich.", scope="me").text
    # It can hold in a project too, but not be moved, changed or kept again where it is.
    project = {"kind": "project", "id": project_of(app, member.person_id)}
    second = remember(program, "Ich lebe in Zürich.", scope=project)
    program.said("PATCH", f"/facts/{second['id']}", 409, {"scope": {"kind": "me"}})
    third = remember(program, "Ich lebe am See.")
    program.said("PATCH", f"/facts/{third['id']}", 409, {"text": "Ich lebe in Zürich."})
    assert program.said("PATCH", f"/facts/{third['id']}", 200, {"text": "ich lebe am See."})["text"] == "ich lebe am See."
    program.said("PATCH", f"/facts/{first['id']}", 200, {"state": "refused"})
    remember(program, "Ich lebe in Zürich.")
    program.said("PATCH", f"/facts/{first['id']}", 409, {"state": "kept"})


@pytest.mark.parametrize("text", ["", " ", "x" * 501])
def test_a_sentence_that_is_none_is_refused(program: Client, text: str) -> None:
    program.post("/facts", {"text": text}, status=422)


def test_a_secret_is_kept_only_once_confirmed(program: Client) -> None:
    refused = program.post("/facts", {"text": "The password is hunter2."}, status=422)
    assert "looks like a password" in str(refused)
    assert remember(program, "The password is hunter2.", confirm=True)["state"] == "kept"


def test_a_scope_is_full_at_a_limit(program: Client, app: Flask, member) -> None:
    from webapp.chat.facts.service import MOST_OF_SCOPE
    from webapp.chat.facts.tables import Fact

    with app.app_context(), write() as session:
        session.add_all(Fact(owner_id=member.person_id, text=f"Fact {n}.") for n in range(MOST_OF_SCOPE))
    assert "1,000" in str(program.post("/facts", {"text": "One more."}, status=409))


def test_the_exact_words_of_a_message_are_its_source(app: Flask, program: Client, other: Client, fake) -> None:
    fake.says("Noted.")
    answer = ask(program, "Good morning 😀. I live in Bern.")
    question, start = answer["parent_id"], len("Good morning 😀. ")
    source = {"kind": "message", "id": question, "start": start, "end": start + 15}
    fact = remember(program, "I live in Bern.", source=source)
    assert (fact["source"], fact["is_outside"]) == (source, False)
    other.post("/facts", {"text": "Theirs.", "source": source}, status=404)
    program.post("/facts", {"text": "Bern.", "source": {**source, "end": 1_000}}, status=422)
    # The words go with the chat; the fact stays, as its person wrote it.
    with app.app_context(), write() as session:
        session.delete(session.get_one(Chat, session.get_one(Message, question).chat_id))
    assert program.get(f"/facts/{fact['id']}")["source"] is None


def test_used_is_what_was_shown(program: Client, other: Client, fake) -> None:
    fake.says("In Bern.")
    first, second = remember(program, "I live in Bern."), remember(program, "I sail.")
    answer = ask(program, "Where do I live?")
    generation = answer["generation"]["id"]
    assert sent_with(program, answer).splitlines()[1:] == ["- I live in Bern.", "- I sail."]
    used = program.get(f"/generations/{generation}/facts")
    assert (used["count"], [fact["id"] for fact in used["facts"]]) == (2, [first["id"], second["id"]])
    assert program.get(f"/facts/{first['id']}")["used"] == 1
    other.said("GET", f"/generations/{generation}/facts", 404)

    again = program.ended(program.post(f"/messages/{answer['id']}/regenerate", {"without_facts": [first["id"]]}, status=202))
    assert sent_with(program, again).splitlines()[1:] == ["- I sail."]
    assert program.get(f"/facts/{first['id']}")["used"] == 1
    assert program.get(f"/facts/{second['id']}")["used"] == 2
    program.said("DELETE", f"/facts/{second['id']}", 200)
    assert program.get(f"/generations/{again['generation']['id']}/facts")["count"] == 0


def test_those_that_share_words_come_first_when_there_is_no_room(program: Client, app: Flask, fake) -> None:
    fake.says("Yes.")
    for n in range(20):
        remember(program, f"My {n}th cousin collects very old stamps from all countries.")
    remember(program, "My sailing boat is called Otter.")
    for n in range(20):
        remember(program, f"My {n}th aunt collects very old coins from all countries.")
    with app.app_context():
        set_setting("memory.fact_tokens", "60")
    lines = sent_with(program, ask(program, "What is my sailing boat called?")).splitlines()[1:]
    assert "- My sailing boat is called Otter." in lines
    assert 1 < len(lines) < 8
    assert "aunt" in lines[-1]
    with app.app_context():
        set_setting("memory.fact_tokens", "0")
    assert sent_with(program, ask(program, "And now?")) == ""


def test_nobody_else_reads_what_was_remembered(program: Client, other: Client, app: Flask, member, stranger, fake) -> None:
    fake.says("Yes.")
    remember(program, "I live in Bern.")
    answer = ask(program, "Hello")
    generation = answer["generation"]["id"]
    with app.app_context(), write() as session:
        chat_id = session.query(Chat).one().id
        session.add(Grant(object_kind="chat", object_id=chat_id, user_id=stranger.person_id, right="write"))
    assert other.get(f"/generations/{generation}/facts") == {"count": 1, "facts": []}
    # A shared chat has none.
    assert sent_with(program, ask(program, "Hello again", chat_id)) == ""
    theirs = ask(other, "And I?", chat_id)
    assert "Bern" not in str(turns(fake, "And I?"))
    assert program.get(f"/generations/{theirs['generation']['id']}/facts")["count"] == 0


def test_a_projects_facts_are_its_members(app: Flask, program: Client, other: Client, owner, member, stranger, fake) -> None:
    fake.says("Yes.")
    id = project_of(app, member.person_id, (stranger.person_id, "read"))
    fact = remember(program, "The boat leaves at nine.", scope={"kind": "project", "id": id})
    assert [row["text"] for row in other.get("/facts")["facts"]] == ["The boat leaves at nine."]
    other.said("PATCH", f"/facts/{fact['id']}", 403, {"text": "At ten."})
    other.said("DELETE", f"/facts/{fact['id']}", 403)
    other.post("/facts", {"text": "Mine.", "scope": {"kind": "project", "id": id}}, status=403)
    client_of(app, owner.email).said("GET", f"/facts/{fact['id']}", 404)
    client_of(app, owner.email).post("/facts", {"text": "Mine.", "scope": {"kind": "project", "id": id}}, status=404)

    remember(program, "I live in Bern.")
    answer = ask(program, "When?")
    assert "nine" not in sent_with(program, answer)
    with app.app_context(), write() as session:
        chat = session.query(Chat).one()
        chat.project_id, chat_id = id, chat.id
    text = sent_with(program, ask(program, "When now?", chat_id))
    assert "nine" in text
    assert "Bern" in text
    with app.app_context(), write() as session:
        session.get_one(Chat, chat_id).is_for_project = True
    text = sent_with(program, ask(program, "And now?", chat_id))
    assert "nine" in text
    assert "Bern" not in text
    # Someone who isn't in the project reads the chat too.
    with app.app_context(), write() as session:
        session.add(Grant(object_kind="chat", object_id=chat_id, user_id=owner.person_id, right="view"))
    assert sent_with(program, ask(program, "And with them?", chat_id)) == ""


def test_an_account_takes_its_facts_along(app: Flask, program: Client, member) -> None:
    from webapp.chat.facts.tables import Fact

    id = project_of(app, member.person_id)
    remember(program, "The boat leaves at nine.", scope={"kind": "project", "id": id})
    remember(program, "I live in Bern.")
    with app.app_context(), write() as session:
        session.delete(session.get_one(Project, id))
    assert [fact["text"] for fact in program.get("/facts")["facts"]] == ["I live in Bern."]
    with app.app_context():
        with write() as session:
            session.delete(session.get_one(User, member.person_id))
        assert db.session.query(Fact).count() == 0
