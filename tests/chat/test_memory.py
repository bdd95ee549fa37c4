"""The conversation memory: off by default, private to a person, quoted in other chats, and deleted with the message."""

import pytest
from sqlalchemy import insert

from tests.api.client import client_of
from tests.chat.conftest import address, give, id_of
from tests.chat.library import ask, given
from tests.support.marks import also_on_postgres
from tests.support.waiting import seen
from webapp.base.db import write
from webapp.chat.record.tables import Message
from webapp.settings.service import set_setting

ANSWER = "The xylograph is cleaned with turpentine."
QUESTION = "How was the xylograph cleaned?"


@pytest.fixture
def program(app, member):
    with app.app_context():
        # So that no search times out on a slow machine.
        set_setting("knowledge.search_seconds", "60")
    return client_of(app, member.email)


def remembered(program, count: int) -> list[dict]:
    """Returns the documents of the memory once there are this many, all of them ready."""
    return seen(lambda: memory_of(program), lambda found: [document["state"] for document in found] == ["ready"] * count)


def memory_of(program) -> list[dict]:
    mine = [
        collection for collection in program.get("/collections")["collections"] if collection["name"] == "Conversation memory"
    ]
    return [row for collection in mine for row in program.get(f"/collections/{collection['id']}/documents")["documents"]]


@pytest.mark.slow
def test_an_answer_is_quoted_in_other_chats_until_it_is_deleted(member, stranger, answered, program, fake):
    before = answered(member)
    assert program.get("/me")["remembers"] is False
    ask(member, before, "Before", fake, says="The xylograph was dusty before.")
    assert "Saved." in member.submit("/settings/memory", remembers="on").text
    page = ask(member, before, "And the xylograph?", fake, says=ANSWER)
    assert len(remembered(program, 1)) == 1

    fake.says("Yes")
    other = answered(member)
    shown = ask(member, other, QUESTION, fake, says="With turpentine [1].")
    assert ANSWER in given(fake, QUESTION)
    assert "dusty" not in given(fake, QUESTION)
    chip = shown.one(".message-text a.cite")
    opened = str(member.get(str(chip.attributes["href"])).location)
    assert opened.endswith(f"/chats/{id_of(before)}#message-{page.message_ids[-1]}")
    # Not quoted: in the chat itself, which contains it, in chats of other people, and in chats that others can read.
    ask(member, before, QUESTION, fake)
    assert ANSWER not in given(fake, QUESTION)
    ask(stranger, answered(stranger), QUESTION, fake)
    assert given(fake, QUESTION) == ""
    shared = answered(member)
    give(shared, stranger, "view")
    ask(member, shared, QUESTION, fake)
    assert given(fake, QUESTION) == ""

    shown = member.page(before)
    member.post(address(shown, "Delete", shown.message_ids.index(page.message_ids[-1])))
    found = program.get("/search", query={"q": "turpentine xylograph"})["passages"]
    assert not [document for document in found if ANSWER in document["text"]]
    assert member.page(str(chip.attributes["href"])).says("The document was deleted.")


@pytest.mark.slow
def test_nothing_from_before_is_remembered_when_messages_run_ahead_of_the_clock(app, member, answered, program):
    other = id_of(answered(member))
    with app.app_context(), write() as session:
        # Each is a millisecond later than the one before, so the next ones are later than now.
        session.execute(insert(Message), [{"chat_id": other, "role": "user", "content": "Hello"}] * 900)
    answered(member)
    program.said("PATCH", "/me", 200, {"remembers": True})
    answered(member)
    assert len(remembered(program, 1)) == 1


