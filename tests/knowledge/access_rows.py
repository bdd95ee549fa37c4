"""Who can access collections and documents, and how these are created for each attempt."""

from typing import Any

from tests.attacks.world import CANARY, World, added, makes
from webapp.base.db import utc_now
from webapp.base.ids import new_id
from webapp.knowledge.tables import Collection, Document, DocumentPart, Passage, TrialQuestion
from webapp.people.accounts.tables import Grant

TABLE = {
    ("people", ()): """
        GET knowledge.index signed_in
        POST knowledge.create signed_in
        GET trying.show signed_in
        POST trying.keep signed_in
        POST trying.run signed_in
    """,
    ("one's own", ("collection",)): """
        GET knowledge.show signed_in
        GET quoted.show signed_in
        GET knowledge.events signed_in
        GET knowledge.edit signed_in
        POST knowledge.update signed_in
        POST knowledge.delete signed_in
        POST knowledge.add signed_in
        POST knowledge.embed signed_in
    """,
    ("one's own", ("deleted collection",)): "POST knowledge.restore signed_in",
    ("one's own, but no guest", ("collection",)): """
        GET knowledge.people signed_in
        POST knowledge.share signed_in
    """,
    ("one's own", ("collection", "collection grant")): "POST knowledge.unshare signed_in",
    ("one's own", ("document",)): """
        GET documents.show signed_in
        GET documents.file signed_in
        POST documents.update signed_in
        POST documents.again signed_in
        POST documents.delete signed_in
    """,
    ("one's own", ("deleted document",)): "POST documents.restore signed_in",
    ("one's own", ("question",)): "POST trying.delete signed_in",
}


@makes("collection")
def collection(world: World, state: str, **more: Any) -> str:
    world.last_collection = added(Collection(owner_id=world.whose(state), name=CANARY, about=CANARY, **more)).id
    return world.last_collection


@makes("deleted collection")
def deleted_collection(world: World, state: str) -> str:
    return collection(world, state, deleted_at=utc_now())


@makes("collection grant")
def collection_grant(world: World, _state: str) -> str:
    """Adds a grant for the collection that was made last."""
    made = {"object_kind": "collection", "object_id": world.last_collection, "right": "read"}
    return str(added(Grant(user_id=world.other, **made)).id)


@makes("document")
def document(world: World, state: str, **more: Any) -> str:
    said = {"title": CANARY, "name": "canary.txt", "hash": new_id(), "bytes": 1, "characters": 1, "state": "ready", "edition": 1}
    id = str(added(Document(collection_id=collection(world, state), **said, **more)).id)
    added(DocumentPart(document_id=id, number=0, content=b"1"))
    added(Passage(document_id=id, edition=1, number=0, heading="", head="", text=CANARY, overlap=0, words=1))
    return id


@makes("deleted document")
def deleted_document(world: World, state: str) -> str:
    return document(world, state, deleted_at=utc_now())


@makes("question")
def question(world: World, state: str) -> str:
    return str(added(TrialQuestion(owner_id=world.whose(state), text=CANARY)).id)
