"""Who can access tool servers, and how these are created for each attempt."""

from tests.attacks.world import CANARY, World, added, makes
from webapp.base.ids import new_id
from webapp.people.accounts.tables import Grant
from webapp.tools.servers.tables import ServerTool, ToolServer

TABLE = {
    ("open", ()): "GET tool_servers.client_document anybody",
    ("people", ()): "GET tool_servers.come_back signed_in",
    ("admins", ()): """
        GET tool_servers.new signed_in
        POST tool_servers.create signed_in
    """,
    ("tool server's keeper", ("tool server",)): """
        GET tool_servers.show signed_in
        POST tool_servers.update signed_in
        POST tool_servers.refresh signed_in
        POST tool_servers.accept signed_in
        POST tool_servers.decide signed_in
        POST tool_servers.test signed_in
        POST tool_servers.enable signed_in
        POST tool_servers.disable signed_in
        GET tool_servers.ask_to_delete signed_in
        POST tool_servers.delete signed_in
        GET tool_servers.people signed_in
        POST tool_servers.share signed_in
        POST tool_servers.sign_in signed_in
        POST tool_servers.sign_out signed_in
    """,
    ("tool server's keeper", ("tool server", "tool server grant")): "POST tool_servers.unshare signed_in",
}


@makes("tool server")
def tool_server(world: World, state: str) -> str:
    """Adds a server of the person or of another or, if it is only there, of the site; nothing listens at its address."""
    owner_id = None if state == "there" else world.whose(state)
    about = {"name": CANARY, "address": "http://127.0.0.1:9/mcp", "sign_in": "none", "slug": new_id().lower()}
    id = str(added(ToolServer(owner_id=owner_id, **about)).id)
    content = {"title": CANARY, "description": CANARY, "schema": {"type": "object"}, "hints": {"is_read_only": True}}
    added(ServerTool(server_id=id, name="look", listed=content, listed_hash="1" * 64, accepted=content, accepted_hash="1" * 64))
    world.last_tool_server = id
    return id


@makes("tool of a server")
def tool_of_server(_world: World, _state: str) -> str:
    return "look"


@makes("tool server grant")
def tool_server_grant(world: World, _state: str) -> str:
    """Adds a grant for the server that was made last."""
    made = {"object_kind": "tool_server", "object_id": world.last_tool_server, "right": "read"}
    return str(added(Grant(user_id=world.other, **made)).id)
