"""Documents that a server on another, permanently failed host was to read: another server continues them unprompted."""

import hashlib

import pytest

from tests.support.waiting import until
from webapp.base.db import db, write
from webapp.engine import chores
from webapp.knowledge.tables import Document, DocumentPart

RAW = b"# The mill\n\nIt grinds rye."


@pytest.mark.slow
def test_it_is_looked_for_and_read(app, member) -> None:
    collection_id = member.submit("/knowledge", name="Mills", about="").path.rpartition("/")[2]
    size = {"hash": hashlib.sha256(RAW).hexdigest(), "bytes": len(RAW), "characters": len(RAW)}
    with app.app_context():
        with write() as session:
            left = Document(collection_id=collection_id, added_by=member.person_id, title="Mill", name="mill.md", **size)
            left.state = "waiting"
            session.add(left)
            session.flush()
            session.add(DocumentPart(document_id=left.id, number=0, content=RAW))
            id = left.id
        # One that is alone has looked when it started, and does all of it itself.
        assert not chores.resume_all()

    def is_read() -> bool:
        with app.app_context():
            return db.session.get_one(Document, id).state == "ready"

    until(is_read, "it is read")
