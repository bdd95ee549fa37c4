"""Collections of prompts: answers and chats that use a prompt read from them, with the permissions of the person who asks."""

import pytest
from sqlalchemy import delete

from tests.api.client import client_of
from tests.chat.conftest import ended
from tests.chat.library import FRIDAY, Library, ask, given
from tests.prompts.test_pages import audited
from tests.upstream.fixtures import app
from webapp.base.db import db
from webapp.people.accounts.tables import Grant
from webapp.prompts.tables import Prompt

__all__ = ["app"]
QUESTION = "When is a bearing oiled?"


def reads_from(program, chat: str) -> list[str]:
    return list(program.get(f"/chats/{chat}")["reads_from"])


@pytest.mark.slow
def test_what_leads_chats_reads_as_far_as_who_asks_may_see(app, owner, member, stranger, fake):
    library = Library(app, owner)
    pumps = library.collection(("Pumps", [FRIDAY]), to=member.person_id)
    page = owner.submit("/prompts/quick", collections=pumps)
    assert page.says("Answers use these collections from now on.")
    # Its text is still the shipped one.
    assert "In use: version 1" in page.text
    assert "chose the collections of a prompt: quick 1 collection" in audited(app)

    for person, is_given in ((member, True), (stranger, False)):
        home = person.page("/")
        assert bool(home.all(".reads-from")) == is_given
        fake.says("Well.")
        question = f"{QUESTION} says {person.email}"
        chat = person.post("/chats", message=question).location.partition("#")[0]
        fake.until(lambda log, question=question: any(question in str(entry["body"]) for entry in log))
        assert (FRIDAY in given(fake, question)) == is_given
        program = client_of(app, person.email)
        assert reads_from(program, chat.rpartition("/")[2]) == [pumps] * is_given
        assert program.get(f"/chats/{chat.rpartition('/')[2]}")["collection_ids"] == []

    # A revoked grant and an admin's change take effect with the next answer.
    library.change(lambda session: session.execute(delete(Grant)))
    chat = client_of(app, member.email).post("/chats", {}, status=201)["chat"]["id"]
    ask(member, f"/chats/{chat}", "And when is a bearing oiled now?", fake)
    assert given(fake, "And when is a bearing oiled now?") == ""
    owner.post("/prompts/quick/collections")
    assert not owner.page("/").all(".reads-from")


@pytest.mark.slow
def test_a_prompt_of_the_library_takes_its_collections_into_the_chat(app, member, stranger, fake):
    library = Library(app, member)
    pumps, wheels = library.collection(("Pumps", [FRIDAY])), library.collection(("Wheels", ["A wheel turns."]))
    path = member.submit("/prompts/new", key="pump", text="Answer about pumps.").path
    program, others = client_of(app, member.email), client_of(app, stranger.email)
    member.post(f"{path}/collections", collections=pumps)
    member.post(f"{path}/share", open="y")

    # It is attached to a new chat, and added to those of an existing one.
    begun = member.page(member.post("/chats", message=f"/pump {QUESTION}").location)
    assert begun.textbox("Message").value == f"Answer about pumps.\n\n{QUESTION}"
    assert program.get("/chats")["chats"] == []
    fake.says("Hm.")
    chat = member.wait_for(begun.press("Send").path, ended).path.rpartition("/")[2]
    ask(member, f"/chats/{chat}", QUESTION, fake, says="On Friday [1].")
    assert FRIDAY in given(fake, QUESTION)
    there = program.post("/chats", {"collection_ids": [wheels]}, status=201)["chat"]["id"]
    for _ in range(2):
        member.post(f"/chats/{there}/messages", message="/pump")
        assert program.get(f"/chats/{there}")["collection_ids"] == [wheels, pumps]

    # A person who can't read them gets only the prompt's text.
    assert stranger.post("/chats", message="/pump").location.partition("?")[0] == "/"
    assert stranger.page(path).all("#reads") == []
    theirs = others.post("/chats", {}, status=201)["chat"]["id"]
    stranger.post(f"/chats/{theirs}/messages", message="/pump")
    assert others.get(f"/chats/{theirs}")["collection_ids"] == []


def test_the_api_attaches_what_its_caller_sees(app, owner, member):
    theirs = Library(app, member).collection()
    owners = Library(app, owner).collection()
    admin, program = client_of(app, owner.email), client_of(app, member.email)
    program.post("/prompts", {"key": "pump"}, status=201)
    put = program.said("PUT", "/prompts/pump/collections", 200, {"collection_ids": [theirs, theirs]})
    assert put["collection_ids"] == [theirs]
    for ids, status in (([owners], 404), (["0" * 26], 404), (["x"] * 21, 422)):
        program.said("PUT", "/prompts/pump/collections", status, {"collection_ids": ids})
    program.said("PUT", "/prompts/quick/collections", 404, {"collection_ids": []})
    client_of(app, owner.email, "chat").said("PUT", "/prompts/quick/collections", 403, {"collection_ids": []})
    refused = admin.said("PUT", "/prompts/title/collections", 409, {"collection_ids": [owners]})
    assert "it can't have collections" in refused["detail"]

    # Collections attached by others are neither shown nor removed, until they are permanently deleted.
    with app.app_context():
        db.session.add(Prompt(owner_id=None, key="quick", collection_ids=[theirs, "gone"]))
        db.session.commit()
    assert admin.get("/prompts/quick")["collection_ids"] == []
    assert admin.said("PUT", "/prompts/quick/collections", 200, {"collection_ids": [owners]})["collection_ids"] == [owners]
    with app.app_context():
        row = db.session.query(Prompt).filter_by(key="quick", owner_id=None).one()
        assert row.collection_ids == [owners, theirs]
    listed = {prompt["key"]: prompt["collection_ids"] for prompt in admin.get("/prompts")["prompts"]}
    assert listed["quick"] == [owners]

    # Published versions are numbered after the shipped one; a reset also removes the collections.
    assert admin.post("/prompts/quick/versions", {"sections": [{"text": "Be brief."}]}, status=201)["version"] == 2
    assert admin.get("/prompts/quick")["collection_ids"] == [owners]
    admin.said("DELETE", "/prompts/quick", 204)
    assert admin.get("/prompts/quick")["collection_ids"] == []
