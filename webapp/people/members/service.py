"""Operations of owners and admins on other people's accounts."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp.base import changes
from webapp.base.audit import COMMAND_LINE, AuditAuthor
from webapp.base.database.log_file import truncate_log
from webapp.base.db import utc_now, write
from webapp.base.errors import Conflict, Forbidden, Invalid, NotFound
from webapp.base.heavy.turns import queue_for_turn
from webapp.people.accounts import queries, service
from webapp.people.accounts.fields import checked_email, checked_name
from webapp.people.accounts.roles import CLEARANCES, ROLES, manageable
from webapp.people.accounts.second_step import the_second_step
from webapp.people.accounts.tables import Invite, PersonAuthor, User, UserSession
from webapp.people.audit_retention import forget_person
from webapp.people.members.receipts import Receipt, ReceiptLine, belongings
from webapp.people.receipts import service as receipts
from webapp.people.things.grants import dependents, rights_changed
from webapp.people.things.thing import Thing, forget_grants_of, forget_grants_of_owner, things
from webapp.web.feature import brought


@dataclass(frozen=True)
class RunningAnswers:
    """What models write for people: `stop` ends what a person, given by id, has asked for."""

    stop: Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Departure:
    """What a feature does when an account is deleted, given its id, in this order.

    `stop` ends what runs for the account, so that nothing is stored for it any more. `erase` deletes in batches what can be much.
    `detach` runs in the transaction in which the account and all that cascades from it is deleted.
    """

    stop: Callable[[str], object] = lambda person_id: None
    erase: Callable[[str], object] = lambda person_id: None
    detach: Callable[[Session, str], object] = lambda session, person_id: None


def heirlooms() -> dict[str, list[Thing[Any]]]:
    """Returns what can be handed over with an account: kinds of things, by the name under which they go together."""
    by_name = defaultdict[str, list[Thing[Any]]](list)
    for thing in things():
        if thing.heirs_name:
            by_name[thing.heirs_name].append(thing)
    return dict(by_name)


@dataclass(frozen=True)
class Inheritance:
    """Who gets which of the things of a deleted account; without an heir, all is erased."""

    heir_id: str = ""
    names: Sequence[str] = ()

    @property
    def given(self) -> dict[str, list[Thing[Any]]]:
        """What the heir gets, by name."""
        return {name: kinds for name, kinds in heirlooms().items() if self.heir_id and name in self.names}


NOBODY = Inheritance()


def change_role(person: User, role: str, *, author: AuditAuthor) -> None:
    """Changes a person's role; revokes the open links that they created and the password links for them."""
    if role not in ROLES:
        raise Invalid(f"Role must be one of: {', '.join(ROLES)}.", field="role")
    person_id = person.id
    with write() as session:
        person = managed(session, person, author)
        if role not in _roles_managed_by(author):
            raise Forbidden("Only an owner can appoint owners and admins. Nothing was changed.", field="role")
        if person.role == role:
            return
        if person.role == "owner":
            keep_an_owner(session, person)
        service.about_person(session, "changed a role", person, author=author, detail=f"{person.role} to {role}")
        kill_links(session, person)
        person.role = role
    rights_changed(person_id)


def change_clearance(person: User, clearance: int, *, author: PersonAuthor) -> None:
    """Changes the highest level of shared documents that a person can see."""
    if clearance not in CLEARANCES:
        raise Invalid("A clearance is a number from 0 to 3.", field="clearance")
    with write() as session:
        person = managed(session, person, author)
        if person.clearance == clearance:
            return
        detail = f"{person.clearance} to {clearance}"
        service.about_person(session, "changed a clearance", person, author=author, detail=detail)
        person.clearance = clearance


def end_second_factor(person: User, *, author: PersonAuthor) -> None:
    """Turns off two-factor authentication for someone who has lost their second factor; it can't be done for oneself."""
    _refuse_oneself(person, author)
    with write() as session:
        person = managed(session, person, author)
    the_second_step().turn_off(person, author)


def disable(person: User, *, author: AuditAuthor) -> None:
    """Disables an account: its sessions end, its tokens stop working and its answers stop, but its data stays."""
    with write() as session:
        person = managed(session, person, author)
        _refuse_oneself(person, author)
        keep_an_owner(session, person)
        if person.disabled_at:
            return
        person.disabled_at = utc_now()
        session.execute(delete(UserSession).where(UserSession.user_id == person.id))
        kill_links(session, person)
        service.about_person(session, "disabled an account", person, author=author)
        id = person.id
    for answers in brought(RunningAnswers):
        answers.stop(id)


