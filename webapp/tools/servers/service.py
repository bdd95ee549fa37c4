"""What people do with tool servers: connect, change, accept tools, grant, turn off and delete them."""

import itertools
import re
import unicodedata
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated

from pydantic import Field
from sqlalchemy import delete as deletion, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.db import utc_now, write
from webapp.base.errors import Conflict, Forbidden, Invalid
from webapp.base.ids import new_id, new_secret
from webapp.base.inputs import Input, Line, OneLine, checked_by
from webapp.base.words import plural
from webapp.models.providers.base import ProviderError
from webapp.models.upstream.addresses import base_address
from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.people.things import grants
from webapp.people.things.thing import READ, Thing
from webapp.settings.secrets.encryption import DecryptionError
from webapp.settings.service import setting
from webapp.tools import policies
from webapp.tools.mcp.client import Listing
from webapp.tools.servers import keys, listing as lists, pinning, sign_ins
from webapp.tools.servers.queries import KIND, tools_of_server, visible_server
from webapp.tools.servers.sign_ins import existing
from webapp.tools.servers.tables import DeletedToolServer, ServerTool, SignIn, ToolServer
from webapp.tools.tables import AllowedTool, ToolPolicy
from webapp.tools.tool import Policy, ToolFailed

MOST_OF_SITE, MOST_OWN = 30, 10
NOT_ALLOWED = "People can't connect their own apps here. An admin can allow it in the tool settings."
OTHER_ADDRESS = (
    "The address has changed, so please enter the token or headers again. They are only ever sent to the address they were "
    "entered for."
)


class ToolServerNotAnswering(Invalid):
    """A server that is to be connected doesn't answer, or refuses; the message is its reason."""


def checked_address(text: str, field: str = "url") -> str:
    """Returns the address of a server; raises `Invalid` for one that can't be requested."""
    try:
        return base_address(text)
    except ProviderError as error:
        raise Invalid(error.message, field=field) from error


class ToolServerInput(Input):
    """What is entered for a tool server. Without a token or headers, those that are stored stay."""

    name: Annotated[Line, OneLine("Enter a name of up to 80 characters.", 80, 1)]
    url: Annotated[Line, checked_by(checked_address)]
    sign_in: SignIn = "none"
    token: Annotated[
        str,
        Field(max_length=6_000, description="With `bearer`; stored encrypted and never returned."),
        checked_by(keys.checked_token),
    ] = ""
    headers: Annotated[
        dict[str, str] | None,
        Field(description="Sent with each request; stored encrypted, and their values are never returned."),
        checked_by(lambda headers: headers if headers is None else keys.checked_headers(headers)),
    ] = None
    client_id: Annotated[Line, Field(description="With `oauth`, if its authorization server registers no clients.")] = ""
    client_secret: Annotated[str, Field(max_length=1_000, description="With `client_id`, if there is one.")] = ""
    issuer: Annotated[
        Line,
        Field(description="With `client_id`: the address of the authorization server that has given it."),
        checked_by(lambda issuer: checked_address(issuer, "issuer") if issuer.strip() else ""),
    ] = ""


def connect(entered: ToolServerInput, *, author: PersonAuthor, is_own: bool) -> ToolServer:
    """Connects a server that answers, with its tools, none of which can be used before it is accepted.

    The site's is granted to the team. Raises `NotAnswering` with the reason.
    """
    person = author.actor
    owner_id = person.id if is_own else None
    refuse_unless_may_connect(person, is_own=is_own)
    if entered.sign_in == "bearer" and not entered.token:
        raise Invalid("Enter the token.", field="token")
    server = ToolServer(
        id=new_id(), name=entered.name, address=entered.url, sign_in=entered.sign_in, owner_id=owner_id, is_enabled=True
    )
    server.version = server.secrets = server.client = ""
    _fill_secrets(server, entered, keys.Secrets())
    answer = _first_answer(server, person.id)
    with write() as session:
        _refuse_too_many(session, owner_id)
        _refuse_taken_name(session, server, entered.name)
        server.slug = _free_slug(session, server)
        session.add(server)
        _flush(session)
        if answer:
            pinning.store_listing(session, server, answer, is_whole=True)
        else:
            server.fresh_until = utc_now()
        if not is_own:
            grants.give(session, KIND, server.id, "read", by=person.id, user_id=None, group_id=None)
        _note(session, "connected a tool server", server, author)
    return server


