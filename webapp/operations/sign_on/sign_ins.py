"""Signs people in whom a provider has sent back: finds or makes their account, gives them their rights, and opens a session."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.changes import access_changed
from webapp.base.db import db, utc_now, write
from webapp.base.errors import AppError, Conflict, Forbidden, Invalid, NotFound
from webapp.base.ids import new_secret
from webapp.models.upstream.sign_in import SignInFailed
from webapp.operations.sign_on import claims as claim_rules, openid, service
from webapp.operations.sign_on.claims import Rights, TooManyValues
from webapp.operations.sign_on.openid import SignInAttempt, VerifiedIdentity
from webapp.operations.sign_on.tables import Identity, IdentityProvider
from webapp.people.accounts import passwords, queries, service as accounts
from webapp.people.accounts.fields import checked_email, checked_name
from webapp.people.accounts.permissions import STORED_OVERRIDES
from webapp.people.accounts.sign_on import SignOnButton, SignOnSession
from webapp.people.accounts.tables import Group, Membership, PersonAuthor, User, UserSession
from webapp.people.members import service as people_service
from webapp.people.things.grants import rights_changed
from webapp.settings.secrets.encryption import DecryptionError, the_encryption

# A longer one, encrypted, doesn't fit into the address of the page from which a browser signs out at its provider.
MOST_ID_TOKEN = 2_400
SIGNING_OUT = "signing out"
NO_EMAIL = "{} doesn't say that your email address is verified, so it can't be used for an account here."
HAS_ACCOUNT = "There is already an account with your email address. Sign in to it, then connect {} under Settings → Security. {}"
TOO_MANY = "You are in more groups than {} tells. Ask whoever looks after it to send only those that Millrace needs."


@dataclass(frozen=True, slots=True)
class Visit:
    """Who came back from a provider, and in which browser."""

    told: VerifiedIdentity
    agent: str
    address: str


def buttons() -> list[SignOnButton]:
    return [SignOnButton(row.name, row.icon, f"/sign-on/{row.id}") for row in service.providers() if row.is_enabled]


def confirming(user_id: str) -> list[SignOnButton]:
    """Returns where a person can sign on again, to confirm that it is them."""
    issuers = {identity.issuer for identity in identities_of(user_id)}
    rows = [row for row in service.providers() if row.is_enabled and row.issuer in issuers]
    return [SignOnButton(row.name, row.icon, f"/account/sign-on/{row.id}/confirm") for row in rows]


def begin(provider: IdentityProvider, redirect_uri: str, *, again: bool = False) -> tuple[str, SignInAttempt]:
    """Returns where a person signs in, and what their browser keeps until they come back; raises `SignInFailed`.

    With `again`, they sign in there even if they are signed in.
    """
    client = service.client_of(provider)
    # No database connection is held while a provider is waited for.
    db.session.rollback()
    return openid.begin(client, redirect_uri, again=again)


def told_by(provider: IdentityProvider, attempt: SignInAttempt, returned: Mapping[str, str]) -> VerifiedIdentity:
    """Returns what a provider tells of the person who came back; raises `SignInFailed`."""
    client = service.client_of(provider)
    db.session.rollback()
    return openid.finish(client, attempt, returned)


def sign_in(provider_id: str, visit: Visit) -> str:
    """Returns the secret of a new session for the person whom a provider tells of; makes their account if that is allowed.

    Raises `Forbidden` with a sentence that says whom to ask, and `CodeNeeded` if their account has a second factor.
    """
    told, provider = visit.told, service.provider(provider_id)
    try:
        given = claim_rules.rights(provider.claim_rows, told.claims, provider.default_role)
        wanted = set(provider.required_values)
        is_wanted = not wanted or wanted & claim_rules.values(told.claims, provider.required_claim)
    except TooManyValues as error:
        raise _refused(provider, visit, TOO_MANY.format(provider.name)) from error
    if not is_wanted:
        raise _refused(provider, visit, f"{provider.name} doesn't list you among those who can use Millrace.")
    identity, whom = _identity(told), _whom_to_ask(provider)
    person_id = identity.user_id if identity else ""
    if person_id and (person := queries.person(person_id)) and person.disabled_at:
        raise _refused(provider, visit, f"Your account is turned off. {whom}")
    unstored = None if person_id else _new_account(provider, visit)
    name = provider.name
    with write() as session:
        user = session.get(User, person_id) if person_id else unstored
        if user is None or user.disabled_at:
            raise Forbidden(f"Your account is turned off. {whom}")
        by = audit.AuditAuthor(user, visit.address)
        if unstored:
            accounts.add(session, user)
            accounts.about_person(session, "created an account by sign-on", user, author=by, detail=name)
        _remember(session, user, told, claim_rules.email(told.claims, is_trusted=True))
        is_changed = _give(session, user, given, audit.AuditAuthor(name, visit.address))
        user_id = user.id
    if is_changed:
        rights_changed(user_id)
    kept = SignOnSession(provider_id, told.subject, told.session, _sealed(provider_id, told.id_token), f"by {name}")
    return accounts.admit(user_id, visit.agent, address=visit.address, sign_on=kept)


def connect(user: User, told: VerifiedIdentity, *, address: str) -> None:
    """Lets a person sign in as whom a provider tells of from now on; raises Conflict if that is someone else here."""
    user_id = user.id
    with write() as session:
        identity, me = _identity(told), people_service.existing(session, user_id)
        if identity and identity.user_id != user_id:
            raise Conflict("That is already how someone else signs in here.")
        _remember(session, me, told, claim_rules.email(told.claims, is_trusted=True))
        accounts.about_person(session, "connected a sign-on", me, author=audit.AuditAuthor(me, address), detail=told.issuer)


def confirm(user: User, told: VerifiedIdentity, *, secret: str, address: str) -> None:
    """Notes that the person in the session with this secret has signed on again; raises Conflict if someone else has."""
    user_id = user.id
    with write() as session:
        identity, me = _identity(told), people_service.existing(session, user_id)
        if identity is None or identity.user_id != user_id:
            raise Conflict("That isn't how you sign in here. Sign in there with your own account.")
        this = update(UserSession).where(UserSession.token_hash == queries.hashed(secret), UserSession.user_id == user_id)
        session.execute(this.values(confirmed_at=utc_now()))
        author = audit.AuditAuthor(me, address)
        accounts.about_person(session, "confirmed by sign-on", me, author=author, detail=told.issuer)


def disconnect(user: User, identity_id: str, *, author: PersonAuthor) -> None:
    """Ends a way to sign in, with the sessions that come from it.

    One's last one stays for an account without a password; an admin can end it, and create a link to choose a password.
    """
    user_id = user.id
    with write() as session:
        is_own = user_id == author.actor.id
        me = people_service.existing(session, user_id) if is_own else people_service.managed(session, user, author)
        identities = _identities(session, user_id)
        identity = next((row for row in identities if row.id == identity_id), None)
        if identity is None:
            raise NotFound("That is no longer a way to sign in.")
        if is_own and not me.has_password and len(identities) == 1:
            raise Conflict("This is the only way to sign in to your account. Ask an admin for a link to choose a password first.")
        end(session, identity)
        accounts.about_person(session, "removed a sign-on", me, author=author, detail=identity.issuer)


def end(session: Session, identity: Identity) -> None:
    """Deletes a way to sign in, and the sessions that come from it, in the caller's transaction."""
    ours = select(IdentityProvider.id).where(IdentityProvider.issuer == identity.issuer)
    is_from_it = UserSession.provider_id.in_(ours), UserSession.provider_subject == identity.subject
    _end_sessions(session, UserSession.user_id == identity.user_id, *is_from_it)
    session.delete(identity)


