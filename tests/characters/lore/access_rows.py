"""Who can access lorebooks, and how these are created for each attempt."""

from typing import Any

from tests.attacks.world import CANARY, World, added, makes
from webapp.base.db import utc_now
from webapp.characters.lore.tables import Lorebook
from webapp.characters.tables import Character
from webapp.people.accounts.tables import Grant

BOOK = {"name": CANARY, "entries": [{"keys": [CANARY], "content": CANARY}]}
TABLE = {
    ("people", ()): """
        GET lore.index signed_in
        POST lore.create signed_in
        POST lore.upload signed_in
        GET api_lorebooks.index api:read
        POST api_lorebooks.create api:chat
        POST api_lorebooks.bring_in api:chat
    """,
    ("one's own", ("lorebook",)): """
        GET lore.show signed_in
        POST lore.update signed_in
        GET lore.blank signed_in
        POST lore.add signed_in
        GET lore.export signed_in
        POST lore.delete signed_in
        GET api_lorebooks.show api:read
        PATCH api_lorebooks.change api:chat
        DELETE api_lorebooks.delete api:chat
        GET api_lorebooks.export api:read
        POST lore.duplicate signed_in
        POST api_lorebooks.duplicate api:chat
        GET api_lorebooks.grants api:read
    """,
    ("one's own, but no guest", ("lorebook",)): """
        GET lore.people signed_in
        POST lore.share signed_in
        PUT api_lorebooks.grant api:chat
    """,
    ("one's own", ("lorebook", "lorebook grant")): """
        POST lore.unshare signed_in
        DELETE api_lorebooks.revoke api:chat
    """,
    ("one's own", ("lorebook", "place of an entry")): """
        GET lore.entry signed_in
        POST lore.change signed_in
        POST lore.remove signed_in
    """,
    ("one's own", ("deleted lorebook",)): """
        POST lore.restore signed_in
        POST api_lorebooks.restore api:chat
    """,
    ("one's own", ("character with a lorebook",)): """
        GET character_lore.show signed_in
        POST character_lore.update signed_in
        GET character_lore.blank signed_in
        POST character_lore.add signed_in
    """,
    ("one's own", ("character with a lorebook", "place of an entry")): """
        GET character_lore.entry signed_in
        POST character_lore.change signed_in
        POST character_lore.remove signed_in
    """,
}


@makes("lorebook")
def lorebook(world: World, state: str, **more: Any) -> str:
    about = {"name": CANARY, "book": BOOK, "entry_count": 1, **more}
    world.last_lorebook = str(added(Lorebook(owner_id=world.whose(state), **about)).id)
    return world.last_lorebook


@makes("lorebook grant")
def lorebook_grant(world: World, _state: str) -> str:
    """Adds a grant for the lorebook that was made last."""
    made = {"object_kind": "lorebook", "object_id": world.last_lorebook, "right": "read"}
    return str(added(Grant(user_id=world.other, **made)).id)


@makes("deleted lorebook")
def deleted_lorebook(world: World, state: str) -> str:
    return lorebook(world, state, deleted_at=utc_now())


@makes("place of an entry")
def place(_world: World, _state: str) -> str:
    return "0"


@makes("character with a lorebook")
def character(world: World, state: str) -> str:
    about = {"name": CANARY, "description": CANARY, "card": {"character_book": BOOK}}
    return str(added(Character(owner_id=world.whose(state), **about)).id)
