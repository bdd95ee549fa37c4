"""Speaks with tool servers in a person's name: asks what tools they have, and keeps what they answer."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import TypeVar

from sqlalchemy import select, update

from webapp.base import logs
from webapp.base.current import PerApp
from webapp.base.db import db, utc_now, write
from webapp.base.errors import AppError, Conflict
from webapp.engine.engine import the_engine
from webapp.settings.secrets.encryption import DecryptionError
from webapp.streaming.stop import Stop
from webapp.tools.mcp import client as mcp
from webapp.tools.mcp.client import Listing, Server, SignInRequired
from webapp.tools.servers import keys, pinning, sign_ins
from webapp.tools.servers.sign_ins import SIGN_IN_AGAIN, SignInNeeded, existing, trust_in
from webapp.tools.servers.tables import ToolServer
from webapp.tools.tool import ToolFailed

T = TypeVar("T")
# A server that doesn't answer is asked again after this time.
AGAIN_SECONDS = 60
NOT_ACCEPTED = {
    "none": "{} wants you to sign in. Choose how: with a token, or each person for themselves.",
    "bearer": "{} doesn't accept its token.",
}
# The servers that this process asks for their tools now.
ASKED = PerApp[set[str]](set)


def loaded(id: str) -> ToolServer:
    """Returns the present row of a server, without a database connection; raises `NotFound`."""
    server = existing(db.session(), id)
    db.session.expunge(server)
    db.session.rollback()
    return server


def in_the_name_of(user_id: str, server: ToolServer, action: Callable[[Server], T]) -> T:
    """Does something with a server, with the person's sign-in; a token that it refuses is renewed, and that tried once more.

    Raises `SignInNeeded` if the person has to sign in, or another `ToolFailed`.
    """
    secrets = _secrets(server)
    if server.sign_in != "oauth":
        headers = {**secrets.headers, **({"Authorization": f"Bearer {secrets.token}"} if secrets.token else {})}
        try:
            return action(_reached(server, headers))
        except SignInRequired as required:
            raise ToolFailed(NOT_ACCEPTED[server.sign_in].format(server.name)) from required
    token = sign_ins.access_token(server, user_id)
    for is_last in (False, True):
        db.session.rollback()
        logs.hide(token)
        try:
            return action(_reached(server, {**secrets.headers, "Authorization": f"Bearer {token}"}))
        except SignInRequired as required:
            if is_last or required.needs_more:
                sign_ins.end(server.id, user_id, required)
                raise SignInNeeded(SIGN_IN_AGAIN.format(server.name)) from required
            token = sign_ins.access_token(server, user_id, refused=token)
    raise AssertionError("the last try returns or raises")


def asked(server: ToolServer, user_id: str) -> Listing:
    """Returns what a server lists now; raises `ToolFailed`."""
    db.session.rollback()
    return in_the_name_of(user_id, server, partial(mcp.list_tools, stop=Stop(the_engine().signal)))


def first_listing(server: ToolServer, user_id: str) -> Listing | None:
    """Returns what a server lists that isn't stored yet; None if each person has to sign in first."""
    if server.sign_in != "oauth":
        return asked(server, user_id)
    db.session.rollback()
    try:
        return mcp.list_tools(_reached(server, dict(_secrets(server).headers)), stop=Stop(the_engine().signal))
    except SignInRequired:
        return None


def listed_by(id: str) -> Listing:
    """Returns what a server lists now, as its owner is signed in; raises `Conflict` with the reason if it can't be had."""
    server = loaded(id)
    try:
        return asked(server, server.owner_id or "")
    except ToolFailed as failure:
        raise Conflict(failure.message) from failure


def refresh(id: str, user_id: str, *, is_whole: bool) -> None:
    """Asks a server for its tools and stores them, or why they can't be had, which is raised as `Conflict` then."""
    server = loaded(id)
    try:
        listing = asked(server, user_id)
    except SignInNeeded as needed:
        # It says nothing of the server.
        raise Conflict(needed.message) from needed
    except ToolFailed as failure:
        with write() as session:
            row = existing(session, id)
            row.trouble, row.fresh_until = failure.message[:500], utc_now() + timedelta(seconds=AGAIN_SECONDS)
        raise Conflict(failure.message) from failure
    with write() as session:
        row = existing(session, id)
        if row.address == server.address:
            pinning.store_listing(session, row, listing, is_whole=is_whole)


def refresh_aside(id: str, user_id: str) -> None:
    """Asks a server for its tools without waiting for it, unless that is happening already."""
    engine, running = the_engine(), ASKED.get()
    if id in running or engine.is_closing:
        return
    running.add(id)

    def run() -> None:
        try:
            with engine.in_app():
                if _is_mine(id):
                    refresh(id, user_id, is_whole=False)
        except AppError:
            # The trouble is stored, and shown where the server is.
            pass
        finally:
            running.discard(id)

    engine.spawn(run)


def is_stale(server: ToolServer) -> bool:
    return server.is_enabled and server.fresh_until is not None and server.fresh_until < utc_now()


def _is_mine(id: str) -> bool:
    """Returns whether this worker asks the server: of several workers, the first one does."""
    now = utc_now()
    soon = now + timedelta(seconds=AGAIN_SECONDS)
    is_due = ToolServer.id == id, ToolServer.fresh_until < soon
    with write() as session:
        due = session.scalar(select(ToolServer.id).where(*is_due).with_for_update())
        session.execute(update(ToolServer).where(*is_due).values(fresh_until=soon).execution_options(synchronize_session=False))
    return due is not None


def _reached(server: ToolServer, headers: dict[str, str]) -> Server:
    return Server(server.address, headers, version=server.version, trust=trust_in(server), label=server.name)


def _secrets(server: ToolServer) -> keys.Secrets:
    try:
        return keys.opened_secrets(server)
    except DecryptionError as error:
        raise ToolFailed(f"The token of {server.name} can't be read: {error.message}") from error