def person_of(identity_id: str) -> User:
    """Returns whose way to sign in this is; raises `NotFound`."""
    identity = db.session.get(Identity, identity_id)
    person = queries.person(identity.user_id) if identity else None
    if person is None:
        raise NotFound("That is no longer a way to sign in.")
    return person


def identities_of(user_id: str) -> list[Identity]:
    return _identities(db.session(), user_id)


def log_out(provider: IdentityProvider, logout_token: str) -> int:
    """Ends the sessions of a person who has signed out at the provider, by its word; returns how many. Raises `SignInFailed`."""
    provider_id, name = provider.id, provider.name
    client = service.client_of(provider)
    db.session.rollback()
    subject, at_provider = openid.logged_out(client, logout_token)
    which = [UserSession.provider_id == provider_id]
    which += [UserSession.provider_session == at_provider] if at_provider else []
    which += [UserSession.provider_subject == subject] if subject else []
    with write() as session:
        user_ids = _end_sessions(session, *which)
        for user_id in set(user_ids):
            person = session.get_one(User, user_id)
            accounts.about_person(session, "was signed out by a provider", person, author=audit.AuditAuthor(name))
    access_changed(*set(user_ids))
    return len(user_ids)


def leaving(secret: str) -> str:
    """Returns the page from which this browser signs out at its provider, too; empty if it doesn't come from one."""
    session = db.session.scalar(select(UserSession).where(UserSession.token_hash == queries.hashed(secret)))
    provider = db.session.get(IdentityProvider, session.provider_id) if session and session.provider_id else None
    if session is None or provider is None or not (provider.signs_out and provider.is_enabled):
        return ""
    # The session is about to end: its token goes along as it is stored, encrypted.
    return f"/sign-on/{provider.id}/leave?{urlencode({'token': session.id_token})}"


def end_at(provider: IdentityProvider, sealed: str, return_uri: str) -> str:
    """Returns where a person signs out at their provider; empty if it can't be done there, or the provider doesn't reply."""
    client, id_token = service.client_of(provider), ""
    with suppress(DecryptionError):
        id_token = the_encryption().decrypt_api_key(sealed, owner=provider.id, purpose=SIGNING_OUT) if sealed else ""
    db.session.rollback()
    with suppress(SignInFailed):
        return openid.leave(client, id_token, return_uri)
    return ""


