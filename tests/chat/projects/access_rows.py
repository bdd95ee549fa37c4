"""How projects are created for each attempt; their routes are those of the API."""

from typing import Any

from tests.attacks.world import CANARY, World, added, makes
from webapp.base.db import utc_now
from webapp.chat.record.tables import Project
from webapp.people.accounts.tables import Grant

TABLE: dict[tuple[str, tuple[str, ...]], str] = {}


@makes("project")
def project(world: World, state: str, **more: Any) -> str:
    about = {"name": CANARY, "about": CANARY, "instructions": CANARY}
    world.last_project = added(Project(owner_id=world.whose(state), **about, **more)).id
    return world.last_project


@makes("deleted project")
def deleted_project(world: World, state: str) -> str:
    return project(world, state, deleted_at=utc_now())


@makes("project grant")
def project_grant(world: World, _state: str) -> str:
    """Adds a grant for the project that was made last."""
    made = {"object_kind": "project", "object_id": world.last_project, "right": "read"}
    return str(added(Grant(user_id=world.other, **made)).id)
