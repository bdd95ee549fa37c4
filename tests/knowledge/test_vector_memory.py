"""The vector cache: loaded once, bounded, nearest first, and only with documents that the search is limited to."""

import time
from array import array

import pytest
from sqlalchemy import select

from tests.conftest import signed_in
from tests.knowledge.placing import place
from webapp.base.db import db, write
from webapp.base.heavy.bounded import TooLate
from webapp.knowledge.search.nearest import Vectors
from webapp.knowledge.search.semantic_search import VectorMemory, VectorsTooLarge
from webapp.knowledge.tables import Collection, Passage, PassageVector, VectorSet
from webapp.knowledge.vectors.embedder import alikeness, packed
from webapp.people.accounts import queries as account_queries
from webapp.settings.service import set_setting

# Sixty vectors of this size are more than half a megabyte.
DIMENSIONS = 2_560


def test_vectors_are_stored_with_length_one_and_compared_by_their_angle():
    assert array("f", packed([3.0, 4.0])).tolist() == pytest.approx([0.6, 0.8])
    assert array("f", packed([0.0, 0.0])).tolist() == [0, 0]
    assert alikeness([packed([1.0, 0.0]), packed([0.0, 1.0]), packed([1.0, 1.0])]) == pytest.approx((0 + 2 * 0.5**0.5) / 3)


def test_the_nearest_are_found_among_the_documents_that_are_asked_for():
    one, two = "a:1:3", "b:1:1"
    vectors = Vectors(2)
    vectors.add([(1, one, packed([1.0, 0.0])), (2, one, packed([1.0, 1.0])), (3, one, packed([0.0, 1.0]))])
    vectors.add([(4, two, packed([1.0, 0.1]))])
    assert (vectors.missing([one, two, "b:2:1"]), vectors.size) == (["b:2:1"], 32)

    def nearest(*editions, least=0.0, most=10):
        return [row for _, row in vectors.nearest(packed([1.0, 0.0]), editions, least=least, most=most)]

    assert nearest(one, two) == [1, 4, 2, 3]
    assert nearest(one) == [1, 2, 3]
    assert nearest(two) == [4]
    assert nearest(one, two, least=0.9) == [1, 4]
    assert nearest(one, two, most=3) == [1, 4, 2]
    assert nearest(one, two, least=1.1) == []
    # One of them was deleted after the search had looked it up.
    assert nearest(two, "c:1:1") == [4]


def test_what_is_held_is_read_once_and_stays_within_its_bound(app):
    signed_in(app, "reader@example.org", "member")
    with app.app_context():
        sets = [_made(number) for number in range(2)]
        memory, later = VectorMemory(), time.monotonic() + 60
        first = memory.loaded(*sets[0], until=later)
        assert first.size == 60 * DIMENSIONS * 4
        assert memory.loaded(*sets[0], until=later) is first
        assert first.size == 60 * DIMENSIONS * 4
        with pytest.raises(TooLate):
            memory.loaded(*sets[1], until=time.monotonic() - 1)

        # If two sets don't fit, the last used one is kept; a set that alone doesn't fit is not cached.
        set_setting("knowledge.vector_megabytes", "1")
        memory.loaded(*sets[1], until=later)
        assert memory.loaded(*sets[0], until=later) is not first
        id, dimensions, editions = sets[0]
        assert not memory.lacks(id, editions)
        assert memory.lacks(id, ["gone:1:1"])
        with pytest.raises(VectorsTooLarge):
            memory.loaded(id, dimensions, [*editions, "another:1:200"], until=later)


def _made(number: int) -> tuple[str, int, list[str]]:
    """Adds a set with a document of sixty passages."""
    reader_id = account_queries.user_by_email("reader@example.org").id
    with write(keeps_loaded=True) as session:
        collection = Collection(owner_id=reader_id, name=f"Corpus {number}")
        session.add(collection)
        session.flush()
        document = place(session, collection, f"Document {number}", [f"word{count}" for count in range(60)])
        made = VectorSet(collection_id=collection.id, model="some/vectors", state="current", dimensions=DIMENSIONS)
        session.add(made)
        session.flush()
        rows = session.scalars(select(Passage.row).where(Passage.document_id == document.id)).all()
        vector = packed([1.0] * DIMENSIONS)
        session.add_all(PassageVector(passage_row=row, set_id=made.id, vector=vector) for row in rows)
        found = made.id, DIMENSIONS, [f"{document.id}:1:60"]
    db.session.rollback()
    return found
