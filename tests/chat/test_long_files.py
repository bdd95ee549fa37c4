"""Long files in chats: each becomes a document in a collection of its chat, with the permissions of the chat."""

import io
import zipfile

import pytest
from flask import Flask
from markupsafe import Markup
from sqlalchemy import delete, select

from tests.api.client import client_of
from tests.chat.conftest import address, ended, ended_with, give, id_of
from tests.chat.library import given
from tests.chat.manuals import (
    FACT,
    NAME,
    QUESTION,
    be_patient,
    counts,
    found_by,
    is_read,
    manual,
    sent,
    told,
    words_of_file,
)
from tests.chat.test_files import uploaded
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.upstream.handle import Upstream
from webapp.base.db import db, write
from webapp.chat import erasing
from webapp.chat.files.attachments import folded, parted
from webapp.chat.messages import chats
from webapp.chat.messages.source_search import WHOLE
from webapp.chat.record import sharing
from webapp.chat.record.tables import Chat, Message
from webapp.knowledge import trash
from webapp.knowledge.answer_sources import spread
from webapp.knowledge.documents import chat_files
from webapp.knowledge.tables import Document
from webapp.people.accounts.queries import user_by_email
from webapp.people.accounts.tables import Grant, PersonAuthor, User
from webapp.people.members.service import Inheritance, delete_person
from webapp.settings.service import set_setting

MANY = "\n\n".join(f"# Part {number}\n\n" + f"Wheel w{number} turns slowly. " * 30 for number in range(40))


@pytest.fixture(autouse=True)
def patient(app: Flask, owner: Browser) -> None:
    be_patient(app)


@pytest.mark.slow
@also_on_postgres
def test_a_long_file_is_read_quoted_and_opened_by_whoever_sees_the_chat(
    app: Flask, owner: Browser, member: Browser, stranger: Browser, fake: Upstream
) -> None:
    fake.says("Nineteen months [1].")
    chat = sent(owner)
    assert FACT in given(fake, f"{QUESTION}\n\n[File: {NAME}]")
    page = owner.page(chat)
    assert page.one(".message-text .cite").text() == "1"
    assert page.one(".long-file a").text() == NAME
    assert "passage" in words_of_file(page)
    assert page.one(".reads-from a").text() == NAME
    document = str(page.one(".long-file a").attributes["href"])
    assert owner.page(document).says(FACT)
    # It is found in its chat, and not among the collections listed on *Knowledge*.
    assert (found_by(owner, chat), found_by(member, chat), found_by(owner)) == (["pump manual"], [], [])
    collection = str(page.one(".reads-from a").attributes["href"])
    assert not owner.page("/knowledge?q=orrery").says("Orrery pump")
    assert owner.page(f"{collection}?q=orrery").says("Orrery pump")
    assert owner.page(collection).says("Everyone who can see the chat")
    assert [owner.get(f"{collection}/people").status_code, owner.post(f"{collection}/delete").status_code] == [403, 403]

    # A person finds it as long as they can read the chat, and can't change it.
    give(chat, member, "write")
    assert (found_by(member, chat), found_by(member)) == (["pump manual"], [])
    assert member.page(document).says(FACT)
    assert member.post(f"{document}/delete").status_code == 403
    member.post(f"{chat}/messages", message="And how long is the warranty of the Orrery?")
    member.wait_for(chat, ended_with(4))
    assert FACT in given(fake, "And how long is the warranty of the Orrery?")
    assert member.page(f"/messages/{page.message_ids[-1]}/sources").says(FACT)
    with app.app_context(), write() as session:
        session.execute(delete(Grant).where(Grant.object_kind == "chat"))
    assert (found_by(member, chat), found_by(stranger, chat)) == ([], [])
    assert [browser.get(document).status_code for browser in (member, stranger)] == [404, 404]
    assert found_by(owner, chat) == ["pump manual"]


@pytest.mark.slow
def test_what_the_whole_team_may_open_is_found_in_its_chat_alone(
    app: Flask, owner: Browser, member: Browser, fake: Upstream
) -> None:
    fake.says("Nineteen months [1].")
    chat = sent(owner)
    with app.app_context():
        sharing.open_to_team(db.session.get_one(Chat, id_of(chat)), author=PersonAuthor(user_by_email(owner.email)))
    assert member.page(f"/messages/{member.page(chat).message_ids[-1]}/sources").says(FACT)
    assert (found_by(member), found_by(member, chat)) == ([], ["pump manual"])
    assert not member.page("/knowledge").says(NAME)
    owners = client_of(app, owner.email)
    (id,) = owners.get(chat)["collection_ids"]
    # Nor can an admin who searches as another person.
    for query in (f"q=orrery&as={member.person_id}", f"q=orrery&as={member.person_id}&collection={id}", "q=orrery"):
        assert owners.get(f"/search?{query}")["passages"] == [], query


