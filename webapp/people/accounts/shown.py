"""View models of accounts for pages: sessions, tokens and people."""

from dataclasses import dataclass
from datetime import datetime

from webapp.base import languages
from webapp.base.db import utc_now
from webapp.base.languages import gettext as _
from webapp.people.accounts import agents, directory, queries
from webapp.people.accounts.roles import manageable
from webapp.people.accounts.tables import ApiToken, User
from webapp.web.pagination import Slice, cut


@dataclass(frozen=True, slots=True)
class ShownSession:
    id: str
    words: str
    address: str
    opened_at: datetime
    seen_at: datetime
    is_this: bool


@dataclass(frozen=True, slots=True)
class ShownToken:
    id: str
    name: str
    last_four: str
    purposes: str
    used_at: datetime | None
    expires_on: str
    is_over: bool
    is_gateway: bool


@dataclass(frozen=True, slots=True)
class ShownPerson:
    id: str
    name: str
    email: str
    role: str
    seen_at: datetime | None
    is_disabled: bool
    is_me: bool
    is_manageable: bool


def sessions(user: User, secret: str) -> list[ShownSession]:
    """Returns a person's sessions, the current one first."""
    rows, this = queries.sessions_of(user.id), queries.hashed(secret)
    addresses = queries.addresses_of(rows)
    sessions = [
        ShownSession(
            row.id,
            _browser(row.agent),
            addresses.get(row.id, ""),
            row.created_at,
            row.seen_at,
            is_this=row.token_hash == this,
        )
        for row in rows
    ]
    return sorted(sessions, key=lambda session: not session.is_this)


def tokens(user: User) -> list[ShownToken]:
    return [_token(token) for token in queries.tokens_of(user.id)]


def people(me: User, text: str, after: str) -> Slice[ShownPerson]:
    """Returns a page of the people that match these words."""
    seen = dict(directory.people(text, after))
    page = cut(list(seen), directory.PAGE)
    return Slice([person(user, seen[user], me) for user in page.rows], page.next_cursor)


def person(user: User, seen_at: datetime | None, me: User) -> ShownPerson:
    is_me = user.id == me.id
    return ShownPerson(
        user.id,
        user.name,
        user.email,
        user.role,
        seen_at,
        is_disabled=user.disabled_at is not None,
        is_me=is_me,
        is_manageable=user.role in manageable(me.role),
    )


def _browser(agent: str) -> str:
    browser, system = agents.browser_and_system(agent)
    if system:
        return _("%(browser)s on %(system)s", browser=browser or _("A browser"), system=system)
    return browser or _("Unknown browser")


def _token(token: ApiToken) -> ShownToken:
    ends = token.expires_at
    return ShownToken(
        token.id,
        token.name,
        token.last_four,
        ", ".join(token.scopes.split()),
        token.used_at,
        expires_on=languages.current().formats.date(ends, is_short=True) if ends else "",
        is_over=ends is not None and ends <= utc_now(),
        is_gateway=token.is_gateway,
    )