def change(id: str, entered: ToolServerInput, *, author: PersonAuthor) -> None:
    """Changes a server. Another address is another server: its secrets are entered again, and its tools accepted again."""
    with write() as session:
        server = existing(session, id)
        _refuse_taken_name(session, server, entered.name)
        is_moved = entered.url != server.address
        if is_moved and server.secrets and not (entered.token or entered.headers is not None):
            raise Invalid(OTHER_ADDRESS, field="token" if server.sign_in == "bearer" else "headers")
        try:
            secrets = keys.Secrets() if is_moved else keys.opened_secrets(server)
        except DecryptionError:
            secrets = keys.Secrets()
        if entered.sign_in == "bearer" and not (entered.token or secrets.token):
            raise Invalid("Enter the token.", field="token")
        if is_moved or entered.sign_in != server.sign_in:
            sign_ins.withdraw_all(session, server)
            server.client = ""
        if is_moved:
            session.execute(deletion(ServerTool).where(ServerTool.server_id == id))
            server.version, server.listed_at, server.fresh_until, server.left_out = "", None, None, []
            server.tools_at = utc_now()
            _forget_decisions(session, server)
        server.name, server.address, server.sign_in, server.trouble = entered.name, entered.url, entered.sign_in, ""
        _fill_secrets(server, entered, secrets)
        _note(session, "changed a tool server", server, author)


def set_enabled(id: str, is_enabled: bool, *, author: PersonAuthor) -> None:
    """Turns a server on or off, and with it its tools; everything is kept."""
    with write() as session:
        server = existing(session, id)
        if server.is_enabled != is_enabled:
            server.is_enabled = is_enabled
            _note(session, f"turned {'on' if is_enabled else 'off'} a tool server", server, author)


def accept(id: str, hashes: Mapping[str, str], *, author: PersonAuthor) -> int:
    """Accepts tools as they are listed, each by the hash of what was looked at; returns how many could not be used before."""
    with write() as session:
        server = existing(session, id)
        names = pinning.accept(session, server, hashes)
        if names:
            listed = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
            _note(session, "accepted tools", server, author, f"{plural(len(names), 'tool')} of {server.name}: {listed}")
    return len(names)


def decide(id: str, decisions: Mapping[str, Policy | None], *, author: PersonAuthor) -> None:
    """Sets what tools of a server may do; None is what they do by themselves."""
    with write() as session:
        server = existing(session, id)
        known = {tool.name for tool in tools_of_server(session, id)}
        for name, policy in decisions.items():
            if name not in known:
                raise Invalid(f"{server.name} has no tool {name}.", field="policy")
            key = key_of(server, name)
            row = session.get(ToolPolicy, (key, policies.EVERYONE))
            if policies.decide(session, key, policy, is_free=bool(row and row.is_free and policy)):
                _note(session, "decided about a tool", server, author, f"{key if server.owner_id is None else ''}: {policy}")


def delete(id: str, *, author: PersonAuthor) -> None:
    """Deletes a server with its secrets, sign-ins, and what was decided about its tools; its name stays taken."""
    with write() as session:
        server = existing(session, id)
        sign_ins.withdraw_all(session, server)
        _forget_decisions(session, server)
        grants.forget(session, KIND, [id])
        session.merge(DeletedToolServer(slug=server.slug, origin=_origin(server), deleted_at=utc_now()))
        _note(session, "deleted a tool server", server, author)
        session.delete(server)


def key_of(server: ToolServer, name: str) -> str:
    """Returns the key of a tool; those that come with Millrace have no dot in theirs."""
    return f"{server.slug}.{name}"


def refuse_unless_may_connect(person: User, *, is_own: bool) -> None:
    """Raises `Forbidden` for a person who can't connect a server for themselves, or for everyone."""
    if is_own and not setting("tools.personal_servers"):
        raise Forbidden(NOT_ALLOWED)
    if not is_own and not may(person, "administer"):
        raise Forbidden("Only the owner and admins can connect apps for everyone.")


