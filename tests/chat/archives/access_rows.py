"""Who can send an archive in pieces, see how far its import is, and end it."""

from sqlalchemy import delete

from tests.attacks.world import CANARY, World, added, makes
from webapp.base.db import db
from webapp.workspace.exchange.tables import ChatImport

TABLE = {
    ("people", ()): """
        POST exchange.begin_upload signed_in
        POST api_imports.create api:chat
    """,
    ("one's own", ("import",)): """
        POST exchange.add_piece signed_in
        POST exchange.end signed_in
        GET api_imports.show api:read
        POST api_imports.add_piece api:chat
        DELETE api_imports.delete api:chat
    """,
}


@makes("import")
def _import(world: World, state: str) -> str:
    owner_id = world.whose(state)
    # A person has one.
    db.session.execute(delete(ChatImport).where(ChatImport.owner_id == owner_id))
    return added(ChatImport(owner_id=owner_id, name=CANARY, bytes=10, mark="")).id
