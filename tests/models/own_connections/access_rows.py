"""Who can access connections of people's own, and how these are created for each attempt."""

from itertools import count

from tests.attacks.world import CANARY, World, added, makes
from webapp.base.ids import new_id
from webapp.models.connections.tables import Connection, OwnConnection

TABLE = {
    ("people", ()): """
        GET own_connections.index signed_in
        GET own_connections.new signed_in
        POST own_connections.create signed_in
        GET api_connections.index api:read
        POST api_connections.create api:chat
    """,
    ("one's own", ("own connection",)): """
        GET own_connections.edit signed_in
        POST own_connections.update signed_in
        POST own_connections.test signed_in
        POST own_connections.enable signed_in
        POST own_connections.disable signed_in
        GET own_connections.ask_to_delete signed_in
        POST own_connections.delete signed_in
    """,
    ("connection's keeper", ("anyone's connection",)): """
        GET api_connections.show api:read
        PATCH api_connections.change api:chat
        DELETE api_connections.delete api:chat
        PUT api_connections.set_key api:chat
        POST api_connections.test api:chat
    """,
}

# Of connections made in this process: a random ending of six signs was met twice in a run.
NUMBERS = count()


@makes("own connection")
def own_connection(world: World, state: str) -> str:
    """Adds a connection of the person or of another; nothing listens at its address."""
    slug = f"my.canary-{next(NUMBERS):06x}"
    about = {"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "models": [], "owner_id": world.whose(state)}
    return str(added(OwnConnection(slug=slug, name=CANARY, **about)).slug)


@makes("anyone's connection")
def anyones_connection(world: World, state: str) -> str:
    """Adds one of a person's own or, if it is only there, of the team."""
    if state != "there":
        return own_connection(world, state)
    slug = new_id()
    return str(added(Connection(slug=slug, name=slug, kind="openai", base_url="http://127.0.0.1:9/v1", models=[])).slug)