def _refuse_too_many(session: Session, owner_id: str | None) -> None:
    is_alike = ToolServer.owner_id.is_not_distinct_from(owner_id)
    most = MOST_OWN if owner_id else MOST_OF_SITE
    if (session.scalar(select(func.count(ToolServer.id)).where(is_alike)) or 0) >= most:
        raise Invalid(f"You've reached the limit of {most} apps. Delete one first.")


def _refuse_taken_name(session: Session, server: ToolServer, name: str) -> None:
    """Raises `Conflict` for the name of another server: by its name, people and the outside rule know where a text is from."""
    is_seen = or_(ToolServer.owner_id.is_(None), ToolServer.owner_id == server.owner_id)
    is_alike = func.lower(ToolServer.name) == name.lower(), ToolServer.id != server.id, is_seen
    if session.scalar(select(ToolServer.id).where(*is_alike).limit(1)):
        raise Conflict("There is already an app with this name.", field="name")


def _first_answer(server: ToolServer, person_id: str) -> Listing | None:
    """Returns what a new server lists; None if people have to sign in before they know."""
    try:
        return lists.first_listing(server, person_id)
    except ToolFailed as failure:
        raise ToolServerNotAnswering(failure.message, field="token" if server.sign_in == "bearer" else "url") from failure


def _fill_secrets(server: ToolServer, entered: ToolServerInput, before: keys.Secrets) -> None:
    token = (entered.token or before.token) if entered.sign_in == "bearer" else ""
    headers = before.headers if entered.headers is None else entered.headers
    server.secrets = keys.sealed_secrets(server, keys.Secrets(token, headers))
    if entered.sign_in == "oauth" and entered.client_id:
        if not entered.issuer:
            raise Invalid("Enter the authorization server that the client ID is from.", field="issuer")
        client = {"id": entered.client_id.strip(), "client_secret": entered.client_secret.strip(), "issuer": entered.issuer}
        server.client = keys.sealed_client(server, client)


def _free_slug(session: Session, server: ToolServer) -> str:
    """Returns a slug that no server has or had, except the same one; that of a person's own server can't be guessed."""
    plain = unicodedata.normalize("NFKD", server.name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:24].strip("-") or "server"
    if server.owner_id:
        stem = f"{stem}-{sha256(new_secret().encode()).hexdigest()[:6]}"
    deleted = {row.slug: row for row in session.scalars(select(DeletedToolServer))}
    elsewhere = {slug for slug, row in deleted.items() if row.origin != _origin(server)}
    taken = elsewhere | set(session.scalars(select(ToolServer.slug)))
    numbered = (f"{stem}-{number}" for number in itertools.count(2))
    slug = next(slug for slug in itertools.chain((stem,), numbered) if slug not in taken)
    if again := deleted.get(slug):
        session.delete(again)
    return slug


def _origin(server: ToolServer) -> str:
    return sha256(f"{server.owner_id or ''}\n{server.address}".encode()).hexdigest()


def _forget_decisions(session: Session, server: ToolServer) -> None:
    """Forgets what was decided about the tools of a server that is gone, or is another one."""
    for table in (ToolPolicy, AllowedTool):
        is_of_server = table.tool.startswith(f"{server.slug}.", autoescape=True)
        session.execute(deletion(table).where(is_of_server).execution_options(synchronize_session=False))


def _flush(session: Session) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise Conflict("An app with that name was just connected. Please try again.", field="name") from error


def _note(session: Session, action: str, server: ToolServer, author: PersonAuthor, detail: str = "") -> None:
    """Adds an entry to the audit log, which says nothing more of a person's own server than that there is one."""
    about = detail or f"{server.name} at {server.address}"
    detail = about if server.owner_id is None else "of their own"
    audit.add(session, action, author=author, object_kind="tool server", object_id=server.id, detail=detail)


def _refuse_own(server: ToolServer) -> None:
    if server.owner_id:
        raise Conflict("Your own app can't be shared: it acts in your name.")


TOOL_SERVERS = Thing(
    kind=KIND,
    table=ToolServer,
    word="tool server",
    seen=visible_server,
    rights={READ: "can use its tools"},
    refuse_private=_refuse_own,
)
