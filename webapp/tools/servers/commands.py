"""The `tools` commands: list the tools there are, and try a tool server."""

import click
from flask.cli import AppGroup
from sqlalchemy import or_, select

from webapp.base.db import db
from webapp.base.errors import NotFound
from webapp.people.accounts import queries as account_queries
from webapp.tools.offers import built_in_tools, tools_of
from webapp.tools.policies import policies_for
from webapp.tools.servers import listing
from webapp.tools.servers.offered import site_tools
from webapp.tools.servers.tables import ToolServer
from webapp.web.command_errors import one_line_errors

tools = AppGroup("tools", help="List the tools there are, and try a tool server.")


@tools.command("list")
@click.option("--as", "email", default="", help="Whose tools to list, by their email; else the site's.")
@one_line_errors
def list_tools(email: str) -> None:
    """List tools, each with its policy and why it can't be used."""
    person = account_queries.user_of(email) if email else None
    policies = policies_for(person) if person else None
    tools = tools_of(person).values() if person else (*built_in_tools().values(), *site_tools())
    for tool in tools:
        policy = policies.of(tool) if policies else tool.policy
        click.echo(f"{tool.key}  {policy}  {tool.unavailable() or 'available'}")


@tools.command("test")
@click.argument("name")
@one_line_errors
def test(name: str) -> None:
    """Ask a tool server for its tools, by its name."""
    is_it = or_(ToolServer.slug == name, ToolServer.name == name)
    id = db.session.scalar(select(ToolServer.id).where(is_it).order_by(ToolServer.id).limit(1))
    if id is None:
        raise NotFound(f"There is no tool server {name}.")
    listed = listing.listed_by(id)
    click.echo(f"{listed.name or name} speaks MCP {listed.version} and lists {len(listed.tools)} tools.")
    for tool in listed.tools:
        click.echo(f"  {tool.name}  {'reads only' if tool.hints.is_read_only else 'can change something'}  {tool.hash[:12]}")
    for words in listed.left_out:
        click.echo(f"  {words}")
