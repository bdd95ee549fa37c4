"""Long files in chats: each becomes a document of its chat's own collection, which follows the right to the chat."""

import io
import zipfile
from collections.abc import Sequence

import pytest
from flask import Flask
from markupsafe import Markup
from sqlalchemy import delete, func, select

from tests.api.client import client_of
from tests.chat.conftest import address, ended, ended_with, give, id_of
from tests.chat.library import Library, given
from tests.chat.test_files import uploaded
from tests.knowledge.office import docx, paragraph
from tests.support.browser import Browser
from tests.upstream.handle import Upstream
from webapp.accounts.people import delete_person
from webapp.accounts.tables import Grant, User
from webapp.chat.keeping import erasing
from webapp.chat.list import service as listing
from webapp.chat.messages.attached import folded, parted
from webapp.chat.tables import Chat, Message
from webapp.db import db, write
from webapp.knowledge import trash
from webapp.knowledge.search import search
from webapp.knowledge.tables import Collection, Document, DocumentPart, Passage
from webapp.settings.service import set_setting

# The one thing in it that is worth a question.
FACT = "The warranty of the Orrery pump lasts nineteen months."
QUESTION = "How long is the warranty?"
NAME = "pump manual.docx"


@pytest.fixture(autouse=True)
def patient(app: Flask, owner: Browser) -> None:
    """However slow the machine is; and what is long need not be."""
    Library(app, owner)
    with app.app_context():
        set_setting("files.reading_seconds", "100")
        set_setting("files.whole_tokens", "500")


def manual(more: str = "") -> bytes:
    before, after = paragraph("Grease is kept in the cellar. " * 100), paragraph(f"Bolts are counted{more}. " * 40)
    return docx(before + paragraph(FACT) + after)


def sent(person: Browser, question: str = QUESTION, path: str = "/chats", *, content: bytes = b"", name: str = NAME) -> str:
    """The address of the chat."""
    told = uploaded(person, content or manual(), name).get_json()
    count = 0 if path == "/chats" else len(person.page(path.removesuffix("/messages")).message_ids)
    chat = str(person.post(path, message=question, part=told["block"]).location).partition("#")[0]
    person.wait_for(chat, ended_with(count + 2))
    return chat


def found_by(person: Browser) -> list[str]:
    with person.app.app_context():
        user = db.session.get_one(User, person.person_id)
        return [each.document.title for each in search(user, "warranty orrery", seconds=60)]


def counts(app: Flask) -> Sequence[int]:
    with app.app_context():
        tables = (Collection, Document, Passage, DocumentPart)
        return [db.session.scalar(select(func.count()).select_from(each)) or 0 for each in tables]


def test_a_long_file_is_read_quoted_and_opened_by_whoever_sees_the_chat(
    app: Flask, owner: Browser, member: Browser, stranger: Browser, fake: Upstream
) -> None:
    fake.says("Nineteen months [1].")
    chat = sent(owner)
    assert FACT in given(fake, f"{QUESTION}\n\n[File: {NAME}]")
    page = owner.page(chat)
    assert page.one(".message-text .cite").text() == "1"
    assert page.one(".long-file a").text() == NAME
    assert "passage" in page.one(".long-file .file__size").text()
    assert page.one(".reads-from a").text() == NAME
    document = str(page.one(".long-file a").attributes["href"])
    assert owner.page(document).says(FACT)
    assert (found_by(owner), found_by(member)) == (["pump manual"], [])
    collection = str(page.one(".reads-from a").attributes["href"])
    assert not owner.page("/knowledge").says(NAME)
    assert owner.page("/knowledge?q=orrery").says("Orrery")
    assert owner.page(collection).says("Whoever may see the chat")
    assert [owner.get(f"{collection}/people").status_code, owner.post(f"{collection}/delete").status_code] == [403, 403]

    # Whoever sees the chat finds it as long as they do, and can't change it.
    give(chat, member, "write")
    assert found_by(member) == ["pump manual"]
    assert member.page(document).says(FACT)
    assert member.post(f"{document}/delete").status_code == 403
    message = page.message_ids[-1]
    assert member.page(f"/messages/{message}/sources").says(FACT)
    with app.app_context(), write() as session:
        session.execute(delete(Grant).where(Grant.object_kind == "chat"))
    assert (found_by(member), found_by(stranger)) == ([], [])
    assert [each.get(document).status_code for each in (member, stranger)] == [404, 404]
    assert found_by(owner) == ["pump manual"]


def test_a_message_that_has_a_file_alone_is_given_how_it_begins(owner: Browser, fake: Upstream) -> None:
    fake.says("It is a manual [1].")
    chat = sent(owner, "")
    assert owner.page(chat).says(NAME)
    assert "Grease is kept" in given(fake, f"[File: {NAME}]")
    fake.says("It is about grease [1].")
    sent(owner, "Sum it up", f"{chat}/messages", content=manual(" twice"), name="other.docx")
    assert "Grease is kept" in given(fake, "Sum it up\n\n[File: other.docx]")
    assert owner.page(chat).one(".reads-from a").text() == f"{NAME} and 1 more file"