def enable(person: User, *, author: AuditAuthor) -> None:
    """Enables an account again; the person signs in as before."""
    with write() as session:
        person = managed(session, person, author)
        if not person.disabled_at:
            return
        person.disabled_at = None
        service.about_person(session, "enabled an account", person, author=author)


def delete_person(person: User, email: str, *, author: PersonAuthor, to: Inheritance = NOBODY) -> Receipt:
    """Permanently deletes an account with its chats and tokens; its email must be given as confirmation.

    What an heir doesn't get is erased, and the receipt says what became of everything.
    """
    with write() as session:
        person = managed(session, person, author)
        _refuse_oneself(person, author)
        if queries.user_by_email(email) is not person:
            raise Invalid("That isn't this account's email, so nothing was deleted.", field="email")
        closed = close(session, person, author=author, to=to)
    return remove(closed, to)


def erase_person(email: str, *, to: Inheritance = NOBODY) -> Receipt:
    """Permanently deletes an account at an operator's request."""
    with write() as session:
        closed = close(session, queries.user_of(email), author=COMMAND_LINE, to=to)
    return remove(closed, to)


@dataclass(frozen=True)
class ClosedAccount:
    """An account that nothing can be added to any more, with the addresses of the person and of the heir."""

    id: str
    email: str
    name: str
    by: str
    heir: str = ""


def close(session: Session, person: User, *, author: AuditAuthor, to: Inheritance = NOBODY) -> ClosedAccount:
    """Disables an account before its removal, so that nothing is added to it; raises Conflict for the last owner."""
    keep_an_owner(session, person)
    heir = _heir(session, person, to.heir_id).email if to.heir_id else ""
    detail = f"{', '.join(to.given) or 'nothing'} to {heir}" if heir else ""
    service.about_person(session, "deleted an account", person, author=author, detail=detail)
    person.disabled_at = person.disabled_at or utc_now()
    session.execute(delete(UserSession).where(UserSession.user_id == person.id))
    kill_links(session, person)
    return ClosedAccount(person.id, person.email, person.name, author.id or author.name, heir)


def remove(account: ClosedAccount, to: Inheritance = NOBODY) -> Receipt:
    """Deletes a closed account with all its data; large data goes first, in batches.

    If this is interrupted, the account stays disabled and can be deleted again.
    """
    id, seen_by = account.id, dependents(account.id)
    departures = brought(Departure)
    for departure in departures:
        departure.stop(id)
    handed_over = [thing for kinds in to.given.values() for thing in kinds]
    given = [ReceiptLine(thing.words, count, "handed over") for thing in handed_over if (count := _give(thing, id, to))]
    before = belongings(id)
    for departure in departures:
        departure.erase(id)
    audited = forget_person(id, account.email, account.name)
    with write() as session:
        forget_grants_of(session, id)
        for departure in departures:
            departure.detach(session, id)
        gone = session.scalar(delete(User).where(User.id == id).returning(User.id).execution_options(synchronize_session=False))
    if not gone:
        raise Conflict("This account has just been deleted by another request, which has the receipt.")
    changes.access_changed(*{id, *seen_by})
    lines = (*given, *before, ReceiptLine("lines of the audit log, without address and name", audited, "rewritten"))
    left = tuple(line for line in belongings(id) if line.fate == "erased")
    removed = [(line.words, line.count) for line in lines if line.fate == "erased"]
    with write() as session:
        signed = receipts.give(session, kind="person", person_id=id, by=account.by, removed=removed)
    truncate_log()
    return Receipt(account.email, utc_now(), lines, account.heir, left, signed)


def _give(thing: Thing[Any], person_id: str, to: Inheritance) -> int:
    count = 0
    while True:
        with write() as session:
            some = thing.hand_over_some(session, person_id, to.heir_id)
            if not some:
                forget_grants_of_owner(session, to.heir_id)
                return count
        count += some
        queue_for_turn()


def _heir(session: Session, person: User, id: str) -> User:
    heir = session.get(User, id)
    if heir is None or heir.disabled_at or heir.id == person.id:
        raise Invalid("Choose someone else with an account to hand things over to.", field="heir")
    return heir


