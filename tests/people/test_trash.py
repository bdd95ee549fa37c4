"""Everything that has a trash is in the sweep: it goes when its days are over, and not because a clock has jumped."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from tests.support.browser import Browser
from tests.support.later import let_pass
from webapp.base.db import Base, Record, db, utc_now, write
from webapp.characters.lore.tables import Lorebook
from webapp.characters.tables import Character, Persona
from webapp.chat.record.tables import Chat, Message, Project
from webapp.knowledge.tables import Collection, Document
from webapp.models.presets.tables import Preset
from webapp.operations.keeping import service as keeping_service
from webapp.operations.keeping.holdings import shown_holdings
from webapp.people.things.thing import empty_all, things

# What was deleted there is only known to have been.
NO_TRASH = {"deleted_connections", "deleted_tool_servers"}
IN_TRASH: dict[type[Record], Callable[[str], Record]] = {
    Chat: lambda me: Chat(owner_id=me, model="m"),
    Message: lambda me: Message(chat_id="there", role="user", content="Herons"),
    Collection: lambda me: Collection(owner_id=me, name="Herons"),
    Document: lambda me: Document(collection_id="there", title="Herons", state="ready", bytes=1, characters=1, hash="0" * 64),
    Character: lambda me: Character(owner_id=me, name="Heron"),
    Persona: lambda me: Persona(owner_id=me, name="Heron"),
    Lorebook: lambda me: Lorebook(owner_id=me, name="Herons", book={"entries": []}),
    Preset: lambda me: Preset(owner_id=me, name="Heron"),
    Project: lambda me: Project(owner_id=me, name="Herons"),
}


def trashed(owner: Browser, table: type[Record]) -> str:
    """Adds a row that was deleted 20 days ago."""
    with write() as session:
        session.add_all(
            [Chat(id="there", owner_id=owner.person_id, model="m"), Collection(id="there", owner_id=owner.person_id, name="C")]
        )
        session.flush()
        row = IN_TRASH[table](owner.person_id)
        row.deleted_at = utc_now() - timedelta(days=20)  # type: ignore[attr-defined]  # each of these has one
        session.add(row)
    return row.id


def is_there(table: type[Record], id: str) -> bool:
    db.session.remove()
    return db.session.get(table, id) is not None


def test_each_table_with_deleted_rows_is_in_the_sweep(app: Flask) -> None:
    with app.app_context():
        swept = {table.__tablename__ for thing in things() if thing.has_trash for table in (thing.table, *thing.parts)}
    for table in Base.metadata.tables.values():
        assert "deleted_at" not in table.columns or table.name in swept | NO_TRASH, (
            f"Nothing ever deletes the deleted rows of {table.name} for good: declare a `Thing` (webapp/people/things/thing.py), "
            "bring it in feature.py, and add a row to IN_TRASH in this test"
        )
    assert swept == {table.__tablename__ for table in IN_TRASH}, "add a row for each of them to IN_TRASH"


def test_what_belongs_to_a_person_goes_with_them(app: Flask) -> None:
    for table in Base.metadata.tables.values():
        for key in table.columns["owner_id"].foreign_keys if "owner_id" in table.columns else ():
            assert key.ondelete in ("CASCADE", "SET NULL"), (
                f"{table.name}.owner_id stops an account from being deleted: give its foreign key an `ondelete`"
            )


@pytest.mark.parametrize("table", IN_TRASH)
def test_it_goes_when_its_days_are_over(owner: Browser, table: type[Record]) -> None:
    with owner.app.app_context():
        id = trashed(owner, table)
        keeping_service.sweep()
        assert is_there(table, id)
        for _ in range(11):
            let_pass(days=1)
            keeping_service.sweep()
        assert not is_there(table, id)


@pytest.mark.parametrize("table", IN_TRASH)
def test_a_clock_that_jumps_takes_nothing_from_the_trash(owner: Browser, table: type[Record]) -> None:
    with owner.app.app_context():
        id = trashed(owner, table)
        keeping_service.sweep()
        let_pass(days=40)
        # As each deletion does.
        empty_all()
        keeping_service.sweep()
        assert is_there(table, id)


@pytest.mark.parametrize("table", IN_TRASH)
def test_it_is_counted_under_keeping(owner: Browser, table: type[Record]) -> None:
    with owner.app.app_context():
        trashed(owner, table)
        assert [holding.count for holding in shown_holdings() if holding.title == "Trash"] == ["1 deleted item"]
