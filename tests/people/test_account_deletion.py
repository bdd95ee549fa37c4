"""Deleting one's account: none of its texts remain anywhere in the database."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from tests.support.browser import Browser
from tests.support.page import Page
from tests.support.people import PASSWORD
from webapp.base.db import write
from webapp.chat.record.tables import Message
from webapp.tools.questions import AskedField, ServerQuestion
from webapp.tools.tables import Call

CANARY = "kingfisher"


def everything(folder: Path) -> str:
    """Returns every value of every table, including the search index."""
    with closing(sqlite3.connect(folder / "millrace.sqlite3")) as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return "\n".join(str(row) for name in names for row in database.execute(f'SELECT * FROM "{name}"'))


def active(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "millrace.sqlite3")) as database:
        query = "SELECT count(*) FROM generations WHERE status IN ('queued', 'running')"
        return int(database.execute(query).fetchone()[0])


def is_answered(page: Page) -> bool:
    return bool(page.all('article[data-status="completed"][data-role="assistant"]'))


@pytest.mark.slow
def test_nothing_of_it_is_left(app: Flask, member: Browser, stranger: Browser, tmp_path: Path) -> None:
    chat = member.submit("/", message=f"What does a {CANARY} eat?").path
    member.wait_for(chat, is_answered)
    member.post(f"{chat}/rename", title=f"The {CANARY}")
    member.post(f"{chat}/draft", message=f"And where does a {CANARY} sleep?")
    member.post("/draft", message=f"Another {CANARY}")
    member.submit("/settings/memory", instructions=f"Speak like a {CANARY}.")
    member.submit("/", message=f"A {CANARY} for the trash")
    answer = member.page(chat).message_ids[-1]
    with app.app_context(), write() as session:
        session.add(
            Call(
                message_id=answer,
                round=1,
                number=0,
                upstream_id="c",
                tool="read_page",
                title=f"Read of the {CANARY}",
                arguments=f'{{"address": "https://{CANARY}.example"}}',
                state="done",
                policy="allow",
                text=f"A {CANARY} eats fish.",
            )
        )
        session.get_one(Message, answer).call_count = 1
    assert everything(tmp_path).count(CANARY) >= 8
    member_id = member.person_id
    theirs = stranger.submit("/", message="I stay.").path
    theirs_answer = stranger.wait_for(theirs, is_answered).message_ids[-1]
    question = ServerQuestion("Which?", (AskedField("it", "It", "", "text", True),)).answered(
        "accept", {"it": CANARY}, member.person_id
    )
    with app.app_context(), write() as session:
        about = {"tool": "own.ask", "title": "Ask", "arguments": "{}", "state": "done", "policy": "allow"}
        place = {"message_id": theirs_answer, "round": 1, "number": 0, "upstream_id": "c"}
        session.add(Call(**place, **about, question=question.record, decision="answer", decided_by=member.person_id))
    member.submit("/", message=f"An answer about a {CANARY} that is still being written")
    assert active(tmp_path)

    page = member.page("/account/data").form("Delete my account").submit(password=PASSWORD)

    assert page.heading == "Your account is deleted"
    assert member.get("/").location.startswith("/login")
    left = everything(tmp_path)
    assert CANARY not in left
    # An answer that was still being written has ended: it stores nothing any more.
    assert active(tmp_path) == 0
    assert "I stay." in left
    # The audit log says what happened, without the email.
    assert member.email not in left
    assert f"deleted account {member_id[-6:]}" in left
