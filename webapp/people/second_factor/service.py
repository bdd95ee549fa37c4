"""Turns two-factor authentication on and off, and checks codes."""

import time
from collections.abc import Iterable, Sequence
from math import ceil
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from webapp.base import audit
from webapp.base.current import BUCKETS
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict, Forbidden, Invalid, TooMany
from webapp.base.languages import gettext as _
from webapp.base.throttle import Throttle
from webapp.base.words import plural
from webapp.people.accounts import service
from webapp.people.accounts.permissions import may
from webapp.people.accounts.queries import WRONG_CODE, person
from webapp.people.accounts.tables import User
from webapp.people.second_factor import totp
from webapp.people.second_factor.tables import SecondFactor
from webapp.settings.secrets.encryption import Holder, Secret, the_encryption
from webapp.settings.service import setting

PURPOSE = "two-factor authentication"
WRONG = "That code isn't valid. Enter the one your app shows now, or a recovery code you haven't used."
WRONG_AT_FIRST = "That code isn't valid. Enter the one your app shows now. If it does, check the time on your phone."
ALREADY = "Two-factor authentication is already on."
REQUIRED = "Your team requires two-factor authentication, so it can't be turned off."
NOT_ON = "Two-factor authentication is off."
# A thousand guesses a day have a chance of 1 in 250, and only for someone who knows the password.
_attempts = Throttle(burst=10, seconds=90.0, now=time.monotonic, name="codes")


def is_on(user_id: str) -> bool:
    """Returns whether the account requires a code."""
    return db.session.scalar(select(SecondFactor.confirmed_at).where(SecondFactor.user_id == user_id)) is not None


def is_required(user: User) -> bool:
    """Returns whether the team requires it of this person; not where only sign-on opens the account, which has its own."""
    if not user.has_password:
        return False
    policy = setting("accounts.two_factor")
    return policy == "everyone" or (policy == "admins" and may(user, "administer"))


def is_missing(user: User) -> bool:
    """Returns whether this person must turn it on before anything else."""
    return is_required(user) and not is_on(user.id)


def row_for(user_id: str) -> SecondFactor | None:
    """Returns the current row of an account, possibly one that is not confirmed yet."""
    return db.session.get(SecondFactor, user_id, populate_existing=True)


def begin(user: User, password: str, *, address: str = "") -> None:
    """Stores a new secret, to be confirmed by a code; requires the password."""
    user_id = user.id
    service.confirm(user, password, address=address)
    ciphertext = the_encryption().encrypt_api_key(totp.new_secret(), owner=user_id, purpose=PURPOSE)
    with write() as session:
        session.execute(delete(SecondFactor).where(SecondFactor.user_id == user_id, SecondFactor.confirmed_at.is_(None)))
        if session.get(SecondFactor, user_id, populate_existing=True):
            raise Conflict(ALREADY)
        session.add(SecondFactor(user_id=user_id, ciphertext=ciphertext))


def secret_of(row: SecondFactor) -> str:
    """Returns the decrypted secret; raises `DecryptionError`."""
    return the_encryption().decrypt_api_key(row.ciphertext, owner=row.user_id, purpose=PURPOSE)


def confirm(user: User, code: str, *, address: str = "") -> list[str]:
    """Turns it on if the code shows that the app has the secret; returns the recovery codes."""
    user_id, row = user.id, row_for(user.id)
    if row is None or row.confirmed_at:
        raise Conflict(ALREADY if row else NOT_ON)
    _check(user_id, code, row, address=address)
    codes = totp.new_recovery_codes()
    with write() as session:
        _change(session, user_id, confirmed_at=utc_now(), recovery=_hashes(codes))
        service.about_person(session, "turned on two-factor authentication", user, author=audit.AuditAuthor(user, address))
    return codes


def renew(user: User, password: str, *, address: str = "") -> list[str]:
    """Replaces the recovery codes; requires the password."""
    user_id = user.id
    service.confirm(user, password, address=address)
    codes = totp.new_recovery_codes()
    with write() as session:
        _change(session, user_id, recovery=_hashes(codes))
        service.about_person(session, "created new recovery codes", user, author=audit.AuditAuthor(user, address))
    return codes


