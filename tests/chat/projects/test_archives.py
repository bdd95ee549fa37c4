"""A project is exported as one file, and another of the same content is made of it, with everything that a person may see."""

import json
from io import BytesIO
from zipfile import ZipFile

from flask import Flask
from sqlalchemy import func, select

from tests.api.client import Client, client_of
from tests.api.test_projects import grant, id_of
from tests.chat.files import download
from tests.chat.projects.archives import archive, bring_project, chat, document, opened
from tests.chat.projects.test_characters import character
from tests.support.browser import Browser
from tests.support.form import WITH_FILE, with_file
from tests.support.waiting import seen
from tests.upstream.handle import Upstream
from webapp.base.db import db
from webapp.chat.imports.project import ProjectSettings
from webapp.chat.record.tables import Chat, Message, Project
from webapp.knowledge.tables import Collection, Document

ABOUT = {
    "name": "Mill & <Race>",
    "icon": "leaf",
    "colour": "green",
    "about": "By the river",
    "instructions": "Speak of rye.",
    "model": "some/model",
    "parameters": {"temperature": 0.5},
    "tools": ["search_documents"],
    "keeps_chats": True,
}


# Ids and times are of a server, and collections are folders of the archive.
NOT_IN_SETTINGS = {"id", "created_at", "owner_id", "changed_at", "deleted_at", "collection_ids", "has_facts"}
BY_NAME = {"character_ids": "characters"}


def test_every_field_of_a_project_is_in_its_archive() -> None:
    columns = set(Project.__table__.columns.keys()) - NOT_IN_SETTINGS
    assert {BY_NAME.get(name, name) for name in columns} == set(ProjectSettings.__annotations__), (
        "add it to ProjectSettings in webapp/chat/imports/project.py; mypy names where it is written and read"
    )
    assert columns == {*ABOUT, *BY_NAME}, "add it to ABOUT, with a value that isn't its default: it has to come back"


def added(client: Client, path: str, name: str, text: str) -> None:
    headers = {**client.headers, "Content-Type": WITH_FILE}
    sent = client.client.post(f"/api/v1{path}", data=with_file(text.encode(), name), headers=headers)
    assert sent.status_code == 202, sent.text


def whole(app: Flask, owner: Browser, program: Client, fake: Upstream) -> str:
    """Creates a project with everything that one can have."""
    collection = program.post("/collections", {"name": "Grain", "about": "Of all fields", "level": 2}, status=201)["id"]
    added(program, f"/collections/{collection}/documents", "barley.md", "Barley needs ninety days.")
    linked = {"collection_ids": [collection], "character_ids": [character(owner, "Zoe")]}
    id = str(program.post("/projects", {**ABOUT, **linked}, status=201)["id"])
    added(program, f"/projects/{id}/files", "weir.md", "The weir is forty ells wide.")
    fake.says("Oats.")
    sent = program.post("/chats", {"project_id": id, "message": "What grows?"}, status=201)["sent"]
    program.ended(sent)
    fake.says("Rye.")
    program.ended(program.post(f"/messages/{sent['message_id']}/regenerate", status=202))
    program.said("PATCH", f"/chats/{sent['chat_id']}", 200, {"tags": ["grain"], "title": "Fields"})
    return id


def texts(app: Flask, project_id: str) -> list[tuple[str, str, str]]:
    """Returns the title of each chat in a project with all its messages, and whether one is shown last."""
    with app.app_context():
        query = select(Chat.title, Message.content, Message.id == Chat.head_id).join(Message, Message.chat_id == Chat.id)
        rows = db.session.execute(query.where(Chat.project_id == project_id)).all()
        return sorted((title, content, str(is_head)) for title, content, is_head in rows)


