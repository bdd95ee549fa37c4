"""What programs can do with every kind of things: delete, restore, and say who can use one."""

from collections.abc import Callable, Iterable
from typing import Literal, Self, TypeVar, get_type_hints

from flask import Blueprint
from pydantic import Field

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body
from webapp.people.accounts.guards import audit_author, found
from webapp.people.things.shares import Share
from webapp.people.things.thing import Owned, Thing

To = Literal["everyone", "user", "group"]
T = TypeVar("T", bound=Owned)
A = TypeVar("A", bound=Answer)


class GrantAnswer(Answer):
    id: str
    to: To
    to_id: str = Field(description="Of the user or the group; empty for everyone on the team.")
    name: str
    right: Literal["read", "write"]


class GrantList(Answer):
    grants: list[GrantAnswer]

    @classmethod
    def to(cls, shares: Iterable[Share]) -> Self:
        return cls(grants=[GrantAnswer.of(share, id=share.grant_id) for share in shares])


class _Whom(Body):
    to: To
    to_id: str | None = Field(None, max_length=26, description="Of the user or the group; null, empty or left out for everyone.")


class NewReader(_Whom):
    right: Literal["read"] = "read"


class NewGrant(_Whom):
    right: Literal["read", "write"] = "read"


def seen(thing: Thing[T], id: str) -> T:
    """Returns one that the caller can see; raises `NotFound` for others."""
    return found(thing.seen(caller(), id))


def own(thing: Thing[T], id: str) -> T:
    """Returns one that the caller may change; raises `Forbidden` for one that they can only see."""
    row = seen(thing, id)
    thing.refuse_unless_owner(row, caller())
    return row


def add_trash_operations(
    bp: Blueprint,
    thing: Thing[T],
    answer: Callable[[T], A],
    *,
    scope: str,
    deleting: str,
    restoring: str,
) -> None:
    """Adds the operations that move one to the trash and back; `answer`, which declares its type, describes one."""

    @bp.delete("/<id>")
    @operation(deleting, scope=scope, status=204, errors=(409,))
    def delete(id: str) -> None:
        thing.trash(seen(thing, id), by=caller())

    @bp.post("/<id>/restore")
    @operation(restoring, scope=scope, answer=get_type_hints(answer)["return"], errors=(409, 422))
    def restore(id: str) -> A:
        thing.restore(found(thing.in_trash(caller(), id)), by=caller())
        return answer(seen(thing, id))


def add_grant_operations(
    bp: Blueprint,
    thing: Thing[T],
    *,
    scope: str,
    read_scope: str = "read",
    listing: str,
    granting: str,
    revoking: str,
) -> None:
    """Adds the operations on the grants of one kind of objects."""
    body_class = NewGrant if len(thing.rights) > 1 else NewReader

    @bp.get("/<id>/grants")
    @operation(listing, scope=read_scope, answer=GrantList)
    def grants(id: str) -> GrantList:
        return GrantList.to(thing.shares(own(thing, id)))

    @bp.put("/<id>/grants")
    @operation(granting, scope=scope, body=body_class, answer=GrantList, errors=(409,), named={"whom": "to_id"})
    def grant(id: str, body: NewReader | NewGrant) -> GrantList:
        thing.share(seen(thing, id), body.to, body.to_id or "", body.right, author=audit_author())
        return GrantList.to(thing.shares(seen(thing, id)))

    @bp.delete("/<id>/grants/<grant_id>")
    @operation(revoking, scope=scope, status=204)
    def revoke(id: str, grant_id: str) -> None:
        thing.unshare(seen(thing, id), grant_id, author=audit_author())
