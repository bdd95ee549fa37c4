"""/api/v1/users: accounts and invitations; /api/v1/groups: people who are granted permissions together; for admins."""

from datetime import datetime
from typing import Literal

from flask import Blueprint, url_for
from pydantic import Field

from webapp.api.access import caller
from webapp.api.native.receipts import SignedReceipt
from webapp.api.operations import operation
from webapp.api.schemas import CONFIRM, Answer, Body, Cursor, Named, Query
from webapp.base.changes import access_changed
from webapp.base.heavy.turns import by_turns
from webapp.base.inputs import Name
from webapp.people.accounts import creation_limit, directory, queries
from webapp.people.accounts.guards import audit_author, found, own_address
from webapp.people.accounts.tables import Group, User
from webapp.people.members import groups, invites, service as people_service
from webapp.people.members.chat_days import MOST_DAYS

bp = Blueprint("api_users", __name__, url_prefix="/api/v1/users")
RoleName = Literal["owner", "admin", "member", "guest"]


class PersonAnswer(Answer):
    id: str
    email: str
    name: str
    role: RoleName
    clearance: int = Field(description="Up to which level, 0 to 3, they see documents that were granted to them.")
    created_at: datetime
    disabled_at: datetime | None
    seen_at: datetime | None = Field(description="When a signed-in browser of theirs was last seen.")


class PersonList(Answer):
    users: list[PersonAnswer]


class PersonChange(Body):
    role: RoleName | None = None
    is_disabled: bool | None = None
    clearance: int | None = Field(None, ge=0, le=3)


class DeleteQuery(Query):
    email: str = Field("", max_length=254, description="The account's email, as confirmation.")
    hand_over_to: Cursor = Field("", description="The id of who gets what `hand_over` names; empty to erase everything.")
    hand_over: str = Field(
        "",
        max_length=200,
        description="Any of chats, characters, collections, presets, projects, prompts and schedules, separated by commas.",
    )
    collections_to: Cursor = Field("", description="The same as `hand_over_to` with `hand_over=collections`.")

    @property
    def inheritance(self) -> people_service.Inheritance:
        if self.collections_to:
            return people_service.Inheritance(self.collections_to, ("collections",))
        return people_service.Inheritance(self.hand_over_to, [name.strip() for name in self.hand_over.split(",") if name.strip()])


class ReceiptLineAnswer(Answer):
    words: str
    count: int
    fate: Literal["erased", "rewritten", "kept", "handed over"]


class ReceiptAnswer(Answer):
    email: str
    erased_at: datetime
    heir: str = Field(description="The email of who got what was handed over; empty if nobody did.")
    lines: list[ReceiptLineAnswer]
    left: list[ReceiptLineAnswer] = Field(description="What should be gone and isn't, which only a fault leaves.")
    signed: SignedReceipt = Field(description="What is kept of it.")


class NewInvite(invites.InviteInput):
    role: Literal["admin", "member", "guest"]


class InviteAnswer(Answer):
    id: str
    role: str
    email: str
    created_at: datetime
    expires_at: datetime


class InviteList(Answer):
    invites: list[InviteAnswer]


class InviteLink(Answer):
    link: str = Field(description="Shown only once.")


@bp.get("")
@operation("List all accounts", scope="admin", answer=PersonList)
def index() -> PersonList:
    return PersonList(users=[_answer_of(user, seen_at) for user, seen_at in directory.all_people()])


@bp.get("/<id>")
@operation("Show an account", scope="admin", answer=PersonAnswer)
def show(id: str) -> PersonAnswer:
    return _now(id)


@bp.patch("/<id>")
@operation(
    "Change an account's role or clearance, or disable or enable it",
    scope="admin",
    body=PersonChange,
    answer=PersonAnswer,
    errors=(409,),
)
def change(id: str, body: PersonChange) -> PersonAnswer:
    person, author = found(queries.person(id)), audit_author()
    if body.role is not None:
        people_service.change_role(person, body.role, author=author)
    if body.is_disabled is not None:
        (people_service.disable if body.is_disabled else people_service.enable)(found(queries.person(id)), author=author)
    if body.clearance is not None:
        people_service.change_clearance(found(queries.person(id)), body.clearance, author=author)
    access_changed(id)
    return _now(id)


