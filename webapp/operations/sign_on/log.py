"""The log of sign-ins, read from the audit log, and what is done when a person says that one wasn't theirs."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.audit import AuditEntry
from webapp.base.changes import access_changed
from webapp.base.current import the_config
from webapp.base.db import db, write
from webapp.base.errors import NotFound
from webapp.base.languages import gettext as _
from webapp.base.words import plural
from webapp.engine.engine import Engine, the_engine
from webapp.models.providers.base import ProviderError
from webapp.operations.notices.mail import service as mail_service
from webapp.operations.sign_on import sign_ins
from webapp.operations.sign_on.tables import Identity
from webapp.people.accounts import queries, service as accounts
from webapp.people.accounts.fields import password_hash
from webapp.people.accounts.queries import SIGNED_IN, TRIED, WRONG_CODE, WRONG_PASSWORD
from webapp.people.accounts.sign_on import SignOnSession
from webapp.people.accounts.tables import ApiToken, PersonAuthor, User, UserSession
from webapp.people.members import service as people_service

KIND = "sign-in"
PAGE = 50
MOST_ADMINS = 20
WITHOUT_DEVICE = {WRONG_CODE: "with a wrong code", WRONG_PASSWORD: "with a wrong password, in a browser that was signed in"}
# How people sign in, as the log has it; with a provider, by its name.
WAYS = ("with a password", "by a link", "by the proxy", "after a new password", "after reporting a sign-in")
log = logging.getLogger("accounts")


@dataclass(frozen=True, slots=True)
class SignIn:
    """An entry of the log. `device` is empty where it isn't known; `is_open` says that its session hasn't ended yet."""

    id: str
    at: datetime
    email: str
    device: str
    way: str
    address: str
    is_refused: bool
    is_open: bool
    is_this: bool
    is_reported: bool

    @property
    def can_be_reported(self) -> bool:
        """Whether someone has got in, or has shown that they know the password or have the session."""
        is_harmless = self.is_refused and self.way not in WITHOUT_DEVICE.values()
        return not (is_harmless or self.is_this or self.is_reported)

    @property
    def way_words(self) -> str:
        """The way in the language of the page."""
        return _shown_way(self.way)

    @property
    def shown_words(self) -> str:
        """What is said of it, in the language of the page."""
        where = _("from %(address)s", address=self.address) if self.address else ""
        return ", ".join(filter(None, (self.device, self.way_words, where)))

    @property
    def words(self) -> str:
        return ", ".join(filter(None, (self.device, self.way, f"from {self.address}" if self.address else "")))


def sign_ins_of(user: User | None, *, secret: str = "", before: str = "") -> tuple[list[SignIn], str]:
    """Returns a page of a person's sign-ins, or of everyone's, and where the next one begins; empty if there is none.

    The one with this secret is marked.
    """
    entries = list(queries.sign_in_entries(user.id if user else "", before=before, limit=PAGE + 1))
    return _shown(entries[:PAGE], secret), entries[PAGE - 1].id if len(entries) > PAGE else ""


def own_sign_in(user: User, id: str, *, secret: str = "") -> SignIn:
    """Returns one of a person's sign-ins; raises `NotFound`."""
    entry = db.session.get(AuditEntry, id)
    is_theirs = entry is not None and entry.actor_id == user.id and entry.action in queries.SIGN_INS
    if entry is None or not is_theirs:
        raise NotFound("That sign-in is no longer in the log.")
    return _shown([entry], secret)[0]


@dataclass(frozen=True, slots=True)
class Browser:
    """The browser in which a sign-in is reported."""

    secret: str
    agent: str
    address: str


def report(user: User, sign_in: SignIn, current: str, password: str, *, browser: Browser) -> str:
    """Locks out the person who has signed in so; returns the secret of a new session, as this one's may be what was stolen.

    A session alone isn't enough: it takes the current password or, without one, a new sign-on. All sessions, API tokens and
    links end, and the ways to sign in that have come since. Admins read of it.
    """
    user_id, has_password = user.id, user.has_password
    accounts.confirm(user, current, field="current", address=browser.address)
    stored = password_hash(password) if has_password else ""
    with write() as session:
        me = people_service.existing(session, user_id)
        kept = _sign_on_of(session, browser.secret)
        if stored:
            accounts.replace_password(session, me, stored)
        session.execute(delete(UserSession).where(UserSession.user_id == user_id))
        people_service.kill_links(session, me)
        tokens = session.scalars(delete(ApiToken).where(ApiToken.user_id == user_id).returning(ApiToken.id)).all()
        ways = _newer_ways(session, me, sign_in.at)
        for identity in ways:
            sign_ins.end(session, identity)
        ended = f"{plural(len(tokens), 'token')} and {plural(len(ways), 'way')} to sign in ended"
        author, detail = PersonAuthor(me, browser.address), f"{me.email}: {sign_in.words}; {ended}"
        audit.add(session, "reported a sign-in", author=author, object_kind=KIND, object_id=sign_in.id, detail=detail)
        way, email = "after reporting a sign-in", me.email
        secret = accounts.add_session(session, me, browser.agent, address=browser.address, sign_on=kept, way=way)
    access_changed(user_id)
    if mail_service.is_set():
        engine = the_engine()
        engine.spawn(partial(_tell_admins, engine, email, f"{sign_in.words}, at {sign_in.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"))
    return secret


