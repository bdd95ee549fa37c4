"""Tries a tool of a server, for its keeper: calls one that only reads, and returns its text."""

from collections.abc import Mapping
from typing import Any

from webapp.base.db import db
from webapp.base.errors import Conflict, Invalid
from webapp.base.ids import new_id
from webapp.base.words import shortened
from webapp.people.accounts.tables import User
from webapp.streaming.stop import Stop
from webapp.tools.arguments import BadArguments, check_arguments
from webapp.tools.mcp import client as mcp
from webapp.tools.mcp.client import Server, ToolReply
from webapp.tools.servers import listing
from webapp.tools.servers.tables import ServerTool
from webapp.tools.tool import Hints, ToolFailed

MOST_SHOWN = 10_000


def call_once(server_id: str, name: str, arguments: Mapping[str, Any], *, person: User, stop: Stop) -> str:
    """Returns what an accepted tool returns that says it only reads; raises `Conflict` with the reason if it can't be called."""
    person_id = person.id
    tool = db.session.get(ServerTool, (server_id, name), populate_existing=True)
    if tool is None or tool.state != "accepted" or tool.accepted is None:
        raise Invalid("Choose a tool that is accepted.", field="tool")
    if not Hints(**tool.accepted["hints"]).is_read_only:
        raise Invalid("Only a tool that says it only reads can be tried here.", field="tool")
    schema = tool.accepted["schema"]
    try:
        check_arguments(arguments, schema)
    except BadArguments as error:
        raise Invalid(str(error), field="arguments") from error

    def sent(to: Server) -> ToolReply:
        return mcp.call_tool(to, name, arguments, stop=stop, key=new_id(), schema=schema, is_safe=True)

    try:
        reply = listing.in_the_name_of(person_id, listing.loaded(server_id), sent)
    except ToolFailed as failure:
        raise Conflict(failure.message) from failure
    text = shortened(reply.text, MOST_SHOWN) or "Nothing."
    return f"It reported an error. {text}" if reply.is_error else text
