"""Projects in the API: their chats, what these are told and can use, and who sees them."""

from typing import Any

import pytest
from flask import Flask

from tests.api.client import Client
from tests.support.browser import Browser
from tests.upstream.handle import Upstream
from webapp.base.db import db
from webapp.chat.record.tables import Chat
from webapp.people.accounts.queries import user_by_email
from webapp.workspace.list import search


def id_of(app: Flask, browser: Browser) -> str:
    with app.app_context():
        user = user_by_email(browser.email)
        assert user
        return user.id


def made(client: Client, **about: object) -> str:
    return str(client.post("/projects", {"name": "Mill", **about}, status=201)["id"])


def grant(client: Client, id: str, to_id: str, right: str = "write") -> str:
    path = f"/projects/{id}/grants"
    grants = client.said("PUT", path, 200, {"to": "user", "to_id": to_id, "right": right})["grants"]
    return str(next(row["id"] for row in grants if row["to_id"] == to_id))


def begun(client: Client, project_id: str) -> str:
    return str(client.post("/chats", {"project_id": project_id, "title": "Oats"}, status=201)["chat"]["id"])


def test_one_is_made_changed_deleted_and_brought_back(program: Client) -> None:
    id = made(program, about="Ours", icon="house", colour="teal", parameters={"temperature": 0.2})
    changed = program.said("PATCH", f"/projects/{id}", 200, {"instructions": "Be short."})
    assert (changed["name"], changed["about"], changed["instructions"]) == ("Mill", "Ours", "Be short.")
    assert (changed["parameters"]["temperature"], changed["is_own"], changed["can_write"]) == (0.2, True, True)
    chat = begun(program, id)

    program.said("DELETE", f"/projects/{id}", 204)
    assert program.get("/projects")["projects"] == []
    program.said("GET", f"/projects/{id}", 404)
    assert program.get(f"/chats/{chat}")["project_id"] is None
    assert program.post(f"/projects/{id}/restore")["name"] == "Mill"
    assert program.get(f"/chats/{chat}")["project_id"] == id


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": " "}, "name"),
        ({"icon": "skull"}, "icon"),
        ({"parameters": {"temperature": 3}}, "parameters.temperature"),
        ({"model": "demo/nothing"}, "model"),
        ({"tools": ["no_such_tool"]}, "tools"),
        ({"instructions": "x" * 20_001}, "instructions"),
    ],
)
def test_what_cannot_be_is_refused(program: Client, body: dict[str, object], field: str) -> None:
    assert list(program.said("POST", "/projects", 422, {"name": "Mill", **body})["fields"]) == [field]


def test_its_answers_are_told_its_instructions_from_the_next_one_on(program: Client, fake: Upstream) -> None:
    id = made(program, instructions="Speak of rye.", parameters={"temperature": 0.25})
    sent = program.post("/chats", {"project_id": id, "message": "Hello?"}, status=201)["sent"]
    path = f"/chats/{sent['chat_id']}"

    def asked(sent: dict[str, Any]) -> tuple[str, float | None]:
        program.ended(sent)
        body = fake.posts()[-1]["body"]
        return str(body["messages"][0]["content"]), body.get("temperature")

    told, temperature = asked(sent)
    assert ("Speak of rye." in told, temperature) == (True, 0.25)

    program.said("PATCH", f"/projects/{id}", 200, {"instructions": "Speak of oats."})
    program.said("PATCH", path, 200, {"temperature": 0.75})
    told, temperature = asked(program.post(f"{path}/messages", {"message": "And now?"}, status=202))
    assert ("rye" in told, "Speak of oats." in told, temperature) == (False, True, 0.75)

    program.said("PATCH", path, 200, {"project_id": None})
    assert "oats" not in asked(program.post(f"{path}/messages", {"message": "Now?"}, status=202))[0]


def test_its_members_see_what_is_shared_with_it_and_nothing_else(
    app: Flask, program: Client, other: Client, stranger: Browser
) -> None:
    id, their_id = made(program), id_of(app, stranger)
    open_chat, private = begun(program, id), begun(program, id)
    program.said("PATCH", f"/chats/{open_chat}", 200, {"is_for_project": True, "title": "Barley"})
    program.said("PATCH", f"/chats/{private}", 200, {"title": "Barley too"})
    for path in (f"/projects/{id}", f"/projects/{id}/chats", f"/chats/{open_chat}"):
        other.said("GET", path, 404)
    other.said("POST", "/chats", 422, {"project_id": id})

    grant_id = grant(program, id, their_id, "read")
    assert [(row["id"], row["right"]) for row in other.get(f"/projects/{id}/chats")["chats"]] == [(open_chat, "view")]
    other.said("GET", f"/chats/{private}", 404)
    other.said("POST", "/chats", 422, {"project_id": id})
    for method, path in (("PATCH", ""), ("DELETE", ""), ("GET", "/grants")):
        other.said(method, f"/projects/{id}{path}", 403, {} if method == "PATCH" else None)
    with app.app_context():
        assert [hit.chat_id for hit in search.titles_of(their_id, "barley", limit=9)] == [open_chat]

    assert grant(program, id, their_id, "write") == grant_id
    assert other.get(f"/chats/{open_chat}")["right"] == "write"
    theirs = begun(other, id)
    other.said("PATCH", f"/chats/{theirs}", 200, {"is_for_project": True})
    assert {row["id"] for row in program.get(f"/projects/{id}/chats")["chats"]} == {open_chat, private, theirs}

    program.said("DELETE", f"/projects/{id}/grants/{grant_id}", 204)
    for path in (f"/projects/{id}", f"/chats/{open_chat}"):
        other.said("GET", path, 404)
    assert other.get(f"/chats/{theirs}")["project_id"] is None
    program.said("GET", f"/chats/{theirs}", 404)
    with app.app_context():
        assert not db.session.get_one(Chat, theirs).is_for_project
        assert search.titles_of(their_id, "barley", limit=9) == []


def test_a_chat_that_moves_is_its_owners_alone_again(app: Flask, program: Client, other: Client, stranger: Browser) -> None:
    first, second = made(program), made(program)
    for id in (first, second):
        grant(program, id, id_of(app, stranger))
    chat = begun(program, first)
    program.said("PATCH", f"/chats/{chat}", 200, {"is_for_project": True})
    other.get(f"/chats/{chat}")

    moved = program.said("PATCH", f"/chats/{chat}", 200, {"project_id": second})
    assert (moved["project_id"], moved["is_for_project"]) == (second, False)
    other.said("GET", f"/chats/{chat}", 404)
    assert [row["id"] for row in program.get(f"/chats?project={second}")["chats"]] == [chat]
    assert program.get(f"/chats?project={first}")["chats"] == []
    alone = begun(program, "")
    program.said("PATCH", f"/chats/{alone}", 422, {"is_for_project": True})