def _identity(told: VerifiedIdentity) -> Identity | None:
    query = select(Identity).where(Identity.issuer == told.issuer, Identity.subject == told.subject)
    return db.session.scalar(query)


def _identities(session: Session, user_id: str) -> list[Identity]:
    return list(session.scalars(select(Identity).where(Identity.user_id == user_id).order_by(Identity.id)))


def _new_account(provider: IdentityProvider, visit: Visit) -> User:
    """Returns an account that isn't stored yet, for someone who has none; raises `Forbidden` if they get none."""
    claims, whom = visit.told.claims, _whom_to_ask(provider)
    if not provider.creates_accounts or not queries.has_owner():
        raise _refused(provider, visit, f"You have no account here yet. {whom}")
    email = claim_rules.email(claims, is_trusted=provider.trusts_email)
    if not email:
        raise _refused(provider, visit, f"{NO_EMAIL.format(provider.name)} {whom}")
    try:
        email = checked_email(email)
        name = checked_name(claim_rules.name(claims) or email.partition("@")[0])
    except Invalid as error:
        raise _refused(provider, visit, f"{provider.name} tells an address or a name that no account can have. {whom}") from error
    if provider.domains and email.rpartition("@")[2] not in provider.domains:
        raise _refused(provider, visit, f"Addresses like yours get no account here. {whom}")
    # An address says nothing of who someone is at a provider: it leads to no account that exists.
    if queries.user_by_email(email):
        raise _refused(provider, visit, HAS_ACCOUNT.format(provider.name, whom))
    role = provider.default_role
    db.session.rollback()
    return User(email=email, name=name, role=role, password_hash=passwords.hash_of(new_secret()), has_password=False)


def _remember(session: Session, user: User, told: VerifiedIdentity, label: str) -> None:
    query = select(Identity).where(Identity.issuer == told.issuer, Identity.subject == told.subject)
    identity = session.scalar(query) or Identity(user_id=user.id, issuer=told.issuer, subject=told.subject)
    identity.label, identity.used_at = label[:254], utc_now()
    session.add(identity)
    session.flush()


def _give(session: Session, user: User, given: Rights, author: audit.AuditAuthor) -> bool:
    """Gives a person what the rows say, and returns whether something changed; the last owner stays one."""
    before = user.role, user.clearance
    if given.role and given.role != user.role and not _is_last_owner(session, user):
        accounts.about_person(session, "changed a role", user, author=author, detail=f"{user.role} to {given.role}")
        people_service.kill_links(session, user)
        user.role = given.role
    if given.clearance is not None and given.clearance != user.clearance:
        detail = f"{user.clearance} to {given.clearance}"
        accounts.about_person(session, "changed a clearance", user, author=author, detail=detail)
        user.clearance = given.clearance
    groups = [_put(session, user, id, is_in, author) for id, is_in in given.groups.items()]
    return before != (user.role, user.clearance) or any(groups)


def _is_last_owner(session: Session, user: User) -> bool:
    if user.role != "owner":
        return False
    try:
        people_service.keep_an_owner(session, user)
    except Conflict:
        return True
    return False


def _put(session: Session, user: User, group_id: str, is_in: bool, author: audit.AuditAuthor) -> bool:
    """Puts a person into a group, or takes them out; returns whether that changed something."""
    group, membership = session.get(Group, group_id), session.get(Membership, (group_id, user.id))
    if group is None or bool(membership) == is_in:
        return False
    if membership:
        session.delete(membership)
    else:
        session.add(Membership(group_id=group_id, user_id=user.id))
    STORED_OVERRIDES.read_again_after(session)
    words = f"{user.email} {'into' if is_in else 'from'} {group.name}"
    action = "added to a group" if is_in else "removed from a group"
    audit.add(session, action, author=author, object_kind="group", object_id=group_id, detail=words)
    return True


def _end_sessions(session: Session, *which: Any) -> list[str]:
    return list(session.scalars(delete(UserSession).where(*which).returning(UserSession.user_id)))


def _whom_to_ask(provider: IdentityProvider) -> str:
    """Returns the sentence; what was entered for it can be one already."""
    contact = re.sub(r"^ask\s+|[\s.]+$", "", provider.contact, flags=re.IGNORECASE)
    return f"Ask {contact or 'an admin of this server'}."


def _refused(provider: IdentityProvider, visit: Visit, words: str) -> AppError:
    """Returns the refusal, after a line in the audit log: by the person whose identity it is, or else by an address."""
    identity = _identity(visit.told)
    person = queries.person(identity.user_id) if identity else None
    author = audit.AuditAuthor(person or claim_rules.email(visit.told.claims, is_trusted=True), visit.address)
    key, detail = f"{provider.id} {visit.told.subject}", f"{provider.name}: {words}"
    audit.refused(queries.TRIED, key=key, author=author, object_kind=service.KIND, object_id=provider.id, detail=detail)
    return Forbidden(words)


def _sealed(provider_id: str, id_token: str) -> str:
    if len(id_token) > MOST_ID_TOKEN:
        return ""
    return the_encryption().encrypt_api_key(id_token, owner=provider_id, purpose=SIGNING_OUT)