def test_an_answer_waits_no_longer_than_it_may_and_says_so(app: Flask, owner: Browser, fake: Upstream) -> None:
    fake.says("I can't say.")
    with app.app_context():
        set_setting("files.reading_seconds", "0")
    chat = sent(owner)
    assert owner.page(chat).says(f"{NAME}: not read in time")
    owner.wait_for(chat, lambda page: "passage" in page.one(".long-file .file__size").text())
    fake.says("Nineteen months [1].")
    owner.post(chat + "/messages", message="And the warranty of the Orrery?")
    owner.wait_for(chat, ended_with(4))
    assert FACT in given(fake, "And the warranty of the Orrery?")


def test_one_for_which_there_is_no_room_is_refused_with_its_message(app: Flask, owner: Browser) -> None:
    with app.app_context():
        set_setting("knowledge.collection_characters", "4000")
    told = uploaded(owner, b"word " * 2_000, "long.txt").get_json()
    refused = owner.post("/chats", message="See", part=told["block"])
    assert refused.status_code == 422
    assert refused.says("has no room for this")
    assert counts(app) == [0, 0, 0, 0]


def test_its_chat_takes_it_along(app: Flask, owner: Browser, member: Browser, fake: Upstream) -> None:
    fake.says("Nineteen months [1].")
    chat = sent(owner)
    with app.app_context():
        listing.trash(db.session.get_one(Chat, id_of(chat)))
    assert found_by(owner) == []
    assert not owner.page("/knowledge").says(NAME)
    with app.app_context():
        listing.restore(db.session.get_one(Chat, id_of(chat)))
    assert found_by(owner) == ["pump manual"]
    # A branch reads from the same collection, as its owner may see both; of somebody else's nothing is copied.
    branch = str(owner.post(address(owner.page(chat), "Branch into new chat")).location).partition("#")[0]
    assert owner.page(branch).one(".reads-from a").text() == NAME
    assert "passage" in owner.page(branch).one(".long-file .file__size").text()
    give(chat, member, "view")
    theirs = str(member.post(address(member.page(chat), "Branch into new chat")).location).partition("#")[0]
    assert not member.page(theirs).all(".reads-from")
    assert str(member.page(theirs).one(".long-file a").attributes["href"]).startswith("/files/")

    # For good: also where the trash is never emptied by itself.
    with app.app_context():
        set_setting("trash.days", "0")
        erasing.erase(Chat.id == id_of(chat))
    assert counts(app) == [0, 0, 0, 0]
    assert owner.page(branch).one(".long-file .file__size").text() == "Not read in this chat"


def test_it_goes_with_its_message_and_with_its_person(app: Flask, owner: Browser, member: Browser, fake: Upstream) -> None:
    fake.says("Nineteen months [1].")
    chat = sent(member)
    owners = counts(app)
    assert owners[:2] == [1, 1]
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
        people = {each.email: each for each in db.session.scalars(select(User))}
        delete_person(people[member.email], member.email, by=people[owner.email], heir_id=owner.person_id)
    assert counts(app) == [0, 0, 0, 0]


def test_programs_send_long_files_and_exports_have_them(app: Flask, owner: Browser, fake: Upstream) -> None:
    fake.says("Nineteen months [1].")
    program = client_of(app, owner.email)
    form = {"file": (io.BytesIO(manual()), NAME)}
    made = program.client.post(
        "/api/v1/files", data=form, headers=program.headers, content_type="multipart/form-data", buffered=True
    ).get_json()
    assert (made["kind"], made["bytes"]) == ("document", len(manual()))
    begun = program.post("/chats", {"message": QUESTION, "file_ids": [made["id"]]}, status=201)
    chat = f"/chats/{begun['chat']['id']}"
    owner.wait_for(chat, ended)
    (id,) = program.get(chat)["collection_ids"]
    told = program.get(f"/collections/{id}")
    assert (told["chat_id"], told["name"], told["documents"]) == (begun["chat"]["id"], NAME, 1)
    assert program.get("/collections")["collections"] == []
    program.said("PUT", f"/collections/{id}/grants", 403, {"to": "everyone"})
    program.said("PATCH", f"/collections/{id}", 403, {"level": 2})
    # It stays, whatever else the chat is to read from.
    program.call("PATCH", chat, {"collection_ids": []})
    assert program.get(chat)["collection_ids"] == [id]
    assert program.call("GET", f"/files/{made['id']}").data == manual()
    sources = program.get(f"{chat}/messages")["messages"][-1]["sources"]
    assert sources[0]["title"] == "pump manual"
    with zipfile.ZipFile(io.BytesIO(owner.client.get("/export.zip").data)) as archive:
        (kept,) = [name for name in archive.namelist() if name.startswith("files/")]
        assert archive.read(kept) == manual()
    assert "/files/" not in owner.client.get(f"{chat}/export.html").text


def test_references_to_files_come_apart_again() -> None:
    content = f"See\n\n[plan.pdf](/files/{'1' * 26})\n\n![dot.png](/files/{'2' * 26})"
    typed, (plan, dot) = parted(content)
    assert (typed, plan.name, plan.is_long, dot.is_long) == ("See", "plan.pdf", True, False)
    html = str(folded(Markup("<p>See</p>"), content))
    assert html.index("long-file") < html.index("pictures")
    assert "Not read in this chat" in html
