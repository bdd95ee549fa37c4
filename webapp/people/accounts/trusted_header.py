"""Signing in by a header of a trusted proxy, which has signed the person in already; `BehindProxies` removes all others."""

from webapp.base import audit
from webapp.base.db import db, write
from webapp.base.errors import Forbidden
from webapp.base.ids import new_secret
from webapp.people.accounts import passwords, queries, service
from webapp.people.accounts.fields import checked_email
from webapp.people.accounts.sign_on import SignOnSession
from webapp.people.accounts.tables import User
from webapp.settings.service import setting

NO_ACCOUNT = "The proxy has signed you in as {}, who has no account here yet. Ask an admin of this server."


def sign_in(email: str, agent: str, *, address: str) -> str:
    """Returns the secret of a new session for the person with this address; makes their account where that is allowed."""
    user = queries.user_by_email(email) or _new_account(email, address)
    if user.disabled_at:
        raise Forbidden("Your account is turned off. Ask an admin of this server.")
    by_proxy = SignOnSession(provider_id="", provider_subject="", provider_session="", words="by the proxy")
    return service.admit(user.id, agent, address=address, sign_on=by_proxy)


def _new_account(email: str, address: str) -> User:
    email = checked_email(email)
    if not setting("sign_in.header_accounts") or not queries.has_owner():
        author = audit.AuditAuthor(email, address)
        audit.refused("tried to sign in", key=email, author=author, detail="by the proxy, without an account")
        raise Forbidden(NO_ACCOUNT.format(email))
    # Releases the database connection while the hash is computed.
    db.session.rollback()
    stored = passwords.hash_of(new_secret())
    user = User(email=email, name=email.partition("@")[0][:120], role="member", password_hash=stored, has_password=False)
    with write() as session:
        service.add(session, user)
        author = audit.AuditAuthor(user, address)
        service.about_person(session, "created an account by sign-on", user, author=author, detail="the proxy")
    return user