def end(user: User, password: str, code: str, *, address: str = "") -> None:
    """Turns off one's own, unless the team requires it; requires the password and a code."""
    if is_required(user):
        raise Forbidden(REQUIRED)
    service.confirm(user, password, address=address)
    check(user.id, code, address=address)
    turn_off(user, audit.AuditAuthor(user, address))


def turn_off(user: User, author: audit.AuditAuthor) -> None:
    """Turns it off without a code, for someone who has lost theirs."""
    with write() as session:
        if not session.scalar(delete(SecondFactor).where(SecondFactor.user_id == user.id).returning(SecondFactor.user_id)):
            raise Conflict(NOT_ON)
        service.about_person(session, "turned off two-factor authentication", user, author=author)


def check(user_id: str, code: str, *, address: str = "") -> None:
    """Raises `Invalid` unless this is a code of the app or a recovery code; each can be used once. Guesses are rate limited."""
    row = row_for(user_id)
    if row is None or not row.confirmed_at:
        raise Conflict(NOT_ON)
    _check(user_id, code, row, address=address)


def recovery_codes_left(row: SecondFactor) -> int:
    return len(row.recovery.split())


def stored() -> Sequence[Secret]:
    """Returns the encrypted secrets of all accounts."""
    query = select(SecondFactor.user_id, User.email, SecondFactor.ciphertext).join(User, User.id == SecondFactor.user_id)
    with db.engine.connect() as connection:
        return [
            Secret(id, _("Two-factor authentication of %(email)s", email=email), text)
            for id, email, text in connection.execute(query)
        ]


def _check(user_id: str, code: str, row: SecondFactor, *, address: str) -> None:
    if wait_seconds := ceil(_attempts.take(user_id, BUCKETS.get())):
        raise TooMany(f"Too many attempts. Please wait {plural(wait_seconds, 'second')}.", retry_after=wait_seconds)
    recovery = row.recovery
    step = totp.step_of(secret_of(row), code, time.time()) if len(totp.plain(code)) == totp.DIGITS else None
    with write() as session:
        is_right = (
            _change(session, user_id, SecondFactor.last_step < step, last_step=step)
            if step
            else _use_recovery(session, user_id, code, recovery, address=address)
        )
    if not is_right:
        audit.refused(WRONG_CODE, key=user_id, author=audit.AuditAuthor(person(user_id) or "", address))
        raise Invalid(WRONG if row.confirmed_at else WRONG_AT_FIRST, field="code")
    _attempts.give_back(user_id, BUCKETS.get())


def _use_recovery(session: Session, user_id: str, code: str, recovery: str, *, address: str) -> bool:
    codes, used = recovery.split(), totp.hashed(code)
    if used not in codes:
        return False
    # The condition lets only one of two concurrent uses succeed.
    remaining = " ".join(other for other in codes if other != used)
    is_used = _change(session, user_id, SecondFactor.recovery == recovery, recovery=remaining)
    if is_used and (user := session.get(User, user_id)):
        author, detail = audit.AuditAuthor(user, address), f"{len(codes) - 1} left"
        service.about_person(session, "used a recovery code", user, author=author, detail=detail)
    return is_used


def _change(session: Session, user_id: str, *conditions: ColumnElement[bool], **values: Any) -> bool:
    """Updates the row of an account, if it meets the conditions; returns whether it did."""
    row = update(SecondFactor).where(SecondFactor.user_id == user_id, *conditions).values(**values)
    return session.scalar(row.returning(SecondFactor.user_id)) is not None


def _replace(session: Session, user_id: str, ciphertext: str, fresh: str) -> bool:
    return _change(session, user_id, SecondFactor.ciphertext == ciphertext, ciphertext=fresh)


def _hashes(codes: Iterable[str]) -> str:
    return " ".join(map(totp.hashed, codes))


HOLDER = Holder("person", stored, _replace)
