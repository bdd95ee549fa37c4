"""/api/v1/collections: documents that are granted together, and who may see them."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from flask import Blueprint
from pydantic import Field, StringConstraints

from webapp.accounts.guards import found
from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body
from webapp.knowledge import queries, service, sharing
from webapp.knowledge.queries import Counts
from webapp.knowledge.service import CollectionInput
from webapp.knowledge.tables import Collection

bp = Blueprint("api_collections", __name__, url_prefix="/api/v1/collections")
Level = Annotated[int, Field(ge=0, le=3, description="Who was granted it also needs at least this clearance.")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=120)]
About = Annotated[str, StringConstraints(max_length=2_000)]
To = Literal["everyone", "user", "group"]


class CollectionAnswer(Answer):
    id: str
    name: str
    about: str
    level: Level
    is_own: bool
    can_write: bool = Field(description="Whether you can add and delete documents.")
    documents: int = Field(description="How many documents you can see in it.")
    unfinished: int = Field(description="How many of them are still being read.")
    created_at: datetime
    changed_at: datetime


class CollectionList(Answer):
    collections: list[CollectionAnswer]


class NewCollection(Body):
    name: Name
    about: About = ""
    level: Level = 0


class CollectionChange(Body):
    """Only the fields that are there are changed."""

    name: Name | None = None
    about: About | None = None
    level: Level | None = None


class GrantAnswer(Answer):
    id: str
    to: To
    to_id: str = Field(description="Of the user or the group; empty for everyone on the team.")
    name: str
    right: Literal["read", "write"]


class GrantList(Answer):
    grants: list[GrantAnswer]


class NewGrant(Body):
    to: To
    to_id: str = Field("", max_length=26)
    right: Literal["read", "write"] = "read"


@bp.get("")
@operation("List the collections you can see", scope="read", answer=CollectionList)
def index() -> CollectionList:
    rows = queries.collections(caller())
    counts = queries.counts(caller(), [row.id for row in rows])
    return CollectionList(collections=[_told(row, counts.get(row.id, Counts())) for row in rows])


@bp.post("")
@operation("Create a collection", scope="knowledge", body=NewCollection, answer=CollectionAnswer, status=201, errors=(409,))
def create(body: NewCollection) -> CollectionAnswer:
    return _one(service.create(CollectionInput(**body.model_dump()), by=caller()))


@bp.get("/<id>")
@operation("Show a collection", scope="read", answer=CollectionAnswer)
def show(id: str) -> CollectionAnswer:
    return _one(_visible(id))


@bp.patch("/<id>")
@operation("Update a collection", scope="knowledge", body=CollectionChange, answer=CollectionAnswer, errors=(409,))
def change(id: str, body: CollectionChange) -> CollectionAnswer:
    row, given = _visible(id), body.model_dump(exclude_unset=True, exclude_none=True)
    service.update(row, replace(CollectionInput(row.name, row.about, row.level), **given), by=caller())
    return _one(_visible(id))


@bp.delete("/<id>")
@operation("Delete a collection with its documents; it can be restored", scope="knowledge", status=204)
def delete(id: str) -> None:
    service.delete(_visible(id), by=caller())


@bp.post("/<id>/restore")
@operation("Restore a deleted collection", scope="knowledge", answer=CollectionAnswer)
def restore(id: str) -> CollectionAnswer:
    service.restore(found(queries.collection(caller(), id, is_deleted=True)), by=caller())
    return _one(_visible(id))


@bp.get("/<id>/grants")
@operation("List who can see a collection; for its owner", scope="read", answer=GrantList)
def grants(id: str) -> GrantList:
    row = _visible(id)
    service.refuse_unless_owner(row, caller())
    return _grants(row)


@bp.put("/<id>/grants")
@operation("Grant a collection, or change what was granted", scope="knowledge", body=NewGrant, answer=GrantList, errors=(409,))
def grant(id: str, body: NewGrant) -> GrantList:
    sharing.share(_visible(id), body.to, body.to_id, body.right, by=caller())
    return _grants(_visible(id))


@bp.delete("/<id>/grants/<grant_id>")
@operation("Take a grant away", scope="knowledge", status=204)
def revoke(id: str, grant_id: str) -> None:
    sharing.unshare(_visible(id), grant_id, by=caller())


def _visible(id: str) -> Collection:
    return found(queries.collection(caller(), id))


def _one(row: Collection) -> CollectionAnswer:
    return _told(row, queries.counts(caller(), [row.id]).get(row.id, Counts()))


def _told(row: Collection, counts: Counts) -> CollectionAnswer:
    is_own, can_write = row.owner_id == caller().id, queries.can_write(caller(), row)
    return CollectionAnswer.of(row, is_own=is_own, can_write=can_write, documents=counts.documents, unfinished=counts.unfinished)


def _grants(row: Collection) -> GrantList:
    return GrantList(grants=[GrantAnswer.of(each, id=each.grant_id) for each in sharing.shares(row)])
