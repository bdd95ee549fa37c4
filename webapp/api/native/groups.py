"""/api/v1/groups: people who are granted permissions together; for admins."""

from flask import Blueprint
from pydantic import BaseModel

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body, Line
from webapp.base.changes import access_changed
from webapp.base.heavy.turns import by_turns
from webapp.people.accounts import creation_limit, queries
from webapp.people.accounts.guards import client_address, found
from webapp.people.accounts.tables import Group
from webapp.people.members import groups

bp = Blueprint("api_groups", __name__, url_prefix="/api/v1/groups")


class GroupMember(BaseModel):
    id: str
    email: str
    name: str


class GroupAnswer(Answer):
    id: str
    name: str
    members: list[GroupMember]


class GroupList(Answer):
    groups: list[GroupAnswer]


class NewGroup(Body):
    name: Line


@bp.get("")
@operation("List all groups with their members", scope="admin", answer=GroupList)
def index() -> GroupList:
    return GroupList(groups=[_answer_of(group) for group, _ in by_turns(queries.groups())])


@bp.post("")
@operation("Create a group", scope="admin", body=NewGroup, answer=GroupAnswer, status=201, errors=(409,))
def create(body: NewGroup) -> GroupAnswer:
    creation_limit.count(caller().id)
    return _answer_of(groups.create(body.name, by=caller(), address=client_address()))


@bp.get("/<id>")
@operation("Show a group with its members", scope="admin", answer=GroupAnswer)
def show(id: str) -> GroupAnswer:
    return _answer_of(_group(id))


@bp.patch("/<id>")
@operation("Rename a group", scope="admin", body=NewGroup, answer=GroupAnswer, errors=(409,))
def rename(id: str, body: NewGroup) -> GroupAnswer:
    groups.rename(_group(id), body.name, by=caller(), address=client_address())
    return _answer_of(_group(id))


@bp.delete("/<id>")
@operation("Delete a group; its members keep their accounts", scope="admin", status=204)
def delete(id: str) -> None:
    group, inside = _group(id), [each.id for each in queries.people_of(id)]
    groups.delete_group(group, by=caller(), address=client_address())
    for person_id in inside:
        access_changed(person_id)


@bp.put("/<id>/members/<user_id>")
@operation("Put someone into a group; twice is once", scope="admin", answer=GroupAnswer, errors=(409,))
def put_in(id: str, user_id: str) -> GroupAnswer:
    groups.put_in(_group(id), user_id, by=caller(), address=client_address())
    access_changed(user_id)
    return _answer_of(_group(id))


@bp.delete("/<id>/members/<user_id>")
@operation("Take someone out of a group", scope="admin", status=204)
def take_out(id: str, user_id: str) -> None:
    groups.take_out(_group(id), user_id, by=caller(), address=client_address())
    access_changed(user_id)


def _group(id: str) -> Group:
    return found(queries.group(id))


def _answer_of(group: Group) -> GroupAnswer:
    members = [GroupMember(id=each.id, email=each.email, name=each.name) for each in queries.people_of(group.id)]
    return GroupAnswer(id=group.id, name=group.name, members=members)
