"""Signing in at tool servers: each person for themselves, by OAuth; tokens are encrypted, renewed, and revoked when they end."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.current import PerApp
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict, Invalid, NotFound
from webapp.engine.engine import the_engine
from webapp.models.upstream.addresses import Trust
from webapp.models.upstream.sign_in import SignInFailed
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.people.members import service as people_service
from webapp.settings.secrets.encryption import DecryptionError
from webapp.streaming.stop import Stop
from webapp.tools.mcp import oauth
from webapp.tools.mcp.client import SignInRequired
from webapp.tools.servers import keys
from webapp.tools.servers.queries import sign_in_of
from webapp.tools.servers.tables import ToolServer, ToolSignIn
from webapp.tools.tool import ToolFailed

# Where authorization servers send people back to.
RETURN_PATH = "/tools/sign-in/return"
# What we are, for authorization servers that read it.
DOCUMENT_PATH = "/tools/client.json"
ATTEMPT_SECONDS, EARLY_SECONDS = 600, 30
MOST_CHALLENGE, MOST_RETURNED = 2_000, 8_000
SIGN_IN_FIRST = "Sign in to {} first, in Settings → Your tools."
SIGN_IN_AGAIN = "Your sign-in to {} has ended. Sign in again, in Settings → Your tools."
NOT_OURS = "This sign-in wasn't begun here, or took too long. Please sign in again."
TOKENS, ATTEMPT = "sign-in", "attempt to sign in"
RENEWING = PerApp[dict[tuple[str, str], Lock]](dict)


class SignInNeeded(ToolFailed):
    """A person has to sign in at a tool server before it can be used."""


@dataclass(frozen=True, slots=True)
class SignInPage:
    """Where a person signs in: they see the host before they go there."""

    url: str
    host: str


@dataclass(frozen=True, slots=True)
class SignInReturn:
    """What an authorization server sends a person back with."""

    state: str
    code: str
    iss: str
    error: str


def begin(server: ToolServer, person: User, *, browser: str, our_address: str) -> SignInPage:
    """Begins to sign a person in at a server, in this browser alone, and returns where they continue.

    `browser` identifies it, and `our_address` is where it reaches us. Raises `SignInFailed` with the reason if the authorization
    server can't be used.
    """
    if server.sign_in != "oauth":
        raise Conflict(f"{server.name} needs no sign-in.")
    id, person_id, address, trust = server.id, person.id, server.address, trust_in(server)
    client, row = _client_of(server), sign_in_of(db.session(), server.id, person.id)
    challenge, scope = (row.challenge, _scope(server, row)) if row else ("", "")
    db.session.rollback()
    document = our_address + DOCUMENT_PATH if our_address.startswith("https://") else ""
    begun = oauth.begin(
        address,
        our_address + RETURN_PATH,
        stop=_stop(),
        challenge=challenge,
        client=client,
        document=document,
        scope=scope,
        trust=trust,
    )
    with write() as session:
        server = existing(session, id)
        if server.address != address:
            raise Conflict("The address of this server has just changed. Please try again.")
        row = sign_in_of(session, id, person_id) or ToolSignIn(server_id=id, user_id=person_id)
        row.attempt = keys.sealed_for(server, person_id, {"record": begun.record, "browser": browser}, ATTEMPT)
        row.attempt_state, row.attempt_until = _hashed(begun.state), utc_now() + timedelta(seconds=ATTEMPT_SECONDS)
        session.add(row)
    return SignInPage(begun.url, urlsplit(begun.url).hostname or "")


def finish(person: User, said: SignInReturn, *, browser: str, author: PersonAuthor) -> str:
    """Ends an attempt that this person began in this browser; returns the id of the server where they are signed in now.

    An attempt is used once, whatever becomes of it. Raises `Invalid`, or `SignInFailed` with the reason.
    """
    person_id = person.id
    with write() as session:
        query = select(ToolSignIn).where(ToolSignIn.user_id == person_id, ToolSignIn.attempt_state == _hashed(said.state))
        row = session.scalar(query) if said.state else None
        if row is None or not row.attempt_until:
            raise Invalid(NOT_OURS)
        server, attempt, until = session.get_one(ToolServer, row.server_id), row.attempt, row.attempt_until
        row.attempt, row.attempt_state, row.attempt_until = "", "", None
        session.flush()
        session.expunge(server)
    opened = keys.opened_for(server, person_id, attempt, ATTEMPT)
    if opened["browser"] != browser or until < utc_now():
        raise Invalid(NOT_OURS)
    record = opened["record"]
    tokens = oauth.finish(record, said.code, said.iss, state=said.state, stop=_stop(), error=said.error)
    with write() as session:
        if existing(session, server.id).address != server.address:
            raise Conflict("The address of this server has just changed. Please sign in again.")
        row = sign_in_of(session, server.id, person_id) or ToolSignIn(server_id=server.id, user_id=person_id)
        _keep(row, server, tokens, record)
        row.signed_in_at, row.ended, row.challenge = utc_now(), "", ""
        session.add(row)
        audit.add(session, "signed in at a tool server", author=author, object_kind="tool server", object_id=server.id)
    return server.id


def access_token(server: ToolServer, user_id: str, *, refused: str = "") -> str:
    """Returns the person's token for a server, renewed if it expires or is the one that was refused; raises `SignInNeeded`."""
    row = _signed_in(server, user_id)
    stored = _opened(server, row)
    if not _must_renew(row, stored, refused):
        return str(stored["access"])
    # One renewal at a time: most authorization servers take a refresh token once.
    with RENEWING.get().setdefault((server.id, user_id), Lock()):
        row = _signed_in(server, user_id)
        stored = _opened(server, row)
        if not _must_renew(row, stored, refused):
            return str(stored["access"])
        if not stored.get("refresh"):
            end(server.id, user_id)
            raise SignInNeeded(SIGN_IN_AGAIN.format(server.name))
        return _renewed(server, user_id, row.tokens, stored)