def test_what_comes_out_of_the_file_is_what_went_in(app: Flask, owner: Browser, fake: Upstream) -> None:
    program = client_of(app, owner.email)
    id = whole(app, owner, program, fake)
    links = [str(link.attributes["href"]) for link in owner.page(f"/projects/{id}").all('#page-menu a[href*="export.zip"]')]
    assert links == [f"/projects/{id}/export.zip?collections", f"/projects/{id}/export.zip"]
    file = download(owner, links[0])

    result = bring_project(owner, file)
    assert result.says("1 chat, 3 messages, 2 documents, 1 collection.")
    assert not result.says("Left out")
    new = opened(result).rpartition("/")[2]
    before, after = program.get(f"/projects/{id}"), program.get(f"/projects/{new}")
    assert new != id
    assert (
        {name: after[name] for name in ABOUT}
        == {name: before[name] for name in ABOUT}
        == ABOUT | {"parameters": before["parameters"]}
    )
    assert after["character_ids"] == before["character_ids"]
    assert texts(app, new) == texts(app, id)
    assert len(texts(app, new)) == 3
    (listed,) = program.get(f"/projects/{new}/chats")["chats"]
    assert (listed["title"], program.get(f"/chats/{listed['id']}")["tags"]) == ("Fields", ["grain"])

    # Its documents have been read: they are found, and give back their files.
    (collection_id,) = after["collection_ids"]
    assert collection_id not in before["collection_ids"]
    collection = program.get(f"/collections/{collection_id}")
    assert (collection["name"], collection["about"], collection["level"]) == ("Grain", "Of all fields", 2)
    for path, words in ((f"/collections/{collection_id}/documents", "ninety"), (f"/projects/{new}/files", "forty ells")):
        (found,) = seen(lambda path=path: program.get(path)["documents"], lambda rows: rows[0]["state"] == "ready")
        hits = program.get("/search", query={"q": words, "collection": found["collection_id"]})["passages"]
        assert words in hits[0]["text"]
        assert words in program.call("GET", f"/documents/{found['id']}/file").get_data(as_text=True)

    # Importing it again makes another project with chats of its own.
    again = opened(bring_project(owner, file)).rpartition("/")[2]
    assert texts(app, again) == texts(app, id)
    assert again not in (id, new)


def test_a_member_exports_what_they_see_and_keeps_it_as_their_own(
    app: Flask, owner: Browser, stranger: Browser, fake: Upstream
) -> None:
    program, other = client_of(app, owner.email), client_of(app, stranger.email)
    id = whole(app, owner, program, fake)
    (shared,) = program.get(f"/projects/{id}/chats")["chats"]
    fake.says("A secret.")
    program.ended(program.post("/chats", {"project_id": id, "message": "Mine alone?"}, status=201)["sent"])
    assert stranger.get(f"/projects/{id}/export.zip").status_code == 404
    other.said("GET", f"/projects/{id}/export", 404)

    program.said("PATCH", f"/chats/{shared['id']}", 200, {"is_for_project": True})
    grant(program, id, id_of(app, stranger), "read")
    file = other.call("GET", f"/projects/{id}/export").get_data()
    with ZipFile(BytesIO(file)) as packed:
        names, settings = packed.namelist(), json.loads(packed.read("project.json"))
        assert not any(b"secret" in packed.read(name) or b"Mine alone" in packed.read(name) for name in names)
    assert f"chats/{shared['id']}.html" in names
    # Neither its collection nor its character is theirs to see.
    assert (settings["collections"], settings["project"]["characters"]) == ([], [])
    assert not any("barley" in name for name in names)

    headers = {**other.headers, "Content-Type": "application/zip"}
    brought = other.client.post("/api/v1/projects/import", data=file, headers=headers)
    assert brought.status_code == 201, brought.text
    result = brought.json
    assert (result["documents"], result["chats"]["chats"], result["chats"]["messages"]) == (1, 1, 2)
    assert (result["left_out"], result["trouble"], result["name"]) == ([], "", ABOUT["name"])
    with app.app_context():
        assert db.session.get_one(Project, result["id"]).owner_id == stranger.person_id
        owners = select(Chat.owner_id).where(Chat.project_id == result["id"])
        assert set(db.session.scalars(owners)) == {stranger.person_id}
    assert other.get(f"/projects/{result['id']}/chats")["chats"][0]["title"] == "Fields"
    program.said("GET", f"/projects/{result['id']}", 404)


