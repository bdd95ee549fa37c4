"""Signing in at tool servers: each person for themselves, by OAuth; tokens are encrypted, renewed, and revoked when they end."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from gevent.lock import BoundedSemaphore
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.current import PerApp
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict, Invalid, NotFound
from webapp.engine.engine import the_engine
from webapp.models.upstream.addresses import Trust
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.people.members import people
from webapp.settings.secrets.encryption import DecryptionError
from webapp.streaming.stop import Stop
from webapp.tools.built_in.texts import one_line
from webapp.tools.mcp import oauth
from webapp.tools.mcp.client import SignInRequired
from webapp.tools.servers import keys
from webapp.tools.servers.queries import sign_in_of
from webapp.tools.servers.tables import ToolServer, ToolSignIn
from webapp.tools.tool import ToolFailed

# Where authorization servers send people back to.
RETURN_PATH = "/tools/sign-in/return"
ATTEMPT_SECONDS, EARLY_SECONDS = 600, 30
MOST_CHALLENGE = 2_000
SIGN_IN_FIRST = "Sign in to {} first, in Settings → Your tools."
SIGN_IN_AGAIN = "Your sign-in to {} has ended. Sign in again, in Settings → Your tools."
NOT_OURS = "This sign-in wasn't begun here, or took too long. Please sign in again."
TOKENS, ATTEMPT = "sign-in", "attempt to sign in"
RENEWING = PerApp[dict[tuple[str, str], BoundedSemaphore]](dict)


class SignInNeeded(ToolFailed):
    """A person has to sign in at a tool server before it can be used."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a person signs in: they see the host before they go there."""

    url: str
    host: str


def begin(server: ToolServer, person: User, *, browser: str, redirect_uri: str) -> Destination:
    """Begins to sign a person in at a server, in this browser alone, and returns where they go on.

    `browser` identifies it. Raises `ToolFailed` with the reason if the authorization server can't be used.
    """
    if server.sign_in != "oauth":
        raise Conflict(f"{server.name} needs no sign-in.")
    id, person_id, address, trust = server.id, person.id, server.address, trust_in(server)
    client, row = keys.opened_client(server), sign_in_of(db.session(), server.id, person.id)
    challenge = row.challenge if row else ""
    db.session.rollback()
    begun = oauth.begin(address, redirect_uri, challenge=challenge, client=client or None, stop=_stop(), trust=trust)
    with write() as session:
        server = existing(session, id)
        if server.address != address:
            raise Conflict("The address of this server has just changed. Please try again.")
        if registered := begun.kept.get("client"):
            server.client = keys.sealed_client(server, registered)
        row = sign_in_of(session, id, person_id) or ToolSignIn(server_id=id, user_id=person_id)
        row.attempt = keys.sealed_for(server, person_id, {"kept": begun.kept, "browser": browser}, ATTEMPT)
        row.attempt_state, row.attempt_until = _hashed(begun.state), utc_now() + timedelta(seconds=ATTEMPT_SECONDS)
        session.add(row)
    return Destination(begun.url, urlsplit(begun.url).hostname or "")


def finish(person: User, state: str, *, code: str, iss: str, refusal: str, browser: str, author: PersonAuthor) -> str:
    """Ends an attempt that this person began in this browser; returns the id of the server where they are signed in now.

    An attempt is used once, whatever becomes of it.
    """
    person_id = person.id
    with write() as session:
        query = select(ToolSignIn).where(ToolSignIn.user_id == person_id, ToolSignIn.attempt_state == _hashed(state))
        row = session.scalar(query) if state else None
        if row is None or not row.attempt_until or row.attempt_until < utc_now():
            raise Invalid(NOT_OURS)
        server = session.get_one(ToolServer, row.server_id)
        id, name, trust = server.id, server.name, trust_in(server)
        attempt = keys.opened_for(server, person_id, row.attempt, ATTEMPT)
        row.attempt, row.attempt_state, row.attempt_until = "", "", None
        session.expunge(server)
    if attempt["browser"] != browser:
        raise Invalid(NOT_OURS)
    if refusal or not code:
        raise Invalid(f"{name} didn't sign you in{f': {one_line(refusal, 200)}' if refusal else ''}.")
    kept = attempt["kept"]
    tokens = oauth.finish(kept, code, iss, stop=_stop(), trust=trust)
    with write() as session:
        if existing(session, id).address != server.address:
            raise Conflict("The address of this server has just changed. Please sign in again.")
        row = sign_in_of(session, id, person_id) or ToolSignIn(server_id=id, user_id=person_id)
        _keep(row, server, tokens, kept)
        row.signed_in_at, row.ended, row.challenge = utc_now(), "", ""
        session.add(row)
        audit.add(session, "signed in at a tool server", author=author, object_kind="tool server", object_id=id)
    return id


def access_token(server: ToolServer, user_id: str, *, refused: str = "") -> str:
    """Returns the person's token for a server, renewed if it expires or is the one that was refused; raises `SignInNeeded`."""
    row = _signed_in(server, user_id)
    stored = _opened(server, row)
    if not _must_renew(row, stored, refused):
        return str(stored["access"])
    # One renewal at a time: most authorization servers take a refresh token once.
    with RENEWING.get().setdefault((server.id, user_id), BoundedSemaphore(1)):
        row = _signed_in(server, user_id)
        stored = _opened(server, row)
        if not _must_renew(row, stored, refused):
            return str(stored["access"])
        if not stored.get("refresh"):
            end(server.id, user_id)
            raise SignInNeeded(SIGN_IN_AGAIN.format(server.name))
        return _renewed(server, user_id, row.tokens, stored)


