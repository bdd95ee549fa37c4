"""Archives of projects made to exhaust, to mislead or to reach others: refused or reported, while others continue."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.api.client import client_of
from tests.chat.files import zipped
from tests.chat.projects.archives import archive, bring_project, chat, document, opened
from tests.chat.test_hostile_imports import entries
from tests.support.browser import Browser
from tests.support.marks import few_of
from tests.support.turns import nobody_waits
from webapp.base.db import db
from webapp.chat.imports import project as project_file
from webapp.chat.record.tables import Chat, Project
from webapp.knowledge.tables import Document

MEGABYTE = 1024 * 1024
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "no archive": (lambda: b"PK\3\4 and then nothing", "isn't a .zip file"),
    "a text": (lambda: b'{"format": "millrace-project"}', "isn't a .zip file"),
    "another archive": (lambda: zipped({"conversations.json": b"[]"}), "It isn't a project."),
    "a chat alone": (lambda: zipped({"project.json": chat()}), "It isn't a project."),
    "a list": (lambda: zipped({"project.json": b"[1]"}), "It isn't a project."),
    "a later version": (lambda: archive(version=2), "It uses version 2"),
    "depth": (lambda: zipped({"project.json": b'{"a":' * 90_000}), "nested too deeply"),
    "many values": (lambda: zipped({"project.json": b"[" + b"{}," * 200_000 + b"{}]"}), "too many values"),
    "long settings": (lambda: zipped({"project.json": b'"' + b"a" * 5 * MEGABYTE + b'"'}), "more than 4 MB"),
    "many collections": (lambda: archive(collections=[{}] * 21), "more than 20 collections"),
    "many documents": (lambda: archive(files=[document("files/a")] * 5_001), "more than 5,000 documents"),
    "a long directory": (lambda: entries(1_100_000, said=1), "list of files is too long"),
    "many files": (lambda: entries(10, said=30_000), "list of files is too long"),
    "a bomb for settings": (lambda: zipped({"project.json": b" " * 80 * MEGABYTE}), "more than 4 MB"),
}  # fmt: skip


@pytest.mark.mostly_slow
@pytest.mark.parametrize("name", few_of(REFUSED, 14))
def test_it_is_refused_with_a_sentence_while_others_go_on(app: Flask, member: Browser, name: str) -> None:
    make, sentence = REFUSED[name]
    data = make()

    with nobody_waits():
        page = bring_project(member, data)

    assert page.status_code == 422
    assert sentence in page.error_at("ZIP file")
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Project)) == 0


def read(data: bytes) -> list[dict[str, Any]]:
    """Returns the pieces that the child process would send."""
    return list(project_file.pieces(BytesIO(data)))


def test_what_is_unpacked_is_bounded_whatever_the_headers_say() -> None:
    data = archive(None, {"files/1/a.md": b"a" * 400_000}, files=[document("files/1/a.md")] * 3)
    sent = list(project_file.pieces(BytesIO(data), most_bytes=MEGABYTE))

    assert sent[-1] == {"trouble": "The archive is too large when unpacked."}
    assert [piece for piece in sent if "whole" in piece] == [{"whole": True}] * 2


def test_a_path_leads_nowhere_but_into_the_archive() -> None:
    paths = ["/etc/passwd", "../project.json", "project.json", "files/../../etc/passwd", "chats/1.json", 5, None]
    sent = read(archive(files=[{"path": path, "name": "a.md"} for path in paths]))

    assert sent[1:] == [
        {"document": {"path": "files/../../etc/passwd", "name": "a.md", "title": "", "level": 0}},
        {"broken": project_file.MISSING},
    ]


def test_an_entry_that_is_damaged_or_locked_costs_no_other() -> None:
    contents = {"files/1/a.md": b"a" * 50, "files/2/b.md": b"b" * 50}
    data = bytearray(archive(None, contents, files=[document(path) for path in contents]))
    # Its bytes don't match its checksum.
    at = data.index(b"files/1/a.md") + len(b"files/1/a.md")
    data[at] ^= 0xFF
    sent = read(bytes(data))

    assert [name for piece in sent for name in piece if name in ("broken", "whole", "trouble")] == ["broken", "whole"]


def test_values_of_wrong_kinds_are_no_more_than_wrong(app: Flask, member: Browser) -> None:
    wrong: list[Any] = [None, 5, [], {}, "x" * 100_000, "\0\u202e\ud800", True, 1e300]
    names = ("name", "icon", "colour", "about", "instructions", "model", "parameters", "tools", "characters", "keeps_chats")
    for value in wrong:
        listed = [value, {"path": "files/a", "name": value}]
        collections = [{"name": value, "about": value, "level": value, "embedding_model": value, "files": listed}, value]
        sent = read(archive(dict.fromkeys(names, value), files=listed, collections=collections))
        assert list(sent[0]) == ["project"], (value, sent[0])
        assert len(sent[0]["project"]["name"]) <= 120
    page = bring_project(member, archive(dict.fromkeys(names, "\u202e\0 x\n<script>"), {"chats/1.json": chat()}))
    assert page.status_code == 200
    project = client_of(app, member.email).get(opened(page))
    assert project["name"] == "\ufffd x <script>"


def test_it_reaches_no_other_account(app: Flask, owner: Browser, member: Browser) -> None:
    theirs = client_of(app, owner.email).post("/projects", {"name": "Theirs", "instructions": "Secret."}, status=201)["id"]
    claimed = {"owner_id": owner.person_id, "project_id": theirs, "is_for_project": True}
    contents = {
        "chats/1.json": chat(chat={"id": "c", "title": "Brought", "project": "Theirs", **claimed}),
        "files/1/a.md": b"The weir.",
    }
    about = {"name": "Theirs", "id": theirs, "collection_ids": ["x"], "character_ids": ["y"], **claimed}
    listed = [document("files/1/a.md", "../../a.md", id=theirs, collection_id=theirs, url="javascript:alert(1)")]
    page = bring_project(member, archive(about, contents, files=listed, grants=[{"to": "everyone"}]))

    id = opened(page).rpartition("/")[2]
    with app.app_context():
        project, row = db.session.get_one(Project, id), db.session.scalars(select(Chat)).one()
        assert (project.owner_id, project.collection_ids, project.character_ids) == (member.person_id, [], [])
        assert (row.owner_id, row.project_id, row.is_for_project) == (member.person_id, id, False)
        assert db.session.get_one(Project, theirs).owner_id == owner.person_id
        stored = db.session.scalars(select(Document)).one()
        assert (stored.name, stored.url) == ("a.md", "")
    assert owner.get(f"/projects/{id}").status_code == 404


def test_it_is_bounded_by_what_a_person_can_have(app: Flask, member: Browser) -> None:
    with app.app_context():
        db.session.add_all(Project(owner_id=member.person_id, name=f"{number}") for number in range(200))
        db.session.commit()

    page = bring_project(member, archive())

    assert (page.status_code, page.says("You already have 200 projects")) == (422, True)
