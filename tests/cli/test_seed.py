"""`flask seed` fills a server with realistic example data, once."""

from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from tests.api.client import Client, client_of
from tests.support.browser import Browser
from webapp.base.db import db, write
from webapp.chat.record.tables import Message
from webapp.engine.tables import Generation
from webapp.knowledge import queries as knowledge_queries
from webapp.knowledge.search.ranking import search
from webapp.people.accounts import queries as account_queries, service as accounts
from webapp.people.accounts.tables import Grant


def seeded(app: Flask) -> str:
    result: Result = app.test_cli_runner().invoke(args=["seed"])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.slow
def test_it_makes_people_who_can_sign_in_with_what_was_printed_once(app: Flask) -> None:
    *lines, collections, _, _ = seeded(app).splitlines()

    assert collections == "Created 3 collections with questions about them."
    assert [line.split()[0] for line in lines] == [f"{name}@example.org" for name in ("olive", "ada", "ben", "cleo")]
    passwords = [line.split()[-1] for line in lines]
    assert len(set(passwords)) == 4
    with app.app_context():
        assert accounts.sign_in("olive@example.org", passwords[0])
        assert account_queries.has_owner()


@pytest.mark.slow
def test_the_owner_finds_chats_of_all_ages_with_finished_answers(app: Flask, owner: Browser) -> None:
    output = seeded(app)

    assert "olive@example.org" not in output
    page = owner.page("/chats")
    assert page.says("What is Millrace?")
    # Groups follow the calendar: soon after midnight none of the chats are from today.
    assert page.says("This week")
    assert page.says("This month")
    links = [str(link.attributes["href"]) for link in page.all("main a[href^='/chats/0']")]
    assert len(links) >= 6
    for link in links:
        shown = owner.page(link)
        assert {node.attributes["data-status"] for node in shown.all("article.message")} == {"completed"}
        assert all(text for _, text in shown.messages())
        assert "tokens" in shown.text
        assert "0.0 s" not in shown.text


@pytest.mark.slow
def test_a_second_time_makes_nothing(app: Flask, owner: Browser) -> None:
    seeded(app)
    chats = owner.page("/chats").text.count("/chats/")

    assert seeded(app) == "The chats already exist.\n"
    assert owner.page("/chats").text.count("/chats/") == chats


@pytest.mark.slow
def test_a_seeded_chat_goes_on(app: Flask, owner: Browser) -> None:
    seeded(app)
    path = str(owner.page("/chats").all("main a[href^='/chats/0']")[0].attributes["href"])

    page = owner.submit(path, message="Hello")

    assert page.messages("user")[-1] == "Hello"


@pytest.mark.slow
def test_the_collections_are_there_with_their_permissions(app: Flask, owner: Browser) -> None:
    seeded(app)

    with app.app_context():
        ada, ben = (account_queries.user_by_email(f"{name}@example.org") for name in ("ada", "ben"))
        assert ada
        assert ben
        names = {collection.id: collection.name for collection in knowledge_queries.SEEN_COLLECTIONS.all(ada)}
        assert sorted(names.values()) == ["Finance", "Handbook", "Trading basics"]
        assert [collection.name for collection in knowledge_queries.SEEN_COLLECTIONS.all(ben)] == ["Handbook", "Trading basics"]
        counts = {names[id]: count for id, count in knowledge_queries.counts(ada, list(names)).items()}
        assert counts == {"Finance": (4, 0, 0), "Handbook": (12, 0, 0), "Trading basics": (6, 0, 0)}
        assert search(ada, "Who has to sign an invoice of 50,000 euros?")[0].document.title == "Approving payments"
    assert len(owner.page("/knowledge/try").all("#questions form[action$='/delete']")) == 35


@pytest.mark.slow
def test_the_worked_example_of_the_docs(app: Flask, owner: Browser) -> None:
    """Tests the example under *Permissions* in the documentation, line by line."""
    seeded(app)
    admin, ada, ben = (client_of(app, email) for email in (owner.email, "ada@example.org", "ben@example.org"))
    admin.said("PUT", "/settings/knowledge.search_seconds", 200, {"value": "60"})
    people_of = {person["name"]: person["id"] for person in admin.get("/users")["users"]}

    def asked(program: Client) -> dict[str, Any]:
        reads = [collection["id"] for collection in program.get("/collections")["collections"]]
        body = {"message": "Who has to sign an invoice of 50,000 euros?", "model": "demo/quick", "collection_ids": reads}
        return program.ended(program.post("/chats", body, status=201)["sent"])

    def titles(program: Client, message: str) -> list[str | None]:
        return [source["title"] for source in program.get(f"/messages/{message}")["sources"]]

    finance = next(collection["id"] for collection in ada.get("/collections")["collections"] if collection["name"] == "Finance")
    pages = {document["title"] for document in ada.get(f"/collections/{finance}/documents")["documents"]}
    answer = asked(ada)
    known = titles(ada, answer["id"])
    assert known[0] == "Approving payments"
    assert "[1]" in answer["content"]
    assert not pages & set(titles(ben, asked(ben)["id"]))
    # Sharing lets him read the answer, but not the passages that it cites.
    with app.app_context(), write() as session:
        chat = session.get_one(Message, answer["id"]).chat_id
        session.add(Grant(object_kind="chat", object_id=chat, user_id=people_of["Ben"], right="view"))
    hidden = [None if name in pages else name for name in known]
    assert titles(ben, answer["id"]) == hidden

    admin.said("PATCH", f"/users/{people_of['Ada']}", 200, {"clearance": 1})
    assert not pages & set(titles(ada, asked(ada)["id"]))
    assert titles(ada, answer["id"]) == hidden
    group = next(team["id"] for team in admin.get("/groups")["groups"] if team["name"] == "finance")
    admin.said("PUT", f"/groups/{group}/members/{people_of['Ben']}", 200)
    assert not pages & set(titles(ben, asked(ben)["id"]))
    admin.said("PATCH", f"/users/{people_of['Ben']}", 200, {"clearance": 2})
    assert titles(ben, asked(ben)["id"])[0] == "Approving payments"
    assert titles(ben, answer["id"]) == known


@pytest.mark.slow
def test_answers_are_ordered_by_the_time_that_is_shown(app: Flask) -> None:
    seeded(app)
    with app.app_context():
        times = list(db.session.scalars(select(Generation.created_at).order_by(Generation.id)))
    assert len(times) > 9
    assert times == sorted(times)