def test_who_is_taken_out_meanwhile_gets_no_more(app: Flask, owner: Browser, stranger: Browser, fake: Upstream) -> None:
    program, other = client_of(app, owner.email), client_of(app, stranger.email)
    id = str(program.post("/projects", {"name": "Mill"}, status=201)["id"])
    added(program, f"/projects/{id}/files", "weir.md", "The weir is forty ells wide.")
    for _ in range(3):
        fake.says("Rye.")
        sent = program.post("/chats", {"project_id": id, "message": "What grows?"}, status=201)["sent"]
        program.ended(sent)
        program.said("PATCH", f"/chats/{sent['chat_id']}", 200, {"is_for_project": True})
    grant_id = grant(program, id, id_of(app, stranger), "read")

    response = other.client.get(f"/api/v1/projects/{id}/export", headers=other.headers)
    parts = response.iter_encoded()
    file = next(parts)
    program.said("DELETE", f"/projects/{id}/grants/{grant_id}", 204)
    file += b"".join(parts)
    response.close()

    with ZipFile(BytesIO(file)) as packed:
        names = packed.namelist()
    assert [name.partition("/")[0] for name in names] == ["chats", "project.json"]


def test_what_a_server_does_not_have_is_left_out_and_said(app: Flask, member: Browser) -> None:
    about = {
        "name": "Brought",
        "icon": "skull",
        "model": "demo/none",
        "parameters": {"temperature": 99},
        "tools": ["no_such_tool"],
        "characters": ["A stranger"],
        "instructions": "Be short.",
    }
    documents = [document("files/1/a.md", "a.md"), document("files/2/b.exe", "b.exe"), document("files/3/c.md", "c.md")]
    contents = {"files/1/a.md": b"The weir.", "files/2/b.exe": b"MZ", "chats/1.json": chat(), "chats/2.json": b"{"}
    page = bring_project(member, archive(about, contents, files=documents))

    assert page.says("1 chat, 2 messages, 1 document, 0 collections.")
    assert page.says("Left out (7)")
    named = [row.text() for row in page.all("main li bdi")]
    assert sorted(named) == sorted(["chats/2.json", "A stranger", "no_such_tool", "Icon", "Model", "Parameters", "b.exe", "c.md"])
    assert page.says("“b.exe” can't be read")
    assert page.says("1 chat couldn't be imported")
    project = client_of(app, member.email).get(opened(page))
    assert (project["icon"], project["model"], project["tools"], project["instructions"]) == ("", "", [], "Be short.")


def test_a_program_without_the_scope_for_documents_gets_the_rest(app: Flask, member: Browser) -> None:
    contents, listed = {"files/1/a.md": b"The weir.", "chats/1.json": chat()}, [document("files/1/a.md", "a.md")]
    data = archive(None, contents, files=listed, collections=[{"name": "Grain", "files": listed}])
    narrow = client_of(app, member.email, "read", "chat")

    headers = {**narrow.headers, "Content-Type": WITH_FILE}
    sent = narrow.client.post("/api/v1/projects/import", data=with_file(data, "a.zip"), headers=headers)

    assert sent.status_code == 201, sent.text
    assert (sent.json["documents"], sent.json["collections"], sent.json["chats"]["chats"]) == (0, 0, 1)
    assert (sent.json["left_out_count"], {reason for _, reason in sent.json["left_out"]}) == (
        3,
        {"You don't have the permission to add documents."},
    )
    with app.app_context():
        assert [db.session.scalar(select(func.count()).select_from(table)) for table in (Collection, Document)] == [0, 0]


def test_who_cannot_choose_a_model_imports_the_rest(app: Flask, owner: Browser, member: Browser) -> None:
    owner.client.put("/api/v1/permissions", json={"roles": {"member": {"models": False}}})
    result = bring_project(member, archive({"name": "Mill", "model": "other/model"}))
    assert result.says("can't choose among models")
    assert client_of(app, member.email).get(f"/projects/{opened(result).rpartition('/')[2]}")["model"] == ""