def keep_an_owner(session: Session, person: User) -> None:
    """Raises Conflict for the last active owner. Locks the owners' rows, so that two concurrent requests cannot remove both."""
    owners = select(User.id).where(User.role == "owner", User.disabled_at.is_(None)).order_by(User.id)
    if list(session.scalars(owners.with_for_update())) == [person.id]:
        raise Conflict("There must always be an owner. Make someone else an owner first.")


def existing(session: Session, id: str) -> User:
    """Returns the current state of an account; raises NotFound if it was deleted."""
    now = session.get(User, id)
    if now is None:
        raise NotFound("That account no longer exists.")
    return now


def managed(session: Session, person: User, author: AuditAuthor) -> User:
    """Returns the current state of an account; raises Forbidden if the author cannot manage people with its role."""
    now = existing(session, person.id)
    if now.role not in _roles_managed_by(author):
        raise Forbidden("Only an owner can manage owners and admins. Nothing was changed.")
    return now


def _roles_managed_by(author: AuditAuthor) -> tuple[str, ...]:
    """Returns the roles that an author can manage: at the command line, all."""
    return manageable(author.actor.role) if isinstance(author.actor, User) else ROLES


def _refuse_oneself(person: User, author: AuditAuthor) -> None:
    if person.id == author.id:
        raise Conflict("That is your own account. You can manage it under Settings.")


def kill_links(session: Session, person: User) -> None:
    """Deletes the open links that a person created, as they can lose the right to, and the password links for their account."""
    is_open = Invite.used_at.is_(None)
    session.execute(delete(Invite).where(is_open, (Invite.created_by == person.id) | (Invite.user_id == person.id)))


def rename(user: User, name: str, *, address: str = "") -> None:
    """Changes the person's name."""
    name, user_id = checked_name(name), user.id
    with write() as session:
        me = existing(session, user_id)
        me.name = name
        service.about_person(session, "changed a name", me, author=AuditAuthor(me, address))


def change_email(user: User, email: str, password: str, *, address: str = "") -> None:
    """Changes the address used to sign in; requires the password."""
    email, user_id = checked_email(email), user.id
    service.confirm(user, password, address=address)
    with write() as session:
        me = existing(session, user_id)
        if me.email == email:
            return
        service.about_person(session, "changed an email", me, author=AuditAuthor(me, address), detail=f"now {email}")
        # A password link was sent to the old address, which can now belong to someone else.
        session.execute(delete(Invite).where(Invite.user_id == user_id, Invite.used_at.is_(None)))
        me.email = email
        service.add(session, me)


def change_password(
    user: User, current: str, password: str, agent: str = "", *, revokes_tokens: bool = False, address: str = ""
) -> str:
    """Changes the password, ends every session and, if requested, every token; returns the secret of a new session."""
    user_id = user.id
    service.confirm(user, current, field="current", address=address)
    service.set_password(user, password, revokes_tokens=revokes_tokens, author=PersonAuthor(user, address))
    return service.open_session(user_id, agent, address=address, way="after a new password")


def end_session(user: User, session_id: str, *, address: str = "") -> None:
    """Ends one of the person's sessions; raises NotFound for another person's."""
    with write() as session:
        ended = delete(UserSession).where(UserSession.id == session_id, UserSession.user_id == user.id)
        if not session.scalar(ended.returning(UserSession.id)):
            raise NotFound("That browser is already signed out.")
        service.about_person(session, "ended a session", user, author=AuditAuthor(user, address))


def end_other_sessions(user: User, secret: str, *, address: str = "") -> None:
    """Ends all of the person's sessions except the one with this secret."""
    with write() as session:
        others = UserSession.user_id == user.id, UserSession.token_hash != queries.hashed(secret)
        count = len(session.scalars(delete(UserSession).where(*others).returning(UserSession.id)).all())
        service.about_person(session, "ended all other sessions", user, author=AuditAuthor(user, address), detail=str(count))


def delete_account(user: User, password: str, *, address: str = "") -> Receipt:
    """Permanently deletes the person's account with everything in it; returns the receipt."""
    user_id = user.id
    service.confirm(user, password, address=address)
    with write() as session:
        me = existing(session, user_id)
        closed = close(session, me, author=PersonAuthor(me, address))
    return remove(closed)
