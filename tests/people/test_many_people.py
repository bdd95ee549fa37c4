"""With thousands of accounts, each page loads as many as it shows, and links to the next page."""

import time

import pytest
from flask import Flask
from sqlalchemy import insert, select

from tests.support.browser import Browser
from tests.support.marks import on_both_databases
from tests.support.people import user_with_password
from tests.support.turns import longest_turn
from webapp.base.db import db, write
from webapp.base.ids import new_id
from webapp.chat.record.tables import Chat
from webapp.knowledge.tables import Collection, Document, TrialQuestion
from webapp.people.accounts import directory
from webapp.people.accounts.tables import Grant, Membership, User

MANY = 130
LINES = ".entries > li"


@pytest.fixture
def crowd(app: Flask) -> list[str]:
    """Inserts many people and returns their ids; names repeat, and some differ only in case."""
    with app.app_context(), write() as session:
        people = [{"id": new_id(), "name": f"{'Pp'[n % 2]}erson {n // 10:02}", "email": f"p{n}@example.org"} for n in range(MANY)]
        session.execute(insert(User), [{**person, "password_hash": "none", "role": "member"} for person in people])
    return [person["id"] for person in people]


def pages(browser: Browser, path: str, selector: str = LINES) -> list[int]:
    """Returns the number of rows on each page of the list."""
    found = []
    page = browser.page(path)
    while True:
        found.append(len(page.all(selector)))
        if not page.has("a", "More people"):
            return found
        page = page.click("More people")


@on_both_databases
def test_everybody_is_listed_once_by_name(app: Flask) -> None:
    with app.app_context():
        for number in range(70):
            user_with_password(f"p{number % 7}.{number}@example.org", "member").name = "aA"[number % 2] + "da" * (number % 3)
        db.session.commit()
        everybody = list(db.session.scalars(select(User.id)))
        found, after = list[str](), ""
        while page := directory.people(after=after, limit=9):
            found += [person.id for person, _ in page]
            after = found[-1]
        assert sorted(found) == sorted(everybody)
        assert [person.id for person, _ in directory.all_people()] == found
        assert [person.email for person, _ in directory.people("ADA p3.")] == [
            person.email for person, _ in directory.all_people() if person.email.startswith("p3.") and "da" in person.name
        ]


@pytest.mark.slow
def test_nobody_waits_until_all_are_listed(app: Flask) -> None:
    with app.app_context(), write() as session:
        people = [{"id": new_id(), "name": f"Person {n}", "email": f"p{n}@example.org"} for n in range(4_000)]
        session.execute(insert(User), [{**person, "password_hash": "none", "role": "member"} for person in people])
    with app.app_context(), longest_turn() as longest:
        began = time.thread_time()
        assert len(list(directory.all_people())) == 4_000
        taken = time.thread_time() - began

    assert longest.seconds < taken / 2


@pytest.mark.slow
def test_the_pages_of_people_and_groups_lead_from_one_part_to_the_next(crowd: list[str], app: Flask, owner: Browser) -> None:
    assert pages(owner, "/admin/people", ".entries--links > li") == [50, 50, MANY + 1 - 100]
    page = owner.page("/admin/people?q=p77@example.org")
    assert page.one(".entries--links .how").text() == "p77@example.org"
    assert owner.page("/admin/people?q=nobody").says("No one matches.")

    group = owner.submit("/admin/groups", name="Everyone").path
    with app.app_context(), write() as session:
        session.execute(insert(Membership), [{"group_id": group.rpartition("/")[2], "user_id": id} for id in crowd])
    assert pages(owner, group) == [50, 50, MANY - 100]
    users = owner.get("/api/v1/users").json["users"]
    assert len(users) == MANY + 1


@pytest.mark.slow
def test_what_is_shared_with_many_lists_them_in_parts(crowd: list[str], app: Flask, owner: Browser) -> None:
    with app.app_context(), write() as session:
        chat, collection = (
            Chat(owner_id=owner.person_id, model="m", title="A chat"),
            Collection(owner_id=owner.person_id, name="A"),
        )
        session.add_all((chat, collection))
        session.flush()
        chat_id, collection_id = chat.id, collection.id
        for kind, id, right in (("chat", chat_id, "view"), ("collection", collection_id, "read")):
            rows = [{"object_kind": kind, "object_id": id, "right": right, "user_id": person} for person in crowd]
            session.execute(insert(Grant), rows)

    assert pages(owner, f"/knowledge/{collection_id}/people") == [50, 50, MANY - 100]
    assert pages(owner, f"/chats/{chat_id}/people") == [50, 50, MANY - 100]
    assert owner.page("/knowledge").says(f"and {MANY - 3} more")


def test_questions_that_are_kept_ask_for_their_documents_at_once(app: Flask, owner: Browser) -> None:
    def asked(count: int) -> int:
        with app.app_context(), write() as session:
            collection = Collection(owner_id=owner.person_id, name=f"{count}")
            session.add(collection)
            session.flush()
            about = {"collection_id": collection.id, "title": "Pumps", "state": "ready", "bytes": 1, "characters": 1}
            documents = [{**about, "id": new_id(), "hash": f"{count} {number}"} for number in range(count)]
            session.execute(insert(Document), documents)
            kept = [
                {"owner_id": owner.person_id, "text": document["hash"], "document_id": document["id"]} for document in documents
            ]
            session.execute(insert(TrialQuestion), kept)
        with owner.counting_statements() as statements:
            assert len(owner.page("/knowledge/try").all("#questions .entries > li")) >= count
        return len([statement for statement in statements if "FROM documents" in statement])

    assert asked(1) == asked(8)
