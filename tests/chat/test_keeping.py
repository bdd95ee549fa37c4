"""Keeping: chats that no one touches announce that they leave, go to the trash, and are deleted; what is pinned or kept stays."""

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.api.client import client_of
from tests.chat.files import bring
from tests.chat.test_chats import add_chats, add_thread
from tests.chat.test_export_columns import download
from tests.support.browser import Browser
from tests.support.later import let_pass
from tests.support.marks import also_on_postgres
from webapp.base import keeping_clock
from webapp.base.audit import COMMAND_LINE
from webapp.base.db import db, utc_now, write
from webapp.base.ids import new_id
from webapp.chat import erasing
from webapp.chat.files import storage
from webapp.chat.files.tables import ChatFile, StoredFile
from webapp.chat.messages import chats
from webapp.chat.record.tables import Chat, Draft, Message, Project, Story
from webapp.engine.tables import Generation, JournalRow
from webapp.knowledge.tables import Collection, Document, Passage
from webapp.operations.keeping import service as keeping_service
from webapp.people.accounts.tables import Group
from webapp.people.members import groups
from webapp.settings.losses import Unconfirmed
from webapp.settings.service import set_setting, setting
from webapp.workspace.list.search import search

LEAVES = "to the trash on"


def sweep() -> None:
    """Does what the server does every quarter of an hour: the first empties the trash of every feature, that of chats too."""
    keeping_service.sweep()
    erasing.sweep_files()
    db.session.remove()


def days_pass(app: Flask, days: int, *, at_once: bool = False) -> None:
    """Lets days pass, with a sweep on each or, if at once, a single one after them."""
    with app.app_context():
        for length in [days] if at_once else [1] * days:
            let_pass(days=length)
            sweep()


def rule(app: Flask, days: int) -> None:
    """Sets the team's rule, whatever it deletes."""
    with app.app_context():
        set_setting("chats.days", str(days), confirmed=10**9)


def group_of(app: Flask, person_id: str, days: int | None) -> str:
    with app.app_context():
        group = groups.create(f"Group {new_id()}", author=COMMAND_LINE)
        id = group.id
        groups.put_in(group, person_id, author=COMMAND_LINE)
        groups.keep_chats(db.session.get_one(Group, id), days, author=COMMAND_LINE, confirmed=10**9)
        return id


def states(app: Flask, *ids: str) -> list[str]:
    with app.app_context():
        rows = dict(iter(db.session.execute(select(Chat.id, Chat.deleted_at).where(Chat.id.in_(ids)))))
    return ["gone" if id not in rows else "trash" if rows[id] else "there" for id in ids]


def test_a_chat_says_for_a_week_that_it_leaves_and_can_be_kept(owner: Browser) -> None:
    app, (kept, left) = owner.app, add_chats(owner, 2, title="Heron {}")
    rule(app, 10)
    with app.app_context():
        set_setting("trash.days", "8", confirmed=10**9)
    days_pass(app, 2)
    assert not owner.page(f"/chats/{kept}").says(LEAVES)
    days_pass(app, 2)

    assert owner.page("/chats").text.count(LEAVES) == 2
    assert owner.page(f"/chats/{left}/menu").says("Moves to the trash on")
    page = owner.page(f"/chats/{kept}")
    assert page.says(LEAVES)
    assert not owner.post(f"/chats/{kept}/keep").location.startswith("/login")
    assert not owner.page(f"/chats/{kept}").says(LEAVES)
    assert owner.page(f"/chats/{kept}").has("button", "Stop keeping it")
    days_pass(app, 7)

    assert states(app, kept, left) == ["there", "trash"]
    owner.post(f"/chats/{left}/restore")
    days_pass(app, 6)
    # Restoring touches it, and what is no longer kept has its days again.
    assert states(app, kept, left) == ["there", "there"]
    owner.post(f"/chats/{kept}/let_go")
    days_pass(app, 6)
    assert states(app, kept, left) == ["there", "trash"]
    days_pass(app, 9)
    assert states(app, kept, left) == ["trash", "gone"]


TOUCHES: dict[str, Callable[[Browser, str], object]] = {
    "a title": lambda browser, id: browser.post(f"/chats/{id}/rename", title="Another"),
    "a pin": lambda browser, id: [browser.post(f"/chats/{id}/{deed}") for deed in ("pin", "unpin")],
    "the archive": lambda browser, id: [browser.post(f"/chats/{id}/{deed}") for deed in ("archive", "unarchive")],
    "a share": lambda browser, id: client_of(browser.app, browser.email).said(
        "PUT", f"/chats/{id}/grants", 200, {"to": "everyone", "right": "read"}
    ),
    "settings": lambda browser, id: client_of(browser.app, browser.email).said("PATCH", f"/chats/{id}", 200, {"note": "Fish."}),
}


