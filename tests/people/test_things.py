"""What is the same for all kinds of things that people own: who decides, how many, the trash, rights and heirs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from click import Option
from flask import Flask
from sqlalchemy import select

from tests.support.browser import Browser
from webapp.api.native.people import DeleteQuery
from webapp.base.audit import AuditEntry
from webapp.base.db import Base, Record, db, utc_now, write
from webapp.base.errors import AppError, Conflict, Forbidden, Invalid
from webapp.characters.lore.tables import Lorebook
from webapp.characters.tables import Character, Persona
from webapp.chat.record.tables import Chat, Project
from webapp.knowledge.tables import Collection, Document
from webapp.models.presets.tables import Preset
from webapp.operations.schedules.tables import Schedule
from webapp.people.accounts.tables import Grant, PersonAuthor, User
from webapp.people.members.commands import erase
from webapp.people.members.service import heirlooms
from webapp.people.things.thing import Thing, things
from webapp.prompts.tables import Prompt
from webapp.tools.servers.tables import ToolServer

# Each with why it is none: it has no verbs of its own, or is a part of another one.
NO_THING = {
    "chat_imports": "a file that arrives once, and is gone when it has been read",
    "facts": "a sentence, which its scope shows: it is forgotten with a receipt, and has no trash",
    "files": "bytes, which belong to the messages that name them",
    "links": "a link of a chat, which its page lists and ends",
    "own_connections": "a person's key, which is never shared, handed over or restored",
    "plan_inputs": "what a person fills in again, one row for each type of plan",
    "plans": "what a model has written once: it is deleted for good, after a question",
    "question_runs": "the figures of all of a person's questions",
    "questions": "a line of the page on which the search is tried",
    "tryouts": "an attempt with a prompt, on the prompt's page",
    "workflow_runs": "the state of a chat that a workflow leads",
}
# One of each kind, by the name of the kind.
MADE: dict[str, Callable[[str], Record]] = {
    "chat": lambda me: Chat(owner_id=me, model="m"),
    "collection": lambda me: Collection(owner_id=me, name="Herons"),
    "document": lambda me: Document(collection_id="there", title="Herons", state="ready", bytes=1, characters=1, hash="0" * 64),
    "character": lambda me: Character(owner_id=me, name="Heron"),
    "persona": lambda me: Persona(owner_id=me, name="Heron"),
    "lorebook": lambda me: Lorebook(owner_id=me, name="Herons", book={"entries": []}),
    "preset": lambda me: Preset(owner_id=me, name="Heron"),
    "project": lambda me: Project(owner_id=me, name="Herons"),
    "prompt": lambda me: Prompt(owner_id=me, key="herons"),
    "schedule": lambda me: Schedule(owner_id=me, title="Herons", rule={}, time_zone="UTC"),
    "tool_server": lambda me: ToolServer(
        **dict.fromkeys(("version", "secrets", "client"), ""),
        owner_id=me,
        name="Herons",
        slug="herons",
        address="https://herons.example",
        sign_in="none",
        is_enabled=True,
    ),
}
# Whose service has these verbs, as what else they change is most of them.
MOVED_BY_OTHERS = {"chat", "document"}
# With another rule for how many there can be: their services have it.
COUNTED_BY_OTHERS = {"chat", "document", "schedule", "tool_server"}
SHARED_BY_OTHERS = {"chat", "document", "character", "prompt"}
# Kept by their owner alone: never shared.
PRIVATE = {"persona", "schedule"}


@pytest.fixture
def put(owner: Browser) -> Callable[[str], tuple[Thing[Any], Any, User]]:
    """Adds one of a kind for the owner; returns its kind, its row and its owner."""

    def made(kind: str) -> tuple[Thing[Any], Any, User]:
        thing = next(thing for thing in things() if thing.kind == kind)
        with write() as session:
            if kind == "document":
                session.add(Collection(id="there", owner_id=owner.person_id, name="C"))
                session.flush()
            row = MADE[kind](owner.person_id)
            session.add(row)
        return thing, row, db.session.get_one(User, owner.person_id)

    return made


def test_each_table_with_an_owner_is_a_thing(app: Flask) -> None:
    with app.app_context():
        owned = {thing.table.__tablename__ for thing in things()}
        kinds = {thing.kind for thing in things()}
    for table in Base.metadata.tables.values():
        assert "owner_id" not in table.columns or table.name in owned | NO_THING.keys(), (
            f"{table.name} has an owner, and nothing of what every owned thing can do: declare a `Thing` "
            "(people/things/thing.py) and bring it in feature.py, or say in NO_THING why it is none"
        )
    assert kinds == MADE.keys(), "add one of each kind to MADE, so that its verbs are tried"
    assert NO_THING.keys() <= {table.name for table in Base.metadata.tables.values()} - owned


def test_programs_can_do_with_each_kind_what_pages_can(app: Flask) -> None:
    rules = {str(rule) for rule in app.url_map.iter_rules()}
    with app.app_context():
        for thing in things():
            path = f"/api/v1/{thing.words.replace(' ', '-')}/<id>"
            assert f"{path}/restore" in rules or not thing.has_trash, f"call `add_trash_operations` for {thing.words}"
            assert f"{path}/grants" in rules or not thing.rights, f"call `add_grant_operations` for {thing.words}"
        shared = [thing.kind for thing in things() if thing.rights]
    pages = [rule for rule in rules if rule.endswith("/people/<grant_id>/remove")]
    assert len(pages) == len(["chat", *shared]), f"call `add_people_pages` for each of {shared}: there are {pages}"


@pytest.mark.parametrize("kind", MADE)
def test_its_owner_decides(put: Callable[[str], tuple[Thing[Any], Any, User]], app: Flask, stranger: Browser, kind: str) -> None:
    with app.app_context():
        thing, row, owner = put(kind)
        other = db.session.get_one(User, stranger.person_id)
        thing.refuse_unless_owner(row, owner)
        with pytest.raises(Forbidden):
            thing.refuse_unless_owner(row, other)


@pytest.mark.parametrize("kind", sorted(MADE.keys() - COUNTED_BY_OTHERS))
def test_there_is_a_limit_which_the_trash_does_not_count_to(
    put: Callable[[str], tuple[Thing[Any], Any, User]], app: Flask, kind: str
) -> None:
    with app.app_context():
        thing, row, owner = put(kind)
        assert thing.most_own
        alone = replace(thing, most_own=1)
        with pytest.raises(Invalid, match=f"You already have 1 {thing.word}s"):
            alone.refuse_too_many(owner.id)
        if thing.has_trash:
            thing.trash(row, by=owner)
            alone.refuse_too_many(owner.id)


@pytest.mark.parametrize("kind", sorted(MADE.keys() - MOVED_BY_OTHERS))
def test_it_comes_back_from_the_trash_with_its_grants(
    put: Callable[[str], tuple[Thing[Any], Any, User]], app: Flask, stranger: Browser, kind: str
) -> None:
    with app.app_context():
        thing, row, owner = put(kind)
        if not thing.has_trash:
            return
        other = db.session.get_one(User, stranger.person_id)
        with write() as session:
            session.add(Grant(object_kind=kind, object_id=row.id, user_id=other.id, right="read"))
        with pytest.raises(Forbidden):
            thing.trash(row, by=other)
        thing.trash(row, by=owner)
        assert row.deleted_at
        with pytest.raises(Conflict, match="has just been deleted"):
            thing.trash(row, by=owner)
        assert list(thing.trashed(owner)) == [row] == [thing.in_trash(owner, row.id)]
        assert (thing.trashed(other), thing.in_trash(other, row.id)) == ([], None)
        with pytest.raises(Forbidden):
            thing.restore(row, by=other)
        thing.restore(row, by=owner)
        assert (row.deleted_at, thing.trashed(owner), thing.in_trash(owner, row.id)) == (None, [], None)
        assert db.session.scalar(select(Grant.user_id).where(Grant.object_id == row.id)) == other.id


@pytest.mark.parametrize("kind", sorted(MADE.keys() - SHARED_BY_OTHERS - PRIVATE))
def test_sharing_is_in_the_audit_log(
    put: Callable[[str], tuple[Thing[Any], Any, User]], app: Flask, stranger: Browser, kind: str
) -> None:
    with app.app_context():
        thing, row, owner = put(kind)
        if kind == "tool_server":
            with pytest.raises(AppError, match="Your own app can't be shared"):
                thing.share(row, "everyone", "", author=PersonAuthor(owner, ""))
            with write():
                row.owner_id = None
        for right in thing.rights:
            thing.share(row, "user", stranger.person_id, right, author=PersonAuthor(owner, ""))
        (share,) = thing.shares(row)
        assert (share.to_id, share.right) == (stranger.person_id, [*thing.rights][-1])
        thing.unshare(row, share.grant_id, author=PersonAuthor(owner, ""))
        assert not thing.shares(row)
        lines = db.session.scalars(select(AuditEntry.action).where(AuditEntry.object_id == row.id).order_by(AuditEntry.id)).all()
        assert lines == [*(f"shared a {thing.word}" for _ in thing.rights), f"stopped sharing a {thing.word}"]


def test_who_erases_an_account_reads_what_can_be_handed_over(app: Flask) -> None:
    help = next(option.help for option in erase.params if isinstance(option, Option) and option.name == "names") or ""
    description = DeleteQuery.model_fields["hand_over"].description or ""
    with app.app_context():
        for name in heirlooms():
            assert name in help, f"name {name} in the help of `flask users erase`"
            assert name in description, f"name {name} in the description of the API"


@pytest.mark.parametrize("kind", MADE)
def test_an_heir_gets_all_of_it(
    put: Callable[[str], tuple[Thing[Any], Any, User]], app: Flask, stranger: Browser, kind: str
) -> None:
    with app.app_context():
        thing, row, owner = put(kind)
        if not thing.heirs_name:
            assert kind in {"persona", "document", "tool_server"}, "say under which name it is handed over, or why it isn't"
            return
        with write() as session:
            assert thing.hand_over_some(session, owner.id, stranger.person_id) == 1
        db.session.refresh(row)
        assert row.owner_id == stranger.person_id
        with write() as session:
            assert thing.hand_over_some(session, owner.id, stranger.person_id) == 0


def test_what_is_large_goes_in_pieces(put: Callable[[str], tuple[Thing[Any], Any, User]], app: Flask) -> None:
    with app.app_context():
        thing, row, owner = put("persona")
        with write() as session:
            session.add_all([Persona(owner_id=owner.id, name=f"{number}", deleted_at=utc_now()) for number in range(25)])
        pieces = list[int]()
        with write() as session:
            session.query(Persona).filter(Persona.id != row.id).update({"deleted_at": utc_now().replace(year=2000)})
        replace(thing, erase=lambda _session, ids: pieces.append(len(ids))).empty_trash()
        assert pieces == [10, 10, 5]