def _renewed(server: ToolServer, user_id: str, before: str, stored: Mapping[str, Any]) -> str:
    record = stored["record"]
    db.session.rollback()
    try:
        tokens = oauth.refresh(record, str(stored["refresh"]), stop=_stop())
    except SignInRequired as refusal:
        row = _signed_in(server, user_id)
        if row.tokens != before:
            # Another worker has renewed it meanwhile.
            return str(_opened(server, row)["access"])
        end(server.id, user_id)
        raise SignInNeeded(SIGN_IN_AGAIN.format(server.name)) from refusal
    except SignInFailed as failure:
        raise ToolFailed(failure.message) from failure
    with write() as session:
        present = sign_in_of(session, server.id, user_id)
        if present and present.tokens == before:
            _keep(present, server, tokens, record)
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
    record, engine = stored["record"], the_engine()

    def revoke() -> None:
        with engine.in_app():
            for token in filter(None, (stored["refresh"], stored["access"])):
                with suppress(SignInFailed):
                    oauth.revoke(record, token, stop=_stop())

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


DEPARTURE = people_service.Departure(detach=withdraw_of)


def client_document(our_address: str) -> dict[str, Any]:
    """Returns what a page of ours says of us to authorization servers."""
    return oauth.client_document(our_address + DOCUMENT_PATH, our_address + RETURN_PATH)


def trust_in(server: ToolServer) -> Trust:
    """Only what an admin has entered can be in this network."""
    return "operator" if server.owner_id is None else "public"


def existing(session: Session, id: str) -> ToolServer:
    """Returns the present row of a server; raises `NotFound` if it has been deleted."""
    server = session.get(ToolServer, id, populate_existing=True)
    if server is None:
        raise NotFound("That app no longer exists.")
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


def _keep(row: ToolSignIn, server: ToolServer, tokens: oauth.OAuthTokens, record: Mapping[str, Any]) -> None:
    stored = {"access": tokens.access, "refresh": tokens.refresh, "record": {**record, "scope": tokens.scope, "verifier": ""}}
    row.tokens, row.expires_at = keys.sealed_for(server, row.user_id, stored, TOKENS), tokens.expires_at


def _client_of(server: ToolServer) -> oauth.Registration | None:
    """Returns how the authorization server knows us, if that was entered; else we register for each sign-in.

    What a server has registered is not kept for others: only what a person has entered can be in this network.
    """
    client = keys.opened_client(server)
    return oauth.Registration(client["id"], client["issuer"], client["client_secret"]) if client else None


def _scope(server: ToolServer, row: ToolSignIn) -> str:
    """Returns what the person has allowed before."""
    with suppress(DecryptionError):
        if row.tokens:
            return str(keys.opened_for(server, row.user_id, row.tokens, TOKENS)["record"]["scope"])
    return ""


def _hashed(state: str) -> str:
    return sha256(state.encode("utf-8", "surrogatepass")).hexdigest()


def _stop() -> Stop:
    return Stop(the_engine().signal)