def test_what_touches_a_chat_and_opening_it_does_not(owner: Browser) -> None:
    app, ids = owner.app, add_chats(owner, len(TOUCHES) + 1)
    rule(app, 10)
    days_pass(app, 5)
    for touch, id in zip(TOUCHES.values(), ids, strict=False):
        touch(owner, id)
        owner.page(f"/chats/{ids[-1]}")
    days_pass(app, 7)
    assert states(app, *ids) == ["there"] * len(TOUCHES) + ["trash"]


def test_an_imported_chat_is_as_new(owner: Browser, member: Browser) -> None:
    id = add_thread(owner, 2).removeprefix("/chats/")
    with owner.app.app_context(), write() as session:
        session.get_one(Chat, id).changed_at = utc_now() - timedelta(days=900)
    bring(member, download(owner, f"/chats/{id}/export.json"))
    rule(owner.app, 30)
    days_pass(owner.app, 9)
    with owner.app.app_context():
        copy = db.session.scalars(select(Chat).where(Chat.owner_id == member.person_id)).one()
        assert not copy.deleted_at
        assert not copy.leaves_at
    assert states(owner.app, id) == ["trash"]


@also_on_postgres
def test_of_several_groups_the_longest_time_holds_and_it_replaces_the_teams(owner: Browser, member: Browser) -> None:
    app = owner.app
    (of_owner,), (of_member,) = add_chats(owner, 1), add_chats(member, 1)
    rule(app, 12)
    group_of(app, member.person_id, 10)
    assert member.page("/account/data").says("10 days move to the trash, as set for your group")
    strict = group_of(app, member.person_id, 60)
    assert member.page("/account/data").says("60 days move to the trash, as set for your group")
    assert owner.page("/account/data").says("for 12 days move to the trash.")
    days_pass(app, 13)
    assert states(app, of_owner, of_member) == ["trash", "there"]
    program = client_of(app, owner.email)
    asked = program.said("PATCH", f"/groups/{strict}", 409, {"chat_days": 5})
    assert (asked["code"], asked["count"], asked["people"]) == ("confirmation_needed", 1, 1)
    page = owner.post(f"/admin/groups/{strict}/keeping", days="5")
    assert page.status_code == 409
    assert page.says("1 chat of 1 person would go to the trash")
    owner.post(f"/admin/groups/{strict}/keeping", days="5", **{"confirm-chats.days": "1"})
    assert program.get(f"/groups/{strict}")["chat_days"] == 5
    assert owner.post(f"/admin/groups/{strict}/keeping", days="soon").status_code == 422
    # It is announced first.
    days_pass(app, 6)
    assert states(app, of_member) == ["there"]
    days_pass(app, 2)
    assert states(app, of_member) == ["trash"]


def test_a_rule_that_deletes_much_is_shown_and_asked_twice(owner: Browser, member: Browser) -> None:
    add_chats(owner, 30, changed_at=utc_now() - timedelta(days=400))
    add_chats(member, 12, changed_at=utc_now() - timedelta(days=90))
    program, path = client_of(owner.app, owner.email), "/admin/settings/retention"

    page = owner.post(path, **{"chats.days": "60"})
    assert page.status_code == 409
    assert page.says("42 chats of 2 people would go to the trash")
    assert page.textbox("To confirm, type 42").value == ""
    assert owner.post(path, **{"chats.days": "60", "confirm-chats.days": "41"}).status_code == 409
    asked = program.said("PUT", "/settings/chats.days", 409, {"value": 100})
    assert {name: asked[name] for name in ("code", "count", "people", "what")} == {
        "code": "confirmation_needed",
        "count": 30,
        "people": 1,
        "what": "chat",
    }
    with owner.app.app_context():
        assert setting("chats.days") == 0
        with pytest.raises(Unconfirmed, match="confirm the number 42"):
            set_setting("chats.days", "60")
    assert owner.post(path, **{"chats.days": "60", "confirm-chats.days": "42"}).status_code == 303
    # A longer time deletes nothing, so nothing is asked.
    assert program.said("PUT", "/settings/chats.days", 200, {"value": 100})["value"] == 100


