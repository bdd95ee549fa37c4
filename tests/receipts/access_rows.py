"""Who can read receipts: the person of one, and owners."""

from tests.attacks.world import World, makes
from webapp.base.db import write
from webapp.people.receipts import service

TABLE = {
    ("open", ()): "GET receipts.public_keys anybody",
    ("people", ()): """
        GET receipts.index signed_in
        GET api_receipts.index api:read
    """,
    ("one's own, and an owner's", ("receipt",)): """
        GET receipts.show signed_in
        GET receipts.save signed_in
        GET api_receipts.show api:read
    """,
}


@makes("receipt")
def receipt(world: World, state: str) -> str:
    with write() as session:
        removed = [("chats", 1)]
        return str(service.give(session, kind="chat", person_id=world.whose(state), by=world.other, removed=removed)["id"])
