"""Receipts of chats, projects and people: who reads them, what is in them, and how they are checked."""

import json
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import select, update

from tests.api.client import client_of
from tests.support.browser import Browser
from tests.support.marks import on_both_databases
from webapp.base.current import the_config
from webapp.base.db import db, utc_now, write
from webapp.base.keeping_clock import keeping_now
from webapp.chat import erasing
from webapp.chat.facts.tables import Fact
from webapp.chat.record.tables import Chat, Message, Project, UnfoldedProject
from webapp.knowledge.tables import Collection, Document
from webapp.operations.health.nightly import STAMP
from webapp.people.members import service as people_service
from webapp.people.receipts.keys import NAME, public_keys
from webapp.people.receipts.signing import difference
from webapp.people.receipts.tables import StoredReceipt
from webapp.settings.tables import ApplicationSetting
from webapp.workspace.projects.service import PROJECTS

CANARY = "Quellmoor-Heron"


def put_in_trash(app: Flask, owner_id: str, *ids: str) -> None:
    with app.app_context(), write() as session:
        for id in ids:
            session.add(Chat(id=id, owner_id=owner_id, model="m", title=CANARY, deleted_at=utc_now()))
            session.flush()
            session.add(Message(id=f"{id}-1", chat_id=id, role="user", content=CANARY))


def all_receipts(app: Flask) -> list[dict[str, Any]]:
    with app.app_context():
        return list(db.session.scalars(select(StoredReceipt.content).order_by(StoredReceipt.id)))


@on_both_databases
def test_the_message_after_a_deletion_links_the_receipt(member: Browser) -> None:
    put_in_trash(member.app, member.person_id, "c1")
    assert member.send("/chats/c1/erase", {}, follow=True).says("Deleted permanently.")
    (receipt,) = all_receipts(member.app)
    assert (receipt["kind"], receipt["by"]) == ("chat", member.person_id)
    assert receipt["removed"] == [{"what": "chats", "count": 1}, {"what": "messages", "count": 1}]
    page = member.page(f"/receipts/{receipt['id']}")
    assert page.says("Messages: 1")
    assert page.says(receipt["signature"])
    assert member.page("/receipts").says("Chats deleted")


def test_one_receipt_is_given_for_the_whole_trash_and_for_several(member: Browser) -> None:
    put_in_trash(member.app, member.person_id, "c1", "c2", "c3")
    member.client.post("/chats/several?show=trash", data={"deed": "erase", "chat": ["c1", "c2"]}, base_url=member.origin)
    assert "receipt=" in member.post("/chats/trash/empty").location
    assert [receipt["removed"][0]["count"] for receipt in all_receipts(member.app)] == [2, 1]


def test_the_end_of_the_time_in_the_trash_gives_one_too(member: Browser, owner: Browser) -> None:
    for browser in (member, owner):
        put_in_trash(browser.app, browser.person_id, f"of-{browser.email}"[:20])
    with member.app.app_context():
        with write() as session:
            session.add(Project(id="place", owner_id=member.person_id, name=CANARY, deleted_at=utc_now()))
            session.flush()
            session.add_all(Fact(owner_id=member.person_id, project_id="place", text=f"{CANARY} {n}.") for n in range(3))
            session.add(UnfoldedProject(user_id=member.person_id, project_id="place"))
            session.add(Collection(id="files", owner_id=member.person_id, project_id="place", name="Files"))
            session.flush()
            session.add(Document(collection_id="files", title=CANARY, hash="", bytes=1, characters=1))
            long_ago = keeping_now().replace(year=2020)
            session.execute(update(Chat).values(deleted_at=long_ago))
            session.execute(update(Project).values(deleted_at=long_ago))
        erasing.empty_trash()
        PROJECTS.empty_trash()
    receipts = all_receipts(member.app)
    assert sorted(receipt["kind"] for receipt in receipts) == ["chat", "chat", "project"]
    assert {receipt["by"] for receipt in receipts} == {"retention"}
    counts = [("projects", 1), ("facts", 3), ("open folders in the sidebar", 1), ("documents", 1)]
    assert [{"what": what, "count": count} for what, count in counts] in [receipt["removed"] for receipt in receipts]