def test_a_day_on_a_full_house_moves_nothing_at_once(owner: Browser) -> None:
    ids = add_chats(owner, 450, changed_at=utc_now() - timedelta(days=400))
    rule(owner.app, 1)
    with owner.app.app_context():
        sweep()
    assert set(states(owner.app, *ids)) == {"there"}
    days_pass(owner.app, 2)
    assert set(states(owner.app, *ids)) == {"trash"}


@pytest.mark.parametrize("days", [400, -400])
def test_a_clock_that_jumps_deletes_nothing(owner: Browser, days: int) -> None:
    app, (open_chat, pinned) = owner.app, add_chats(owner, 2)
    (lost,) = add_chats(owner, 1, deleted_at=utc_now() - timedelta(days=22))
    rule(app, 10)
    days_pass(app, 1)
    days_pass(app, days, at_once=True)
    days_pass(app, 0, at_once=True)
    assert states(app, open_chat, pinned, lost) == ["there", "there", "trash"]
    with app.app_context():
        assert bool(keeping_clock.waits_until()) is (days > 0)
    days_pass(app, -days, at_once=True)
    days_pass(app, 1)
    assert states(app, open_chat, pinned, lost) == ["there", "there", "trash"]
    assert not owner.page("/chats").says(LEAVES)
    days_pass(app, 11)
    assert states(app, open_chat, pinned, lost) == ["trash", "trash", "gone"]


def test_a_computer_that_is_on_once_a_week_deletes_as_well(owner: Browser) -> None:
    app, (id,) = owner.app, add_chats(owner, 1)
    rule(app, 30)
    for _ in range(13):
        days_pass(app, 7, at_once=True)
    assert states(app, id) == ["gone"]


def test_a_project_can_keep_its_chats(owner: Browser) -> None:
    app, (inside, outside) = owner.app, add_chats(owner, 2)
    with app.app_context(), write() as session:
        session.add(Project(id="p", owner_id=owner.person_id, name="The weir"))
        session.flush()
        session.get_one(Chat, inside).project_id = "p"
    rule(app, 10)
    days_pass(app, 5)
    assert owner.page(f"/chats/{inside}").says(LEAVES)
    with app.app_context(), write() as session:
        session.get_one(Project, "p").keeps_chats = True
    assert not owner.page(f"/chats/{inside}").says(LEAVES)
    days_pass(app, 7)
    assert states(app, inside, outside) == ["there", "trash"]
    with app.app_context(), write() as session:
        session.get_one(Project, "p").deleted_at = utc_now()
    days_pass(app, 8)
    assert states(app, inside) == ["trash"]


def test_an_answer_in_progress_and_a_change_in_between_keep_a_chat(owner: Browser) -> None:
    app, (busy, changed) = owner.app, add_chats(owner, 2)
    rule(app, 10)
    days_pass(app, 9)
    with app.app_context(), write() as session:
        about = {"kind": "chat", "lane": f"chat:{busy}", "status": "waiting", "model_asked": "some/model", "owner": "w"}
        session.add(Generation(user_id=owner.person_id, **about))
        session.get_one(Chat, changed).changed_at = utc_now()
    days_pass(app, 2)
    assert states(app, busy, changed) == ["there", "there"]
    assert not owner.page(f"/chats/{changed}").says(LEAVES)


