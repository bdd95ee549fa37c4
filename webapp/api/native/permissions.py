"""/api/v1/permissions: which features each role and group can use, for admins."""

from typing import Annotated, Literal

from flask import Blueprint
from pydantic import Field

from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body
from webapp.people.accounts.guards import audit_author
from webapp.people.accounts.permissions import change, overrides, role_may
from webapp.people.accounts.roles import PERMISSIONS, ROLES

bp = Blueprint("api_permissions", __name__, url_prefix="/api/v1/permissions")
# Those that can be changed: owners have every permission.
ChangeableRole = Literal["admin", "member", "guest"]
PermissionName = Annotated[str, Field(max_length=20)]
MOST_GROUPS = 1_000


class PermissionAnswer(Answer):
    name: str
    title: str
    sentence: str
    roles: dict[str, bool] = Field(description="Whether each role has it.")
    groups: dict[str, bool] = Field(description="What groups say instead, by their ids. If groups differ, false decides.")


class PermissionList(Answer):
    permissions: list[PermissionAnswer]


class PermissionChange(Body):
    """What is left out stays as it is; within a role or a group, permissions that are left out are as they were at first."""

    roles: dict[ChangeableRole, dict[PermissionName, bool]] | None = Field(
        None, description="Whether each role has each permission, for all roles: those left out are as in a new installation."
    )
    groups: dict[str, dict[PermissionName, bool]] | None = Field(
        None, description="What groups say, by their ids; groups left out say nothing.", max_length=MOST_GROUPS
    )


@bp.get("")
@operation("List permissions", scope="admin", answer=PermissionList)
def index() -> PermissionList:
    return _all()


@bp.put("")
@operation("Change permissions", scope="admin", body=PermissionChange, answer=PermissionList)
def replace(body: PermissionChange) -> PermissionList:
    roles = None if body.roles is None else {str(role): said for role, said in body.roles.items()}
    change(audit_author(), roles=roles, groups=body.groups)
    return _all()


def _all() -> PermissionList:
    said = overrides()
    return PermissionList(
        permissions=[
            PermissionAnswer(
                name=row.name,
                title=row.title,
                sentence=row.sentence,
                roles={role: role_may(role, row.name) for role in ROLES},
                groups={id: of[row.name] for id, of in said.groups.items() if row.name in of},
            )
            for row in PERMISSIONS
        ]
    )