def test_only_its_person_and_owners_read_it(member: Browser, stranger: Browser, owner: Browser) -> None:
    put_in_trash(member.app, member.person_id, "c1")
    member.post("/chats/c1/erase")
    id = all_receipts(member.app)[0]["id"]
    for path in (f"/receipts/{id}", f"/receipts/{id}.json"):
        assert [browser.get(path).status_code for browser in (member, owner, stranger)] == [200, 200, 404]
    assert client_of(member.app, member.email).said("GET", f"/receipts/{id}", 200) == all_receipts(member.app)[0]
    client_of(stranger.app, stranger.email).said("GET", f"/receipts/{id}", 404)
    assert [entry["id"] for entry in client_of(member.app, member.email).said("GET", "/receipts", 200)["receipts"]] == [id]
    assert client_of(stranger.app, stranger.email).said("GET", "/receipts", 200) == {"receipts": []}


@on_both_databases
def test_the_receipt_of_a_person_outlives_them_and_names_nobody(member: Browser, owner: Browser) -> None:
    put_in_trash(member.app, member.person_id, "c1")
    email, id = member.email, member.person_id
    with owner.app.app_context():
        receipt = people_service.erase_person(email)
    (kept,) = all_receipts(owner.app)
    assert kept == receipt.signed
    assert (kept["kind"], kept["by"]) == ("person", "command line")
    assert {"what": "chats", "count": 1} in kept["removed"]
    assert owner.page(f"/receipts/{kept['id']}").says("Account deleted")
    with owner.app.app_context():
        assert db.session.scalars(select(StoredReceipt.person_id)).all() == [id]


def test_no_receipt_has_a_word_of_what_was_deleted(member: Browser, owner: Browser) -> None:
    put_in_trash(member.app, member.person_id, "c1", "c2")
    member.post("/chats/c1/erase")
    email = member.email
    with owner.app.app_context():
        people_service.erase_person(email)
    written = json.dumps(all_receipts(owner.app))
    assert CANARY not in written
    assert email not in written


def test_it_lists_the_backups_that_still_have_it(member: Browser) -> None:
    put_in_trash(member.app, member.person_id, "c1")
    with member.app.app_context():
        folder = the_config().backup_dir
    folder.mkdir(parents=True, exist_ok=True)
    nightly = f"nightly-{utc_now():{STAMP}}.sqlite3"
    for name in (nightly, "before-migration-1.sqlite3"):
        (folder / name).write_bytes(b"")
    member.post("/chats/c1/erase")
    (receipt,) = all_receipts(member.app)
    until = {copy["name"]: copy["until"] for copy in receipt["backups"]}
    assert until.keys() == {nightly, "before-migration-1.sqlite3"}
    assert until["before-migration-1.sqlite3"] is None
    assert until[nightly] > receipt["at"]
    assert member.page(f"/receipts/{receipt['id']}").says("until someone deletes it")


def test_keys_of_earlier_receipts_stay_listed(member: Browser, stranger: Browser) -> None:
    put_in_trash(member.app, member.person_id, "c1", "c2")
    member.post("/chats/c1/erase")
    with member.app.app_context(), write() as session:
        session.delete(session.get_one(ApplicationSetting, NAME))
    member.post("/chats/c2/erase")
    old, new = all_receipts(member.app)
    assert old["key"] != new["key"]
    listed = json.loads(Browser(member.app).client.get("/.well-known/millrace-receipts").data)["keys"]
    assert [key["x"] for key in listed] == [new["key"], old["key"]]
    with member.app.app_context():
        assert [difference(receipt, public_keys()) for receipt in (old, new)] == ["", ""]


def test_the_command_says_valid_or_what_differs(member: Browser, tmp_path: Path) -> None:
    put_in_trash(member.app, member.person_id, "c1")
    member.post("/chats/c1/erase")
    (receipt,) = all_receipts(member.app)
    file = tmp_path / "receipt.json"

    def said(content: bytes, *more: str) -> tuple[int, str]:
        file.write_bytes(content)
        done = member.app.test_cli_runner().invoke(args=["receipts", "check", str(file), *more])
        return done.exit_code, done.output.partition("\n")[2] or done.output

    saved = member.client.get(f"/receipts/{receipt['id']}.json").data
    assert said(saved) == (0, f"Valid: receipt {receipt['id']} of {receipt['at']}, signed with {receipt['key']}.\n")
    assert said(saved, "--key", receipt["key"])[0] == 0
    assert "another key" in said(saved, "--key", "A" * 43)[1]
    code, words = said(saved.replace(b'"count": 1', b'"count": 0'))
    assert (code, "doesn't match" in words) == (1, True)
    assert said(b"{")[0] == said(b"[]")[0] == 1