@pytest.mark.slow
def test_a_chat_is_kept_out_and_a_deleted_one_takes_its_answers_along(member, answered, program, fake):
    assert program.said("PATCH", "/me", 200, {"remembers": True})["remembers"] is True
    first, second = answered(member), answered(member)
    remembered(program, 2)

    out = program.said("PATCH", f"/chats/{id_of(first)}", 200, {"is_forgotten": True})
    assert out["is_forgotten"] is True
    remembered(program, 1)
    ask(member, first, "Again", fake, says=ANSWER)
    program.said("DELETE", f"/chats/{id_of(second)}", 204)
    assert memory_of(program) == []
    program.said("PATCH", f"/chats/{id_of(first)}", 200, {"is_forgotten": False})
    assert len(remembered(program, 2)) == 2


@pytest.mark.slow
def test_nobody_else_is_let_in(app, owner, member, stranger, answered, program, fake):
    program.said("PATCH", "/me", 200, {"remembers": True})
    path = answered(member)
    ask(member, path, "And the xylograph?", fake, says=ANSWER)
    document = next(memory["id"] for memory in remembered(program, 2) if "turpentine" in text_of(program, memory["id"]))
    (mine,) = program.get("/collections")["collections"]
    said = program.said("PUT", f"/collections/{mine['id']}/grants", 403, {"to": "everyone", "right": "read"})
    assert said["detail"] == "Your conversation memory is yours alone."

    question = {"q": "turpentine xylograph"}
    assert program.get("/search", query=question)["passages"]
    for person in (owner, stranger):
        others = client_of(app, person.email)
        for place in (f"collections/{mine['id']}", f"documents/{document}", f"documents/{document}/text"):
            others.said("GET", f"/{place}", 404)
        assert others.get("/collections")["collections"] == others.get("/search", query=question)["passages"] == []
    # Nor can an admin who searches as this person: that shows what others can be granted, but no conversations.
    admin = client_of(app, owner.email)
    assert admin.get("/search", query={**question, "as": member.person_id})["passages"] == []
    as_member = {"as": member.person_id, "collection": mine["id"]}
    assert admin.get("/search", query={**question, **as_member})["passages"] == []
    tried = owner.page(f"/knowledge/try?q=turpentine+xylograph&as={member.person_id}")
    assert tried.says("Nothing in their documents")
    assert ANSWER not in tried.text
    assert member.page("/knowledge/try?q=turpentine+xylograph").all(".found a")


def text_of(program, document: str) -> str:
    return str(program.call("GET", f"/documents/{document}/text", buffered=True).get_data(as_text=True))


@pytest.mark.slow
@also_on_postgres
def test_admins_turn_it_on_for_everyones_assistant_chats(app, member, stranger, answered, program, fake):
    notice = "turned it on for everyone's chats in the assistant API"
    assert not member.page("/settings/memory").says(notice)
    program.post("/ai/chat", {"message": "Before"})
    answered(member)
    with app.app_context():
        set_setting("prompts.assistant_memory", "true")
    assert member.page("/settings/memory").says(notice)
    assert (program.get("/me")["remembers"], program.get("/me")["remembers_assistants"]) == (False, True)

    # Only what is said from now on, in chats of the assistant API; others stay out.
    ask(member, answered(member), "And the xylograph?", fake, says="It was dusty.")
    fake.says(ANSWER)
    session = program.post("/ai/chat", {"message": "And the xylograph?"})["session_id"]
    remembered(program, 1)
    fake.says("With turpentine [1].")
    program.post("/ai/chat", {"message": QUESTION})
    assert ANSWER in given(fake, QUESTION)
    ask(member, answered(member), QUESTION, fake)
    assert given(fake, QUESTION) == ""
    client_of(app, stranger.email).post("/ai/chat", {"message": QUESTION})
    assert given(fake, QUESTION) == ""

    # A person keeps a chat out.
    assert member.page(f"/chats/{session}/prompts").says("Keep this chat out of my conversation memory")
    program.said("PATCH", f"/chats/{session}", 200, {"is_forgotten": True})
    remembered(program, 1)
    program.post("/ai/chat", {"message": QUESTION})
    assert ANSWER not in given(fake, QUESTION)
