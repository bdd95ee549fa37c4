"""The trash is emptied in batches: a single statement that deletes a gigabyte blocks for seconds."""

from datetime import timedelta

from sqlalchemy import func, insert, select

from tests.support.people import user_with_password
from tests.support.statements import statements
from webapp.base.db import db, utc_now, write
from webapp.base.ids import new_id
from webapp.characters import profiles
from webapp.characters.tables import Avatar, Character
from webapp.knowledge import trash
from webapp.knowledge.documents import memory
from webapp.knowledge.tables import Collection, Document, DocumentPart
from webapp.knowledge.trash import PARTS_AT_ONCE
from webapp.people.things.thing import ERASED_AT_ONCE

PARTS = 3 * PARTS_AT_ONCE


def test_the_bytes_of_documents_go_before_them(app):
    with app.app_context():
        add(deleted_at=trash.LONG_AGO)
        with statements(app) as said:
            trash.empty()
        assert left() == (0, 0)
    check([(statement, values) for statement, values in said if statement.startswith("DELETE")])


def test_so_do_those_of_answers_that_are_forgotten(app):
    with app.app_context():
        add(deleted_at=utc_now(), message_id=new_id())
        with statements(app) as said:
            memory.erase()
        assert left() == (0, 0)
    check([(statement, values) for statement, values in said if statement.startswith("DELETE")])


def test_characters_go_a_few_at_a_time(app):
    with app.app_context():
        owner_id = user_with_password("me@example.org", "member").id
        pictures = [new_id() for _ in range(3 * ERASED_AT_ONCE)]
        old = {"owner_id": owner_id, "name": "Ann", "deleted_at": utc_now() - timedelta(days=400)}
        with write() as session:
            session.execute(insert(Avatar), [{"id": id, "media_type": "image/png", "content": b"x"} for id in pictures])
            session.execute(insert(Character), [{**old, "id": new_id(), "avatar_id": id} for id in pictures])
        with statements(app) as said:
            profiles.CHARACTERS.empty_trash()
        assert db.session.scalar(select(func.count(Character.id)).where(Character.owner_id == owner_id)) == 0
        assert db.session.scalar(select(func.count(Avatar.id)).where(Avatar.id.in_(pictures))) == 0
    assert max(len(values) for statement, values in said if statement.startswith("DELETE FROM avatars")) == ERASED_AT_ONCE


def add(**more) -> None:
    """Adds two documents with many parts."""
    owner_id, collection_id = user_with_password("me@example.org", "member").id, new_id()
    about = {"title": "A manual", "state": "ready", "bytes": 1, "characters": 1, "collection_id": collection_id, **more}
    ids = [new_id() for _ in range(2)]
    parts = [{"document_id": id, "number": number, "content": b"x"} for id in ids for number in range(PARTS)]
    with write() as session:
        session.add(Collection(id=collection_id, owner_id=owner_id, name="Manuals"))
        session.flush()
        session.execute(insert(Document), [{"id": id, "hash": id, **about} for id in ids])
        session.execute(insert(DocumentPart), parts)


def left() -> tuple[int | None, int | None]:
    return tuple(db.session.scalar(select(func.count()).select_from(table)) for table in (Document, DocumentPart))


def check(deleted) -> None:
    """Asserts that all parts were deleted, a few in each statement, before the first document was."""
    of_parts = [len(values) for statement, values in deleted if statement.startswith("DELETE FROM document_parts") and values]
    assert (sum(of_parts), max(of_parts)) == (2 * 2 * PARTS, 2 * PARTS_AT_ONCE)
    places = [statement.startswith("DELETE FROM document_parts") for statement, _ in deleted]
    documents = next(place for place, (statement, _) in enumerate(deleted) if statement.startswith("DELETE FROM documents"))
    assert not any(places[documents:])
