"""Who can access facts, and how one is created for each attempt."""

from tests.attacks.world import CANARY, World, added, makes
from webapp.chat.facts.tables import Fact

TABLE = {
    ("people", ()): """
        GET api_facts.index api:read
        POST api_facts.create api:chat
        POST api_facts.bring_in api:chat
        GET facts.index signed_in
        POST facts.create signed_in
        POST facts.upload signed_in
        GET facts.export signed_in
    """,
    ("reading people", ("message",)): """
        GET facts.of_message signed_in
        GET facts.proposals signed_in
        GET facts.select signed_in
        POST facts.remember signed_in
    """,
    ("one's own", ("message", "remembered fact")): "POST facts.answer signed_in",
    ("one's own", ("remembered fact",)): """
        GET api_facts.show api:read
        PATCH api_facts.change api:chat
        DELETE api_facts.forget api:chat
        GET facts.show signed_in
        POST facts.update signed_in
        POST facts.decide signed_in
        POST facts.move signed_in
        POST facts.forget signed_in
    """,
}


@makes("remembered fact")
def remembered_fact(world: World, state: str) -> str:
    return str(added(Fact(owner_id=world.whose(state), text=CANARY, state="kept")).id)
