"""Which tool servers there are for whom, and their tools."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from webapp.base.db import db
from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import User
from webapp.people.things import grants
from webapp.tools.servers.tables import ServerTool, ToolServer, ToolSignIn

KIND = "tool_server"


def uses_server(user: User) -> ColumnElement[bool]:
    """Returns the condition that a person can use a server's tools: it is their own, or the site's and granted to them."""
    is_granted = and_(ToolServer.owner_id.is_(None), ToolServer.id.in_(grants.given_to(user, KIND)))
    return or_(ToolServer.owner_id == user.id, is_granted)


def is_kept_by(user: User) -> ColumnElement[bool]:
    """Returns the condition that a person keeps a server: their own, and as an admin the site's."""
    is_own = ToolServer.owner_id == user.id
    return or_(is_own, ToolServer.owner_id.is_(None)) if may(user, "administer") else is_own


def usable(user: User) -> list[tuple[ToolServer, ToolSignIn | None]]:
    """Returns the servers whose tools a person can use, each with their sign-in there, in one query."""
    is_theirs = and_(ToolSignIn.server_id == ToolServer.id, ToolSignIn.user_id == user.id)
    query = select(ToolServer, ToolSignIn).outerjoin(ToolSignIn, is_theirs).where(uses_server(user))
    return [(row[0], row[1]) for row in db.session.execute(query.order_by(ToolServer.name, ToolServer.id))]


def visible(user: User) -> Sequence[ToolServer]:
    """Returns the servers that a person can use or looks after."""
    query = select(ToolServer).where(or_(uses_server(user), is_kept_by(user)))
    return db.session.scalars(query.order_by(ToolServer.name, ToolServer.id)).all()


def visible_server(user: User, id: str) -> ToolServer | None:
    return db.session.scalar(select(ToolServer).where(ToolServer.id == id, or_(uses_server(user), is_kept_by(user))))


def kept_server(user: User, id: str) -> ToolServer | None:
    return db.session.scalar(select(ToolServer).where(ToolServer.id == id, is_kept_by(user)))


def usable_server(user: User, id: str) -> ToolServer | None:
    return db.session.scalar(select(ToolServer).where(ToolServer.id == id, uses_server(user)))


def site_servers() -> Sequence[ToolServer]:
    query = select(ToolServer).where(ToolServer.owner_id.is_(None))
    return db.session.scalars(query.order_by(ToolServer.name, ToolServer.id)).all()


def own_servers(user: User) -> Sequence[ToolServer]:
    query = select(ToolServer).where(ToolServer.owner_id == user.id)
    return db.session.scalars(query.order_by(ToolServer.name, ToolServer.id)).all()


def sign_in_of(session: Session, server_id: str, user_id: str) -> ToolSignIn | None:
    return session.get(ToolSignIn, (server_id, user_id), populate_existing=True)


def tools_of_server(session: Session, server_id: str) -> Sequence[ServerTool]:
    """Returns the tools of a server, in its order; those that it no longer lists come last."""
    query = select(ServerTool).where(ServerTool.server_id == server_id)
    return session.scalars(query.order_by(ServerTool.listed_hash == "", ServerTool.position, ServerTool.name)).all()


def counts(ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Returns of each server how many tools are accepted, and how many wait to be: new or changed ones."""
    is_accepted = and_(ServerTool.accepted_hash != "", ServerTool.accepted_hash == ServerTool.listed_hash)
    waits = and_(ServerTool.listed_hash != "", ServerTool.accepted_hash != ServerTool.listed_hash)
    count = func.count
    query = select(ServerTool.server_id, count().filter(is_accepted), count().filter(waits))
    query = query.where(ServerTool.server_id.in_(ids)).group_by(ServerTool.server_id)
    return {row[0]: (row[1], row[2]) for row in db.session.execute(query)}