class House:
    """Chats with everything that belongs to one, and what should have become of each by each day."""

    def __init__(self, people: dict[str, int], luck: Random) -> None:
        self.luck, self.day = luck, 0
        self.days_of, self.touched, self.trashed = dict[str, int](), dict[str, int](), dict[str, int]()
        self.staying, self.files = set[str](), dict[str, Path]()
        for person_id, days in people.items():
            for values in ({}, {}, {}, {"is_kept": True}, {"pinned_at": utc_now()}):
                id = self._add(person_id, values)
                self.days_of[id], self.touched[id] = days, 0
                self.staying |= {id} if values else set()

    def _add(self, person_id: str, values: dict[str, object]) -> str:
        id, question, answer, file, collection, document = (new_id() for _ in range(6))
        path = storage.path_of(sha256(id.encode()).hexdigest())
        storage.put(path, f"The file of {id}.".encode())
        self.files[id] = path
        kind = {"kind": "text", "media_type": "text/plain", "name": "a.txt", "bytes": 9, "hash": path.name}
        passage = {"edition": 0, "number": 1, "heading": "", "head": "", "text": f"heron{id}", "overlap": 0, "words": 1}
        asked = {"kind": "chat", "lane": f"chat:{id}", "status": "completed", "model_asked": "some/model", "owner": ""}
        with write() as session:
            session.add(Chat(id=id, owner_id=person_id, title=f"Heron {id}", model="some/model", **values))
            session.add(StoredFile(id=file, owner_id=person_id, is_sent=True, **kind))
            session.flush()
            session.add(ChatFile(chat_id=id, file_id=file))
            session.add(Collection(id=collection, owner_id=person_id, chat_id=id, name="Files"))
            session.add(Message(id=question, chat_id=id, role="user", content=f"What does heron{id} eat?"))
            session.flush()
            session.add(Message(id=answer, chat_id=id, role="assistant", content="Fish.", parent_id=question))
            about = {"title": "A", "state": "ready", "bytes": 1, "characters": 1, "hash": path.name}
            session.add(Document(id=document, collection_id=collection, **about))
            session.flush()
            session.add(Generation(message_id=answer, user_id=person_id, cost="0.01", error="Fish.", **asked))
            session.add(Story(chat_id=id, message_id=question, text="A heron asks."))
            session.add(Draft(user_id=person_id, chat_id=id, text="And then?"))
            session.add(Passage(document_id=document, **passage))
            session.get_one(Chat, id).head_id = answer
        return id

    def live_a_day(self) -> None:
        """Lets a day pass; then people touch some of their chats."""
        self.day += 1
        let_pass(days=1)
        sweep()
        for id, touched in self.touched.items():
            if id not in self.staying and id not in self.trashed and self.day >= touched + self.days_of[id]:
                self.trashed[id] = self.day
            if id not in self.trashed and self.luck.random() < 0.02:
                chats.rename(db.session.get_one(Chat, id), f"Heron {id} {self.day}")
                self.touched[id] = self.day
        db.session.remove()

    def expected(self, id: str) -> str:
        if id not in self.trashed:
            return "there"
        return "trash" if self.day < self.trashed[id] + 30 else "gone"

    def left_of(self, ids: list[str]) -> set[str]:
        """Returns the names of what is there of chats that are gone, and of all that belongs to no chat."""
        left = {id for id in ids if self.files[id].exists()}
        for table in (Message, Story, Draft, ChatFile, Collection):
            chat_id = table.__table__.c.chat_id
            if db.session.scalar(select(chat_id).where(chat_id.not_in(select(Chat.id)), chat_id != "").limit(1)):
                left.add(table.__tablename__)
        for child, parent in ((Document.collection_id, Collection.id), (Passage.document_id, Document.id)):
            if db.session.scalar(select(child).where(child.not_in(select(parent))).limit(1)):
                left.add(str(child))
        alone = select(StoredFile.id).where(StoredFile.id.not_in(select(ChatFile.file_id)))
        texts = select(Generation.id).where(Generation.message_id.is_(None), Generation.error != "")
        queries = {"files": alone, "journal": select(JournalRow.generation_id), "texts of answers": texts}
        return left | {name for name, query in queries.items() if db.session.scalar(query.limit(1))}


@pytest.mark.parametrize(
    ("backend", "days"),
    [
        ("sqlite", 45),
        pytest.param("postgres", 42, marks=pytest.mark.slow),
        *(pytest.param(backend, 365, marks=[pytest.mark.slow, pytest.mark.deep]) for backend in ("sqlite", "postgres")),
    ],
)
def test_over_a_year_exactly_what_should_is_gone(owner: Browser, member: Browser, days: int) -> None:
    app = owner.app
    rule(app, 10)
    group_of(app, member.person_id, 20)
    with app.app_context():
        house = House({owner.person_id: 10, member.person_id: 20}, Random(days))
        count = len(house.touched)
        for _ in range(days):
            house.live_a_day()
            expected = [house.expected(id) for id in house.touched]
            assert states(app, *house.touched) == expected, house.day
        gone = [id for id in house.touched if house.expected(id) == "gone"]
        assert gone
        assert house.left_of(gone) == set()
        assert all(house.files[id].exists() for id in house.touched if id not in gone)
        hits = {id for person in (owner, member) for id in house.touched if search(person.person_id, f"heron{id}").hits}
        assert hits == {id for id in house.touched if house.expected(id) == "there"}
        # The costs stay.
        assert db.session.scalar(select(func.count()).select_from(Generation)) == count