def _renewed(server: ToolServer, user_id: str, before: str, stored: Mapping[str, Any]) -> str:
    kept = stored["kept"]
    db.session.rollback()
    try:
        tokens = oauth.refresh(kept, stored["refresh"], stop=_stop(), trust=trust_in(server))
    except oauth.Refused as refusal:
        row = _signed_in(server, user_id)
        if row.tokens != before:
            # Another worker has renewed it meanwhile.
            return str(_opened(server, row)["access"])
        end(server.id, user_id)
        raise SignInNeeded(SIGN_IN_AGAIN.format(server.name)) from refusal
    with write() as session:
        if (row := sign_in_of(session, server.id, user_id)) and row.tokens == before:
            _keep(row, server, tokens, {**kept}, refresh=str(stored["refresh"]))
    return tokens.access


def end(server_id: str, user_id: str, required: SignInRequired | None = None) -> None:
    """Marks a sign-in as ended, which its server no longer accepts; the next one asks for what the server has required."""
    with write() as session:
        if row := sign_in_of(session, server_id, user_id):
            row.ended = required.message if required else "It has expired."
            row.challenge = required.challenge[:MOST_CHALLENGE] if required else ""


def sign_out(server: ToolServer, person: User, *, author: PersonAuthor) -> None:
    """Deletes a person's sign-in, and has its tokens revoked where they come from, without waiting for that."""
    id, person_id = server.id, person.id
    with write() as session:
        if row := sign_in_of(session, id, person_id):
            withdraw(session.get_one(ToolServer, id), row)
            session.delete(row)
            audit.add(session, "signed out at a tool server", author=author, object_kind="tool server", object_id=id)


def withdraw(server: ToolServer, row: ToolSignIn) -> None:
    """Has the tokens of a sign-in revoked that is about to be deleted."""
    if not row.tokens:
        return
    try:
        stored = keys.opened_for(server, row.user_id, row.tokens, TOKENS)
    except DecryptionError:
        return
    kept, trust, engine = stored["kept"], trust_in(server), the_engine()

    def revoke() -> None:
        with engine.in_app():
            for token in filter(None, (stored.get("refresh"), stored["access"])):
                with suppress(ToolFailed):
                    oauth.revoke(kept, token, stop=_stop(), trust=trust)

    engine.spawn(revoke)


def withdraw_all(session: Session, server: ToolServer) -> None:
    """Ends every sign-in at a server that is about to be deleted, or to be another one."""
    for row in session.scalars(select(ToolSignIn).where(ToolSignIn.server_id == server.id)):
        withdraw(server, row)
        session.delete(row)


def withdraw_of(session: Session, user_id: str) -> None:
    """Has the sign-ins of a person revoked whose account is about to be deleted."""
    query = select(ToolServer, ToolSignIn).join(ToolSignIn, ToolSignIn.server_id == ToolServer.id)
    for server, row in session.execute(query.where(ToolSignIn.user_id == user_id)):
        withdraw(server, row)


people.BEFORE_DELETION.append(withdraw_of)


def trust_in(server: ToolServer) -> Trust:
    """Only what an admin has entered can be in this network."""
    return "operator" if server.owner_id is None else "public"


def existing(session: Session, id: str) -> ToolServer:
    """Returns the present row of a server; raises `NotFound` if it has been deleted."""
    server = session.get(ToolServer, id, populate_existing=True)
    if server is None:
        raise NotFound("That tool server no longer exists.")
    return server


def _signed_in(server: ToolServer, user_id: str) -> ToolSignIn:
    row = sign_in_of(db.session(), server.id, user_id)
    if row is None or not row.tokens:
        raise SignInNeeded(SIGN_IN_FIRST.format(server.name))
    if row.ended:
        raise SignInNeeded(SIGN_IN_AGAIN.format(server.name))
    return row


def _opened(server: ToolServer, row: ToolSignIn) -> dict[str, Any]:
    try:
        return keys.opened_for(server, row.user_id, row.tokens, TOKENS)
    except DecryptionError as error:
        raise SignInNeeded(SIGN_IN_AGAIN.format(server.name)) from error


def _must_renew(row: ToolSignIn, stored: Mapping[str, Any], refused: str) -> bool:
    is_over = row.expires_at is not None and row.expires_at < utc_now() + timedelta(seconds=EARLY_SECONDS)
    return is_over or stored["access"] == refused


def _keep(row: ToolSignIn, server: ToolServer, tokens: oauth.Tokens, kept: Mapping[str, Any], refresh: str = "") -> None:
    """Stores tokens; without a new refresh token, the one before stays."""
    # What only the attempt needed is left out.
    kept = {name: value for name, value in kept.items() if name != "verifier"}
    stored = {"access": tokens.access, "refresh": tokens.refresh or refresh, "kept": kept}
    row.tokens, row.expires_at = keys.sealed_for(server, row.user_id, stored, TOKENS), tokens.expires_at


def _hashed(state: str) -> str:
    return sha256(state.encode("utf-8", "surrogatepass")).hexdigest()


def _stop() -> Stop:
    return Stop(the_engine().signal)
