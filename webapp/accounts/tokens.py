"""API tokens: what a program shows instead of a person."""

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import delete, func, select

from webapp.accounts import audit
from webapp.accounts.fields import checked_name
from webapp.accounts.queries import hashed
from webapp.accounts.roles import allowed_scopes
from webapp.accounts.service import COMMAND_LINE
from webapp.accounts.tables import ApiToken, User
from webapp.errors import Conflict, Forbidden, Invalid, NotFound
from webapp.extensions import utc_now, write
from webapp.ids import new_secret

PREFIX = "millrace_"
MOST = 50


def make_token(
    user: User, name: str, scopes: Iterable[str], *, days: int = 0, by: User | str = COMMAND_LINE, address: str = ""
) -> str:
    """A new token, which is told this once; 0 days means that it does not run out."""
    name, wanted, user_id = checked_name(name), tuple(dict.fromkeys(scopes)), user.id
    token = PREFIX + new_secret()
    _check_scopes(user, wanted)
    with write() as session:
        if (session.scalar(select(func.count()).where(ApiToken.user_id == user_id)) or 0) >= MOST:
            raise Conflict(f"There are {MOST} tokens already. Please revoke one first.")
        expires_at = utc_now() + timedelta(days=days) if days else None
        row = ApiToken(user_id=user_id, name=name, token_hash=hashed(token), last_four=token[-4:], expires_at=expires_at)
        row.scopes = " ".join(wanted)
        session.add(row)
        session.flush()
        about = audit.About(
            actor=by, address=address, object_kind="token", object_id=row.id, detail=f"{name} ({row.scopes}) for {user.email}"
        )
        audit.add(session, "made a token", **about)
    return token


def revoke_token(user: User, token_id: str, *, address: str = "") -> None:
    """End one of the person's own tokens at once."""
    with write() as session:
        revoked = delete(ApiToken).where(ApiToken.id == token_id, ApiToken.user_id == user.id).returning(ApiToken.name)
        name = session.scalar(revoked)
        if name is None:
            raise NotFound("That token is not there any more.")
        about = audit.About(
            actor=user, address=address, object_kind="token", object_id=token_id, detail=f"{name} for {user.email}"
        )
        audit.add(session, "revoked a token", **about)


def _check_scopes(user: User, wanted: tuple[str, ...]) -> None:
    allowed = allowed_scopes(user.role)
    if not wanted:
        raise Invalid("Choose at least one thing that the token is for.", field="scopes")
    if beyond := [each for each in wanted if each not in allowed]:
        raise Forbidden(f"Not for a token of this account: {', '.join(beyond)}. Possible: {', '.join(allowed)}.", field="scopes")