@bp.delete("/<id>")
@operation(
    "Permanently delete an account and everything in it, and get the receipt",
    scope="admin",
    query=DeleteQuery,
    answer=ReceiptAnswer,
    errors=(409,),
)
def delete(id: str, query: DeleteQuery) -> ReceiptAnswer:
    receipt = people_service.delete_person(found(queries.person(id)), query.email, author=audit_author(), to=query.inheritance)
    return ReceiptAnswer(**receipt.record)


@bp.get("/invites")
@operation("List pending invites", scope="admin", answer=InviteList)
def index_invites() -> InviteList:
    return InviteList(invites=[InviteAnswer.of(open_invite) for open_invite in queries.open_invites()])


@bp.post("/invites")
@operation("Create an invite link", scope="admin", body=NewInvite, answer=InviteLink, status=201, errors=(409,))
def invite(body: NewInvite) -> InviteLink:
    creation_limit.count(caller().id)
    token = invites.invite(body, author=audit_author())
    return InviteLink(link=own_address(url_for("accounts.invited", token=token)))


@bp.delete("/invites/<id>")
@operation("Revoke a pending invite", scope="admin", status=204)
def revoke_invite(id: str) -> None:
    invites.revoke_invite(id, author=audit_author())


def _now(id: str) -> PersonAnswer:
    return _answer_of(*found(directory.one(id)))


def _answer_of(user: User, seen_at: datetime | None) -> PersonAnswer:
    return PersonAnswer.of(user, seen_at=seen_at)


groups_bp = Blueprint("api_groups", __name__, url_prefix="/api/v1/groups")


class GroupMember(Answer):
    id: str
    email: str
    name: str


class GroupAnswer(Named):
    members: list[GroupMember]
    chat_days: int | None = Field(description="How many days chats of its members are kept; 0: for ever; null: as the team's.")


class GroupList(Answer):
    groups: list[GroupAnswer]


class NewGroup(Body):
    name: Name


class GroupChange(Body):
    name: Name | None = None
    chat_days: int | None = Field(None, ge=0, le=MOST_DAYS, description="0 keeps chats for ever; null is as the team's.")
    confirm: int | None = Field(None, description=CONFIRM)


@groups_bp.get("", endpoint="index")
@operation("List all groups with their members", scope="admin", answer=GroupList)
def index_groups() -> GroupList:
    return GroupList(groups=[_group_answer(group) for group, _ in by_turns(queries.groups())])


@groups_bp.post("", endpoint="create")
@operation("Create a group", scope="admin", body=NewGroup, answer=GroupAnswer, status=201, errors=(409,))
def create_group(body: NewGroup) -> GroupAnswer:
    creation_limit.count(caller().id)
    return _group_answer(groups.create(body.name, author=audit_author()))


@groups_bp.get("/<id>", endpoint="show")
@operation("Show a group with its members", scope="admin", answer=GroupAnswer)
def show_group(id: str) -> GroupAnswer:
    return _group_answer(_group(id))


@groups_bp.patch("/<id>", endpoint="rename")
@operation(
    "Rename a group, or change how long chats of its members are kept",
    scope="admin",
    body=GroupChange,
    answer=GroupAnswer,
    errors=(409,),
)
def rename_group(id: str, body: GroupChange) -> GroupAnswer:
    if "chat_days" in body.model_fields_set:
        groups.keep_chats(_group(id), body.chat_days, author=audit_author(), confirmed=body.confirm)
    if body.name is not None:
        groups.rename(_group(id), body.name, author=audit_author())
    return _group_answer(_group(id))


@groups_bp.delete("/<id>", endpoint="delete")
@operation("Delete a group; its members keep their accounts", scope="admin", status=204)
def delete_group(id: str) -> None:
    groups.delete_group(_group(id), author=audit_author())


@groups_bp.put("/<id>/members/<user_id>")
@operation("Add someone to a group (idempotent)", scope="admin", answer=GroupAnswer, errors=(409,))
def put_in(id: str, user_id: str) -> GroupAnswer:
    groups.put_in(_group(id), user_id, author=audit_author())
    return _group_answer(_group(id))


@groups_bp.delete("/<id>/members/<user_id>")
@operation("Remove someone from a group", scope="admin", status=204)
def take_out(id: str, user_id: str) -> None:
    groups.take_out(_group(id), user_id, author=audit_author())


def _group(id: str) -> Group:
    return found(queries.group(id))


def _group_answer(group: Group) -> GroupAnswer:
    members = [GroupMember(id=person.id, email=person.email, name=person.name) for person in queries.people_of(group.id)]
    return GroupAnswer(id=group.id, name=group.name, members=members, chat_days=group.chat_days)