@pytest.mark.slow
def test_a_file_that_is_asked_about_as_a_whole_is_given_in_parts(app: Flask, owner: Browser, fake: Upstream) -> None:
    fake.says("It is about wheels [1].")
    chat = sent(owner, "", content=MANY.encode(), name="wheels.md")
    first = told(fake, "[File: wheels.md]")
    assert ("w0 turns" in first, "w39 turns" in first) == (True, True)
    assert "Of “wheels.md”, which is too long to be sent whole, you have parts alone" in first
    fake.says("Wheels [1].")
    owner.post(f"{chat}/messages", message="Please summarise the file")
    owner.wait_for(chat, ended_with(4))
    assert "w39 turns" in told(fake, "Please summarise the file")
    owner.post(f"{chat}/messages", message="What of wheel w17?")
    owner.wait_for(chat, ended_with(6))
    asked = told(fake, "What of wheel w17?")
    assert ("w17 turns" in asked, "w39 turns" in asked, "parts alone" in asked) == (True, False, False)
    fake.says("It is a manual [1].")
    sent(owner, "Sum it up", f"{chat}/messages", name="other.docx")
    assert "Grease is kept" in given(fake, "Sum it up\n\n[File: other.docx]")
    assert owner.page(chat).one(".reads-from a").text() == "wheels.md and 1 more file"
    with app.app_context(), write() as session:
        first = session.scalars(select(Document.hash).where(Document.name == "wheels.md")).one()
        chat_files.mark_file_for_deletion(session, id_of(chat), first)
    assert owner.page(chat).one(".reads-from a").text() == "other.docx"


def test_parts_are_spread_over_the_whole() -> None:
    assert spread(40, 12) == [0, 1, 2, 5, 10, 15, 20, 24, 29, 34, 39]
    assert spread(40, 3) == [0, 20, 39]
    assert [spread(count, 12) for count in (1, 3)] == [[0], [0, 1, 2]]
    assert spread(5, 1) == [0, 4]
    assert all(map(WHOLE.search, ("Summarise it", "sum this up", "Fass das bitte zusammen", "TL;DR?", "un résumé")))
    assert not any(map(WHOLE.search, ("How much is the sum?", "When is it due?")))


def test_one_for_which_there_is_no_room_is_refused_with_its_message(app: Flask, owner: Browser) -> None:
    with app.app_context():
        set_setting("knowledge.collection_characters", "4000")
    block = uploaded(owner, b"word " * 2_000, "long.txt").get_json()["block"]
    refused = owner.post("/chats", message="See", part=block)
    assert refused.status_code == 422
    assert refused.says("has no room for this")
    assert counts(app) == [0, 0, 0, 0]


@pytest.mark.slow
def test_a_branch_reads_its_files_itself(app: Flask, owner: Browser, member: Browser, fake: Upstream) -> None:
    fake.says("Nineteen months [1].")
    chat = sent(owner)
    give(chat, member, "view")
    branches = {}
    for person in (owner, member):
        page = person.page(chat)
        branches[person] = str(person.post(address(page, "Branch into new chat")).location).partition("#")[0]
        is_read(person, branches[person])
        assert [link.text() for link in person.page(branches[person]).all(".reads-from a")] == [NAME]
    with app.app_context():
        set_setting("knowledge.person_characters", "4000")
    full = str(owner.post(address(owner.page(chat), "Branch into new chat")).location).partition("#")[0]
    assert "has no room for this" in words_of_file(owner.page(full))
    with app.app_context():
        set_setting("knowledge.person_characters", "0")
        erasing.erase(Chat.id == id_of(chat))
    assert found_by(owner, branches[owner]) == ["pump manual"]
    assert (found_by(member, branches[member]), found_by(member, branches[owner])) == (["pump manual"], [])


@pytest.mark.slow
@also_on_postgres
def test_its_chat_takes_it_along(app: Flask, owner: Browser, fake: Upstream) -> None:
    fake.says("Nineteen months [1].")
    chat = sent(owner)
    document = str(owner.page(chat).one(".long-file a").attributes["href"])
    with app.app_context():
        chats.trash(db.session.get_one(Chat, id_of(chat)))
    assert (found_by(owner, chat), owner.get(document).status_code) == ([], 404)
    assert not owner.page("/knowledge").says(NAME)
    with app.app_context():
        chats.restore(db.session.get_one(Chat, id_of(chat)))
    assert found_by(owner, chat) == ["pump manual"]
    # Permanently, even where the trash is never emptied automatically.
    with app.app_context():
        set_setting("trash.days", "0")
        erasing.erase(Chat.id == id_of(chat))
    assert counts(app) == [0, 0, 0, 0]


