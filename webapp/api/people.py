"""/api/v1/users: who is here, who is invited, and what is done with accounts; for admins."""

from datetime import datetime

from flask import Blueprint, url_for

from webapp.accounts import invites, people, queries
from webapp.accounts.access import announce
from webapp.accounts.tables import User
from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas.people import (
    DeleteQuery,
    InviteAnswer,
    InviteLink,
    InviteList,
    NewInvite,
    PersonAnswer,
    PersonChange,
    PersonList,
)
from webapp.web.guards import client_address, found, own_address

bp = Blueprint("api_users", __name__, url_prefix="/api/v1/users")


@bp.get("")
@operation("List everybody who has an account", scope="admin", answer=PersonList)
def index() -> PersonList:
    return PersonList(users=[_told(user, seen_at) for user, seen_at in queries.people()])


@bp.get("/<id>")
@operation("Show an account", scope="admin", answer=PersonAnswer)
def show(id: str) -> PersonAnswer:
    return _now(id)


@bp.patch("/<id>")
@operation("Change a role, disable or enable an account", scope="admin", body=PersonChange, answer=PersonAnswer, errors=(409,))
def change(id: str, body: PersonChange) -> PersonAnswer:
    person, me, address = found(queries.person(id)), caller(), client_address()
    if body.role is not None:
        people.change_role(person, body.role, by=me, address=address)
    if body.is_disabled is not None:
        (people.disable if body.is_disabled else people.enable)(found(queries.person(id)), by=me, address=address)
    announce(id)
    return _now(id)


@bp.delete("/<id>")
@operation("Delete an account with everything in it, for good", scope="admin", query=DeleteQuery, status=204, errors=(409,))
def delete(id: str, query: DeleteQuery) -> None:
    people.delete_person(found(queries.person(id)), query.email, by=caller(), address=client_address())
    announce(id)


@bp.get("/invites")
@operation("List the links by which somebody can come in", scope="admin", answer=InviteList)
def index_invites() -> InviteList:
    return InviteList(invites=[InviteAnswer.of(each) for each in queries.open_invites()])


@bp.post("/invites")
@operation(
    "Make a link by which somebody can come in", scope="admin", body=NewInvite, answer=InviteLink, status=201, errors=(409,)
)
def invite(body: NewInvite) -> InviteLink:
    token = invites.invite(body.role, body.email, by=caller(), address=client_address())
    return InviteLink(link=own_address(url_for("accounts.invited", token=token)))


@bp.delete("/invites/<id>")
@operation("Revoke a link that nobody has used yet", scope="admin", status=204)
def revoke_invite(id: str) -> None:
    invites.revoke_invite(id, by=caller(), address=client_address())


def _now(id: str) -> PersonAnswer:
    return next((_told(user, seen_at) for user, seen_at in queries.people() if user.id == id), None) or found(None)


def _told(user: User, seen_at: datetime | None) -> PersonAnswer:
    return PersonAnswer.of(user, seen_at=seen_at)
