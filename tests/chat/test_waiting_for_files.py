"""Answers that wait for the long files of their chat: until the timeout, until they are stopped, and after a restart."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import select, update

from tests.chat.conftest import address, asked, ended, ended_with, id_of, statuses, texts
from tests.chat.library import given
from tests.chat.manuals import FACT, QUESTION, be_patient, begun, is_read, sent, told, until_read, words_of_file
from tests.chat.test_files import uploaded
from tests.support.browser import Browser
from tests.upstream.handle import Upstream
from webapp.base.db import db, write
from webapp.base.heavy import child
from webapp.chat.feature import FEATURE as CHATS
from webapp.chat.files import storage
from webapp.chat.files.tables import StoredFile
from webapp.chat.messages.source_search import SourceAfterFiles
from webapp.chat.record import variables
from webapp.chat.record.tables import Chat
from webapp.engine.engine import ENGINE
from webapp.knowledge.feature import FEATURE as KNOWLEDGE
from webapp.knowledge.tables import Document, DocumentPart, Passage
from webapp.settings.service import set_setting

# A text file is uploaded without a reader process.
TEXT = f"{'Grease is kept in the cellar. ' * 100}\n\n{FACT}\n\n{'Bolts are counted. ' * 40}".encode()
FOLLOWING = "And the warranty of the Orrery?"


@pytest.fixture(autouse=True)
def patient(app: Flask, owner: Browser) -> None:
    be_patient(app)


@contextmanager
def nothing_read() -> Iterator[None]:
    """Occupies every place for a reader process, so that no file is read inside the block."""
    with child._long.entered("ada"), child._long.entered("ben"):
        yield


@pytest.mark.slow
def test_an_answer_waits_no_longer_than_it_may_and_says_so(app: Flask, owner: Browser, fake: Upstream) -> None:
    fake.says("I can't say.")
    with app.app_context():
        set_setting("files.reading_seconds", "0")
    with nothing_read():
        chat = sent(owner, content=TEXT, name="manual.txt")
        page = owner.page(chat)
        assert page.says("manual.txt: not read in time")
        assert "Waiting" in words_of_file(page) or "Reading" in words_of_file(page)
    assert "can't be quoted now" in told(fake, f"{QUESTION}\n\n[File: manual.txt]")
    shown = owner.page(str(page.all("a.sent-link")[-1].attributes["href"]))
    assert shown.says("Files that were not read")
    is_read(owner, chat)
    fake.says("Nineteen months [1].")
    owner.post(chat + "/messages", message=FOLLOWING)
    owner.wait_for(chat, ended_with(4))
    assert FACT in given(fake, FOLLOWING)
    assert "can't be quoted now" not in told(fake, FOLLOWING)


@pytest.mark.slow
def test_it_can_be_stopped_while_it_waits_and_asked_again(app: Flask, owner: Browser, fake: Upstream) -> None:
    fake.says("Nineteen months [1].")
    with nothing_read():
        chat = begun(owner, content=TEXT, name="manual.txt")
        owner.wait_for(chat, lambda page: statuses(page)[-1:] in (["queued"], ["thinking"]))
        running = next(iter(ENGINE.of(app).live))
        assert owner.post(f"/generations/{running}/stop").status_code in (200, 303)
        page = owner.wait_for(chat, ended)
        assert (statuses(page)[-1], asked(fake)) == ("stopped", [])
    owner.post(address(page, "Try again"))
    page = owner.wait_for(chat, lambda page: ended(page) and statuses(page)[-1] == "completed")
    assert texts(page)[-1] == "Nineteen months 1."
    assert FACT in given(fake, f"{QUESTION}\n\n[File: manual.txt]")


@pytest.mark.slow
def test_what_a_killed_server_left_behind_is_read_in_the_end(app: Flask, owner: Browser, fake: Upstream) -> None:
    fake.says("Nineteen months [1].")
    chat = sent(owner)
    for state in ("arriving", "reading"):
        with app.app_context(), write() as session:
            for table in (Passage, DocumentPart) if state == "arriving" else (Passage,):
                for row in session.scalars(select(table)):
                    session.delete(row)
            session.execute(update(Document).values(state=state, passages=0, edition=0, claim="dead"))
        with app.app_context():
            # Does what the start of a server does.
            for resume in (*CHATS.resumes, *KNOWLEDGE.resumes):
                resume()
        until_read(app)
        is_read(owner, chat)


def test_a_file_that_is_gone_says_so_and_the_model_is_told(app: Flask, owner: Browser, fake: Upstream) -> None:
    fake.says("I can't say.")
    block = uploaded(owner, TEXT, "manual.txt").get_json()["block"]
    with app.app_context():
        storage.path_of(db.session.scalars(select(StoredFile.hash)).one()).unlink()
    chat = str(owner.post("/chats", message=QUESTION, part=block).location)
    page = owner.wait_for(chat, ended)
    assert "Send it again" in words_of_file(page)
    assert "manual.txt: This file no longer exists" in told(fake, f"{QUESTION}\n\n[File: manual.txt]")


def test_nothing_is_late_that_was_not_asked_yet(app: Flask) -> None:
    late = SimpleNamespace(check_timeout=lambda: "first_byte")
    waiting = SourceAfterFiles(ENGINE.of(app), "", lambda: None, lambda _: late, late)
    assert waiting.check_timeout() == ""


@pytest.mark.slow
def test_variables_that_count_are_the_same_after_the_wait(app: Flask, owner: Browser, fake: Upstream) -> None:
    fake.says("Nineteen months [1].")
    fields = {"name": "Mara", "description": "Turn {{incvar::turns}}.", "greeting": "Hello."}
    chat = owner.submit("/characters/new", **fields).press("Chat with Mara").path
    sent(owner, "{{setvar::mood::glad}}How long?", f"{chat}/messages", content=TEXT, name="manual.txt")

    assert "Turn 1." in told(fake, asked(fake)[-1]["body"]["messages"][-1]["content"])
    with app.app_context():
        assert variables.variables_at(db.session.get_one(Chat, id_of(chat)).head_id) == {"mood": "glad", "turns": "1"}