def _sign_on_of(session: Session, secret: str) -> SignOnSession | None:
    """Returns the provider's session behind one of ours, so that signing out there still ends the new one."""
    row = session.scalar(select(UserSession).where(UserSession.token_hash == queries.hashed(secret)))
    if row is None or not row.provider_id:
        return None
    return SignOnSession(row.provider_id, row.provider_subject, row.provider_session, row.id_token)


def _newer_ways(session: Session, me: User, at: datetime) -> Sequence[Identity]:
    """Returns the ways to sign in that were connected after this time, unless nothing else would be left."""
    identities = sign_ins.identities_of(me.id)
    newer = [identity for identity in identities if identity.created_at > at]
    return newer if me.has_password or len(newer) < len(identities) else []


def _tell_admins(engine: Engine, email: str, words: str) -> None:
    with engine.in_app():
        admins = select(User.email).where(User.role.in_(("owner", "admin")), User.disabled_at.is_(None)).order_by(User.id)
        addresses = db.session.scalars(admins.limit(MOST_ADMINS)).all()
        root = the_config().public_url.rstrip("/")
        page = f"{root}/admin/audit?person={email}" if root else "Administration, Audit."
        text = (
            f"{email} says that this sign-in wasn't theirs:\n\n{words}\n\nAll their browsers are signed out and their API tokens "
            f"revoked; who has a password has chosen a new one. What was done meanwhile: {page}\n"
        )
        try:
            mail_service.send(addresses, f"A sign-in was reported: {email}", text)
        except ProviderError as error:
            log.warning("report_not_mailed", extra={"fields": {"error": str(error)}})


def _shown(entries: Iterable[AuditEntry], secret: str) -> list[SignIn]:
    entries = list(entries)
    ids = [entry.object_id for entry in entries if entry.action == SIGNED_IN]
    sessions = select(UserSession.id, UserSession.token_hash).where(UserSession.id.in_(ids))
    hashes = {row[0]: row[1] for row in db.session.execute(sessions)}
    reports = select(AuditEntry.object_id).where(
        AuditEntry.object_kind == KIND, AuditEntry.object_id.in_([entry.id for entry in entries])
    )
    reported, this = set(db.session.scalars(reports)), queries.hashed(secret)
    return [_sign_in(entry, hashes.get(entry.object_id, ""), this, is_reported=entry.id in reported) for entry in entries]


def _sign_in(entry: AuditEntry, token_hash: str, this: str, *, is_reported: bool) -> SignIn:
    email, device, way = _read(entry)
    return SignIn(
        entry.id,
        entry.at,
        email,
        device,
        way,
        entry.address,
        is_refused=entry.is_refused,
        is_open=bool(token_hash),
        is_this=token_hash == this,
        is_reported=is_reported,
    )


def session_words(id: str, detail: str) -> tuple[str, str]:
    """Returns how the audit log shows a session: only by its device and the way."""
    device, comma, way = detail.partition(", ")
    return "", f"{device}{comma}{_shown_way(way)}"


def _shown_way(way: str) -> str:
    provider = "" if way in WAYS or not way.startswith("by ") else way.removeprefix("by ")
    return _("by %(name)s", name=provider) if provider else _(way)


def _read(entry: AuditEntry) -> tuple[str, str, str]:
    """Returns whom an entry is about, the device and the way, as `accounts.service` has written them."""
    if entry.action in WITHOUT_DEVICE:
        return entry.actor, "", ", ".join(filter(None, (WITHOUT_DEVICE[entry.action], entry.detail)))
    email, detail = entry.actor, entry.detail
    if entry.action == TRIED:
        subject, _colon, rest = detail.partition(": ")
        if entry.object_kind != "person" or not rest:
            return email, "", detail
        email, detail = subject, rest
    device, _comma, way = detail.partition(", ")
    return email, device, way
