"""Who can access presets, and how these are created for each attempt."""

from typing import Any

from tests.attacks.world import CANARY, World, added, makes
from webapp.base.db import utc_now
from webapp.models.presets.tables import Preset
from webapp.people.accounts.tables import Grant

TABLE = {
    ("people", ()): """
        GET presets.index signed_in
        GET presets.new signed_in
        POST presets.create signed_in
        POST presets.upload signed_in
        GET api_presets.index api:read
        POST api_presets.create api:chat
        POST api_presets.bring_in api:chat
    """,
    ("one's own", ("preset",)): """
        GET presets.show signed_in
        GET presets.edit signed_in
        POST presets.update signed_in
        POST presets.begin_with signed_in
        POST presets.duplicate signed_in
        POST presets.delete signed_in
        GET api_presets.show api:read
        PATCH api_presets.change api:chat
        DELETE api_presets.delete api:chat
        POST api_presets.duplicate api:chat
        GET api_presets.grants api:read
    """,
    ("one's own, but no guest", ("preset",)): """
        GET presets.people signed_in
        POST presets.share signed_in
        PUT api_presets.grant api:chat
    """,
    ("one's own", ("preset", "preset grant")): """
        POST presets.unshare signed_in
        DELETE api_presets.revoke api:chat
    """,
    ("one's own", ("deleted preset",)): """
        POST presets.restore signed_in
        POST api_presets.restore api:chat
    """,
}


@makes("preset")
def preset(world: World, state: str, **more: Any) -> str:
    about = {"name": CANARY, "about": CANARY, "settings": {"system_prompt": CANARY}}
    world.last_preset = str(added(Preset(owner_id=world.whose(state), **about, **more)).id)
    return world.last_preset


@makes("preset grant")
def preset_grant(world: World, _state: str) -> str:
    """Adds a grant for the preset that was made last."""
    made = {"object_kind": "preset", "object_id": world.last_preset, "right": "read"}
    return str(added(Grant(user_id=world.other, **made)).id)


@makes("deleted preset")
def deleted_preset(world: World, state: str) -> str:
    return preset(world, state, deleted_at=utc_now())
