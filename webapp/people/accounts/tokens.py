"""API tokens, which authenticate programs, and tickets: signed tokens in URLs that open one chat's stream.

A ticket lasts as long as the session or API token that it was made with.
"""

import hmac
from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from typing import Annotated

from pydantic import Field
from sqlalchemy import delete, func, select

from webapp.base import audit
from webapp.base.changes import access_changed
from webapp.base.db import utc_now, write
from webapp.base.errors import Conflict, Forbidden, Invalid, NotFound
from webapp.base.ids import new_secret
from webapp.base.inputs import Input
from webapp.people.accounts import service
from webapp.people.accounts.fields import checked_name
from webapp.people.accounts.permissions import allowed_scopes
from webapp.people.accounts.queries import hashed
from webapp.people.accounts.tables import ApiToken, User

SESSION, TOKEN = "s", "t"
PREFIX = "millrace_"
MOST = 50
# A gateway's limits are at most as high as settings can be.
MOST_LIMIT = 1_000_000
Limit = Annotated[int, Field(ge=0, le=MOST_LIMIT)]


class GatewayLimits(Input):
    """A gateway's own limits; null is the one in the settings, 0 no limit."""

    per_minute: Limit | None = Field(default=None, description="Answers that it can start per minute.")
    at_once: Limit | None = Field(default=None, description="Answers that it can have in progress.")
    streams: Limit | None = Field(default=None, description="Streams that can deliver answers to it.")


def make_token(
    user: User,
    name: str,
    scopes: Iterable[str],
    *,
    days: int = 0,
    gateway: GatewayLimits | None = None,
    author: audit.AuditAuthor = audit.COMMAND_LINE,
) -> str:
    """Creates a token and returns it, which is the only time it is shown; with 0 days it never expires.

    With `gateway` it is a gateway's, which only an admin or the command line can create.
    """
    if gateway and isinstance(author.actor, User) and not author.actor.is_admin:
        raise Forbidden("Only admins can create a gateway's token.", field="gateway")
    name, unique_scopes, user_id = checked_name(name), tuple(dict.fromkeys(scopes)), user.id
    token = PREFIX + new_secret()
    _check_scopes(user, unique_scopes)
    with write() as session:
        if (session.scalar(select(func.count()).where(ApiToken.user_id == user_id)) or 0) >= MOST:
            raise Conflict(f"You already have {MOST} tokens. Please revoke one first.")
        expires_at = utc_now() + timedelta(days=days) if days else None
        row = ApiToken(user_id=user_id, name=name, token_hash=hashed(token), last_four=token[-4:], expires_at=expires_at)
        row.scopes = " ".join(unique_scopes)
        if gateway:
            row.is_gateway = True
            row.answers_per_minute, row.answers_at_once = gateway.per_minute, gateway.at_once
            row.answer_streams = gateway.streams
        session.add(row)
        session.flush()
        rights = f"{row.scopes}, gateway" if gateway else row.scopes
        detail = f"{name} ({rights}) for {user.email}"
        audit.add(session, "created a token", author=author, object_kind="token", object_id=row.id, detail=detail)
    return token


def make_own_token(
    user: User,
    password: str,
    name: str,
    scopes: Iterable[str],
    *,
    days: int = 0,
    gateway: GatewayLimits | None = None,
    address: str = "",
) -> str:
    """Creates a token after confirming the password, because it outlives the session, which could be stolen."""
    service.confirm(user, password, address=address)
    return make_token(user, name, scopes, days=days, gateway=gateway, author=audit.AuditAuthor(user, address))


def revoke_token(user: User, token_id: str, *, address: str = "") -> None:
    """Revokes one of the person's own tokens, with immediate effect."""
    with write() as session:
        revoked = delete(ApiToken).where(ApiToken.id == token_id, ApiToken.user_id == user.id).returning(ApiToken.name)
        name = session.scalar(revoked)
        if name is None:
            raise NotFound("That token no longer exists.")
        author, detail = audit.AuditAuthor(user, address), f"{name} for {user.email}"
        audit.add(session, "revoked a token", author=author, object_kind="token", object_id=token_id, detail=detail)
    access_changed(user.id)


def _check_scopes(user: User, scopes: tuple[str, ...]) -> None:
    allowed = allowed_scopes(user)
    if not scopes:
        raise Invalid("Choose at least one permission for the token.", field="scopes")
    if beyond := [scope for scope in scopes if scope not in allowed]:
        raise Forbidden(
            f"This account's tokens can't have: {', '.join(beyond)}. Available: {', '.join(allowed)}.", field="scopes"
        )


def ticket(secret: str, holder: str, chat_id: str) -> str:
    """Returns a ticket for one chat; `holder` is `s` or `t` followed by the id of the session or token."""
    return f"{holder}.{_signature(secret, holder, chat_id)}"


def holder_of(secret: str, text: str, chat_id: str) -> str:
    """Returns the holder of a ticket for this chat; empty if the signature is wrong."""
    holder, _, signature = text.partition(".")
    is_ours = hmac.compare_digest(signature.encode(), _signature(secret, holder, chat_id).encode())
    return holder if is_ours and holder[:1] in (SESSION, TOKEN) else ""


def _signature(secret: str, holder: str, chat_id: str) -> str:
    return hmac.new(secret.encode(), f"ticket\0{holder}\0{chat_id}".encode(), sha256).hexdigest()
