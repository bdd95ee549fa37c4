"""Who can open projects and put chats into them, and how projects are created for each attempt."""

from typing import Any

from tests.attacks.world import CANARY, World, added, makes
from webapp.base.db import utc_now
from webapp.chat.record.tables import Project
from webapp.people.accounts.tables import Grant

TABLE = {
    ("people", ()): """
        GET projects.index signed_in
        GET projects.choose_archive signed_in
        POST projects.bring_in signed_in
        POST projects.create signed_in
        POST projects.several signed_in
        POST projects.fold signed_in
    """,
    ("one's own", ("project",)): """
        GET projects.show signed_in
        GET projects.events signed_in
        GET projects.export signed_in
        GET projects.edit signed_in
        GET projects.ask_to_delete signed_in
        POST projects.update signed_in
        POST projects.delete signed_in
        POST projects.add_files signed_in
    """,
    ("one's own", ("deleted project",)): "POST projects.restore signed_in",
    ("one's own, but no guest", ("project",)): """
        GET projects.people signed_in
        POST projects.share signed_in
    """,
    ("one's own", ("project", "project grant")): "POST projects.unshare signed_in",
    ("person", ("chat",)): """
        GET project_chats.choose signed_in
        POST project_chats.move signed_in
        POST project_chats.share_chat signed_in
    """,
}


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
