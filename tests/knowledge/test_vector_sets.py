"""Each chat with a long file has its own collection: pending embeddings are found quickly among thousands of them."""

import pytest
from sqlalchemy import insert, select

from tests.support.people import user_with_password
from tests.support.statements import statements
from tests.support.steps import steps_on_the_loop
from tests.support.turns import turns_of_the_loop
from webapp.base.db import db, write
from webapp.base.ids import new_id
from webapp.knowledge.tables import Collection, Document, EmbeddedDocument, VectorSet
from webapp.knowledge.vectors import service as vector_service, vector_sets

MANY = 500


def test_what_is_to_be_embedded_is_found_by_a_few_statements(app):
    with app.app_context():
        owner_id = user_with_password("me@example.org", "member").id
        lacking = embedded_but_one(owner_id)
        with steps_on_the_loop(app) as steps, statements(app) as said:
            job = vector_service._next(["m"])
        assert job is not None
        assert (job.document_id, job.person_id) == (lacking, owner_id)
        assert (len(said) < 10, steps.count < 5_000) == (True, True)


def test_a_set_that_has_everything_is_switched_to_before_others_are_filled(app):
    with app.app_context():
        owner_id = user_with_password("me@example.org", "member").id
        lacking = embedded_but_one(owner_id)
        with write() as session:
            whole = session.query(VectorSet).order_by(VectorSet.id).first()
            whole.state = "filling"
            id = whole.id
        job = vector_service._next(["m"])
        assert db.session.get_one(VectorSet, id).state == "current"
        assert job is not None
        assert job.document_id == lacking


@pytest.mark.slow
def test_others_go_on_while_another_model_is_chosen_for_all(app):
    with app.app_context():
        embedded_but_one(user_with_password("me@example.org", "member").id)
        db.session.rollback()
        with turns_of_the_loop() as turn:
            began = turn()
            # No model is set here, so all existing vector sets are dropped.
            vector_sets.arrange()
            turns = turn() - began
        assert set(db.session.scalars(select(VectorSet.state))) == {vector_sets.GONE}
    # Each turn of the event loop takes half a millisecond at least.
    assert turns > 2


def embedded_but_one(owner_id: str) -> str:
    """Adds collections whose document has all of its vectors, except in the last one; returns the id of that one's document."""
    ids = [(new_id(), new_id(), new_id()) for _ in range(MANY)]
    about = {"title": "A manual", "state": "ready", "bytes": 1, "characters": 1, "passages": 1, "edition": 1}
    with write() as session:
        session.execute(insert(Collection), [{"id": id, "owner_id": owner_id, "name": "Manuals"} for id, _, _ in ids])
        documents = [{"id": id, "collection_id": collection, "hash": id, **about} for collection, id, _ in ids]
        session.execute(insert(Document), documents)
        sets = [{"id": set, "collection_id": collection, "model": "m", "state": "current"} for collection, _, set in ids]
        session.execute(insert(VectorSet), sets)
        session.execute(
            insert(EmbeddedDocument), [{"document_id": document, "set_id": set, "edition": 1} for _, document, set in ids[:-1]]
        )
    return ids[-1][1]