@pytest.mark.slow
def test_a_temporary_chat_leaves_nothing_of_it(app: Flask, owner: Browser, fake: Upstream) -> None:
    fake.says("Nineteen months [1].")
    block = uploaded(owner, manual(), NAME).get_json()["block"]
    chat = str(owner.post("/chats", message=QUESTION, part=block, temporary="y").location).partition("#")[0]
    owner.wait_for(chat, ended)
    assert FACT in given(fake, f"{QUESTION}\n\n[File: {NAME}]")
    assert (found_by(owner), found_by(owner, chat)) == ([], ["pump manual"])
    with app.app_context():
        chats.trash(db.session.get_one(Chat, id_of(chat)))
    assert counts(app) == [0, 0, 0, 0]


@pytest.mark.slow
def test_it_goes_with_its_message_and_with_its_person(app: Flask, owner: Browser, member: Browser, fake: Upstream) -> None:
    fake.says("Nineteen months [1].")
    chat = sent(member)
    assert counts(app)[:2] == [1, 1]
    question = member.page(chat).message_ids[0]
    with app.app_context():
        with write() as session:
            session.get_one(Chat, id_of(chat)).head_id = None
            session.get_one(Message, question).deleted_at = session.get_one(Chat, id_of(chat)).created_at
        erasing.erase_branches(Message.id == question)
        trash.empty()
    assert counts(app) == [1, 0, 0, 0]
    sent(member)
    with app.app_context():
        people = {user.email: user for user in db.session.scalars(select(User))}
        to = Inheritance(owner.person_id, ("collections",))
        delete_person(people[member.email], member.email, author=PersonAuthor(people[owner.email]), to=to)
    assert counts(app) == [0, 0, 0, 0]


@pytest.mark.slow
def test_programs_send_long_files_and_exports_have_them(app: Flask, owner: Browser, member: Browser, fake: Upstream) -> None:
    fake.says("Nineteen months [1].")
    program, content = client_of(app, owner.email), manual()
    form = {"file": (io.BytesIO(content), NAME)}
    made = program.client.post(
        "/api/v1/files", data=form, headers=program.headers, content_type="multipart/form-data", buffered=True
    ).get_json()
    assert (made["kind"], made["bytes"]) == ("document", len(content))
    begun = program.post("/chats", {"message": QUESTION, "file_ids": [made["id"]]}, status=201)
    chat = f"/chats/{begun['chat']['id']}"
    owner.wait_for(chat, ended)
    (id,) = program.get(chat)["collection_ids"]
    about = program.get(f"/collections/{id}")
    assert (about["chat_id"], about["name"], about["documents"]) == (begun["chat"]["id"], NAME, 1)
    assert program.get("/collections")["collections"] == []
    program.said("PUT", f"/collections/{id}/grants", 403, {"to": "everyone"})
    program.said("PATCH", f"/collections/{id}", 403, {"level": 2})
    # It stays attached, whatever other collections the chat is set to read from.
    for wanted in ([], [id]):
        program.call("PATCH", chat, {"collection_ids": wanted})
        assert program.get(chat)["collection_ids"] == [id]
    assert program.call("GET", f"/files/{made['id']}").data == content
    sources = program.get(f"{chat}/messages")["messages"][-1]["sources"]
    assert sources[0]["title"] == "pump manual"
    with zipfile.ZipFile(io.BytesIO(owner.client.get("/export.zip").data)) as archive:
        (kept,) = [name for name in archive.namelist() if name.startswith("files/")]
        assert archive.read(kept) == content
    page = owner.client.get(f"{chat}/export.html").text
    assert (NAME in page, "/files/" in page, "/knowledge/" in page) == (True, False, False)


def test_references_to_files_come_apart_again() -> None:
    content = f"See\n\n[plan.pdf](/files/{'1' * 26})\n\n![dot.png](/files/{'2' * 26})"
    typed, (plan, dot) = parted(content)
    assert (typed, plan.name, plan.is_long, dot.is_long) == ("See", "plan.pdf", True, False)
    html = str(folded(Markup("<p>See</p>"), content))
    assert html.index("long-file") < html.index("pictures")
    # As in an imported chat, whose file is missing.
    assert "Send it again to have it read" in html
    assert "href" not in html.partition("pictures")[0]
