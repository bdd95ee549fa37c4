"""What was accepted is what runs: a list of tools is compared with what was accepted, tool by tool."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from webapp.base.db import utc_now
from webapp.base.errors import Conflict, Invalid
from webapp.base.words import plural
from webapp.tools.mcp.client import ListedTool, Listing
from webapp.tools.servers.queries import tools_of_server
from webapp.tools.servers.tables import ServerTool, ToolContent, ToolServer

# With the slug and a dot, the name makes the key of a tool.
MOST_NAME = 150
# Every tool that a person could use is looked at for each answer.
MOST_ACCEPTED = 500
# How long a list is fresh if its server doesn't say, and at least.
FRESH_SECONDS, LEAST_FRESH_SECONDS = 3_600.0, 60.0
CHANGED = "{} has changed since you looked at it. Look at it again, then accept it."
TOO_MANY = f"At most {MOST_ACCEPTED} tools can be accepted. Delete a server that isn't used any more."


def store_listing(session: Session, server: ToolServer, listing: Listing, *, is_whole: bool) -> None:
    """Stores what a server lists now. A tool that differs from what was accepted is off from now on.

    With `is_whole`, it is the list that the server's keeper gets; another person may be shown fewer tools, so that
    what is missing in theirs is not gone.
    """
    tools = {tool.name: tool for tool in tools_of_server(session, server.id)}
    before = {name: tool.listed_hash for name, tool in tools.items()}
    usable = [tool for tool in listing.tools if len(tool.name) <= MOST_NAME]
    for position, listed in enumerate(usable):
        tool = tools.get(listed.name) or ServerTool(server_id=server.id, name=listed.name, accepted_hash="")
        tool.position, tool.listed, tool.listed_hash = position, content_of(listed), listed.hash
        session.add(tool)
    listed_names = {tool.name for tool in usable}
    for name, tool in tools.items():
        if name not in listed_names and is_whole:
            tool.listed, tool.listed_hash = None, ""
    session.flush()
    # What was never accepted, and is no longer listed, is nothing.
    is_nothing = ServerTool.accepted_hash == "", ServerTool.listed_hash == "", ServerTool.server_id == server.id
    session.execute(delete(ServerTool).where(*is_nothing).execution_options(synchronize_session="fetch"))
    too_long = len(listing.tools) - len(usable)
    words = (f"{plural(too_long, 'tool')} left out: a name has at most {MOST_NAME} characters.",) if too_long else ()
    now, ttl = utc_now(), listing.ttl_seconds
    fresh_seconds = max(LEAST_FRESH_SECONDS, FRESH_SECONDS if ttl is None else ttl)
    server.listed_at, server.fresh_until = now, now + timedelta(seconds=fresh_seconds)
    server.version, server.trouble, server.left_out = listing.version, "", [*listing.left_out, *words]
    if before != {tool.name: tool.hash for tool in usable}:
        server.tools_at = now


def accept(session: Session, server: ToolServer, hashes: Mapping[str, str]) -> Sequence[str]:
    """Accepts tools as they are listed now, each by the hash of what was looked at; returns the names of those accepted.

    Raises `Conflict` if one is listed differently by now.
    """
    tools = {tool.name: tool for tool in tools_of_server(session, server.id)}
    for name, looked_at in hashes.items():
        tool = tools.get(name)
        if tool is None or not tool.listed_hash:
            raise Conflict(f"{name} is no longer listed by {server.name}.", field="accept")
        if tool.listed_hash != looked_at:
            raise Conflict(CHANGED.format(name), field="accept")
    fresh = [tools[name] for name in hashes if tools[name].state != "accepted"]
    for tool in fresh:
        tool.accepted, tool.accepted_hash, tool.accepted_at = tool.listed, tool.listed_hash, utc_now()
    session.flush()
    if _accepted(session, server) > MOST_ACCEPTED:
        raise Invalid(TOO_MANY, field="accept")
    if fresh:
        server.tools_at = utc_now()
    return [tool.name for tool in fresh]


def content_of(listed: ListedTool) -> ToolContent:
    hints = asdict(listed.hints)
    return {"title": listed.title, "description": listed.description, "schema": dict(listed.schema), "hints": hints}


def _accepted(session: Session, server: ToolServer) -> int:
    """Returns how many tools are accepted of the site's servers, or of those of one person."""
    query = select(func.count()).select_from(ServerTool).join(ToolServer, ToolServer.id == ServerTool.server_id)
    is_alike = ToolServer.owner_id.is_not_distinct_from(server.owner_id)
    return session.scalar(query.where(ServerTool.accepted_hash != "", is_alike)) or 0
