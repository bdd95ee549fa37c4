"""The JSON of a chat names its project and its tags, and an import finds the person's own project of that name."""

import json

from flask import Flask

from tests.api.client import Client, client_of
from tests.chat.files import bring, download
from tests.support.browser import Browser
from tests.upstream.handle import Upstream
from webapp.base.db import db
from webapp.chat.record.tables import Chat


def begun(program: Client, fake: Upstream, name: str) -> str:
    """Returns the id of a chat with an answer in a new project of this name."""
    id = program.post("/projects", {"name": name}, status=201)["id"]
    fake.says("Rye.")
    sent = program.post("/chats", {"project_id": id, "message": "What grows?"}, status=201)["sent"]
    program.ended(sent)
    return str(sent["chat_id"])


def test_a_chat_comes_back_into_the_project_of_the_same_name(app: Flask, owner: Browser, member: Browser, fake: Upstream) -> None:
    program, other = client_of(app, owner.email), client_of(app, member.email)
    id = begun(program, fake, "Mill")
    program.said("PATCH", f"/chats/{id}", 200, {"tags": ["grain"]})
    file = download(owner, f"/chats/{id}/export.json")
    about = json.loads(file)["chat"]
    assert (about["project"], about["tags"]) == ("Mill", ["grain"])

    # Of several with that name it is the newest; neither a deleted one nor another person's counts.
    wrong = [other.post("/projects", {"name": "Mill"}, status=201)["id"] for _ in range(3)]
    mine = wrong.pop(1)
    for project_id in wrong[1:]:
        other.said("DELETE", f"/projects/{project_id}", 204)
    page = bring(member, file)
    assert not page.says("projects you don't have")
    with app.app_context():
        chat = db.session.scalars(db.select(Chat).where(Chat.owner_id == member.person_id)).one()
        assert (chat.project_id, chat.is_for_project) == (mine, False)
        imported = chat.id
    assert other.get(f"/chats/{imported}")["tags"] == ["grain"]
    # Importing it again changes nothing of a chat that is there.
    other.said("PATCH", f"/chats/{imported}", 200, {"project_id": None})
    bring(member, file)
    assert other.get(f"/chats/{imported}")["project_id"] is None


def test_a_missing_project_is_said(app: Flask, owner: Browser, member: Browser, fake: Upstream) -> None:
    program, other = client_of(app, owner.email), client_of(app, member.email)
    id = begun(program, fake, "Mill & <Race>")
    file = download(owner, f"/chats/{id}/export.json")

    page = bring(member, file)
    assert page.says("they aren't in any: Mill & <Race>.")
    with app.app_context():
        assert db.session.scalars(db.select(Chat.project_id).where(Chat.owner_id == member.person_id)).one() is None
    response = other.client.post("/api/v1/import", data=file, headers={**other.headers, "Content-Type": "application/json"})
    assert (response.status_code, response.json["known"], response.json["lacking_projects"]) == (201, 1, [])
