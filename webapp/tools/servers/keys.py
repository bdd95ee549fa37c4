"""The secrets of tool servers: tokens, headers and sign-ins, encrypted and bound to the server, its address and the person."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from webapp.base import logs
from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.settings.secrets.encryption import Holder, Secret, the_encryption
from webapp.tools.servers.tables import ToolServer, ToolSignIn

MOST_TOKEN, MOST_HEADERS, MOST_HEADER = 4_000, 20, 4_000
NAME_CHARS = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
# What the protocol, or HTTP itself, says of a request.
OURS = {
    *("accept", "connection", "content-length", "content-type", "expect", "host", "keep-alive", "te", "trailer", "upgrade"),
    *("transfer-encoding", "last-event-id", "proxy-authorization", "proxy-connection"),
}
WRONG_HEADER = "Write each header in a line of its own, as “Name: value”."


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is sent to a server with each request."""

    token: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def checked_token(text: str) -> str:
    """Returns a token without surrounding whitespace; raises `Invalid` for a text that can't be one."""
    token = text.strip().removeprefix("Bearer ").strip()
    if len(token) > MOST_TOKEN or not (token.isascii() and token.isprintable()) or " " in token:
        raise Invalid("That isn't a valid token. Please paste only the token.", field="token")
    return token


def checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Returns fixed headers, each without surrounding whitespace; raises `Invalid` for what can't be sent."""
    if len(headers) > MOST_HEADERS:
        raise Invalid(f"Enter at most {MOST_HEADERS} headers.", field="headers")
    checked = {name.strip(): value.strip() for name, value in headers.items()}
    for name, value in checked.items():
        small = name.lower()
        if not 0 < len(name) <= 100 or not {*small} <= NAME_CHARS or len(value) > MOST_HEADER:
            raise Invalid(WRONG_HEADER, field="headers")
        if not value or not (value.isascii() and value.isprintable()):
            raise Invalid(f"The value of {name} can't be sent in a header.", field="headers")
        if small in OURS or small.startswith("mcp-"):
            raise Invalid(f"The header {name} is set by Millrace.", field="headers")
    return checked


def headers_in(text: str) -> dict[str, str]:
    """Returns the headers in the lines of a text; raises `Invalid` for any other line."""
    lines = [line.partition(":") for line in text.splitlines() if line.strip()]
    if not all(colon for _, colon, _ in lines):
        raise Invalid(WRONG_HEADER, field="headers")
    return checked_headers({name: value for name, _, value in lines})


def sealed_secrets(server: ToolServer, secrets: Secrets) -> str:
    """Encrypts what is sent to a server, for its present address alone; nothing if there is nothing to send."""
    if not (secrets.token or secrets.headers):
        return ""
    return _sealed({"token": secrets.token, "headers": dict(secrets.headers)}, server.id, f"tool server at {server.address}")


def opened_secrets(server: ToolServer) -> Secrets:
    """Decrypts what is sent to a server; raises `DecryptionError`, also if it was entered for another address."""
    if not server.secrets:
        return Secrets()
    opened = _opened(server.secrets, server.id, f"tool server at {server.address}")
    return Secrets(str(opened.get("token", "")), dict(opened.get("headers", {})))


def sealed_client(server: ToolServer, client: Mapping[str, Any]) -> str:
    """Encrypts what the site is at a server's authorization server."""
    return _sealed(client, server.id, f"client at {server.address}") if client else ""


def opened_client(server: ToolServer) -> dict[str, Any]:
    return _opened(server.client, server.id, f"client at {server.address}") if server.client else {}


def sealed_for(server: ToolServer, user_id: str, what: Mapping[str, Any], purpose: str) -> str:
    """Encrypts what one person has at a server, for this purpose alone."""
    return _sealed(what, f"{server.id}/{user_id}", f"{purpose} at {server.address}")


def opened_for(server: ToolServer, user_id: str, ciphertext: str, purpose: str) -> dict[str, Any]:
    """Decrypts what one person has at a server; raises `DecryptionError` for another person or purpose."""
    return _opened(ciphertext, f"{server.id}/{user_id}", f"{purpose} at {server.address}")


def _sealed(what: Mapping[str, Any], owner: str, purpose: str) -> str:
    _hide(what)
    return the_encryption().encrypt_api_key(json.dumps(what), owner=owner, purpose=purpose)


def _opened(ciphertext: str, owner: str, purpose: str) -> dict[str, Any]:
    value = json.loads(the_encryption().decrypt_api_key(ciphertext, owner=owner, purpose=purpose))
    _hide(value)
    return dict(value)


def _hide(value: Any) -> None:
    """Masks secrets in all further lines of the log."""
    for name, part in value.items():
        if isinstance(part, Mapping):
            _hide(part) if name != "headers" else logs.hide(*part.values())
        elif isinstance(part, str) and name in ("token", "access", "refresh", "client_secret", "secret", "verifier"):
            logs.hide(part)


def _stored() -> list[Secret]:
    """Returns everything that is stored encrypted; the names of servers that people have for themselves are theirs."""
    names = {"secrets": "Token or headers of", "client": "Registration at"}
    with db.engine.connect() as connection:
        servers = connection.execute(
            select(ToolServer.id, ToolServer.name, ToolServer.owner_id, ToolServer.secrets, ToolServer.client)
        ).all()
        sign_ins = connection.execute(select(ToolSignIn.server_id, ToolSignIn.user_id, ToolSignIn.tokens)).all()
    called = {server.id: "a tool server of a person" if server.owner_id else server.name for server in servers}
    return [
        *(
            Secret(f"{server.id}/{column}", f"{words} {called[server.id]}", getattr(server, column))
            for server in servers
            for column, words in names.items()
            if getattr(server, column)
        ),
        *(
            Secret(f"{sign_in.server_id}/{sign_in.user_id}", f"Sign-in at {called[sign_in.server_id]}", sign_in.tokens)
            for sign_in in sign_ins
            if sign_in.tokens
        ),
    ]


def _replace(session: Session, id: str, ciphertext: str, fresh: str) -> bool:
    server_id, _, part = id.partition("/")
    if part in ("secrets", "client"):
        column = getattr(ToolServer, part)
        row = update(ToolServer).where(ToolServer.id == server_id, column == ciphertext).values({part: fresh})
    else:
        row = update(ToolSignIn).where(ToolSignIn.server_id == server_id, ToolSignIn.user_id == part)
        row = row.where(ToolSignIn.tokens == ciphertext).values(tokens=fresh)
    replaced = session.execute(row)
    return isinstance(replaced, CursorResult) and bool(replaced.rowcount)


HOLDER = Holder("tool server", _stored, _replace)
