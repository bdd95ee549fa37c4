"""`Thing`: a kind of things that people own, with all that is the same for each of them: owner, limit, trash, rights, heir."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import ColumnElement, Select, delete, func, select, true, update
from sqlalchemy.orm import Session

from webapp.base.changes import access_changed
from webapp.base.database.log_file import truncate_log
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict, Forbidden, Invalid, NotFound
from webapp.base.heavy.turns import queue_for_turn
from webapp.base.keeping_clock import keeping_now
from webapp.people.accounts import creation_limit
from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import Grant, PersonAuthor, User
from webapp.people.things import grants, shares
from webapp.settings.service import setting
from webapp.web.feature import brought

# The right to see and use a thing, where there is no other.
READ = "read"
# What one who may use a thing can do where only its owner may.
COPY_IT = "Duplicate it to get your own."
# Pictures are up to a megabyte each, and deleting them takes as long as reading them.
ERASED_AT_ONCE = 10


class Owned(Protocol):
    """A row that belongs to a person, or without an owner to the team."""

    @property
    def id(self) -> str: ...

    @property
    def owner_id(self) -> str | None: ...


T = TypeVar("T", bound=Owned)


def check_again(_id: str, people_ids: Iterable[str]) -> None:
    """Makes the open pages of people whose rights to a thing have changed check them again at once."""
    access_changed(*people_ids)


def nothing(_session: Session, _row: Any) -> None:
    """Does no more than is the same for all things."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing(Generic[T]):
    """A kind of things that people own. Its room declares it once and brings it in its `feature.py`.

    Lists, the sweep, the removal of accounts, the pages and operations of sharing are made from it. A thing without an owner is
    the team's, and admins decide about it. What a function of a kind's own does, does it in the transaction of the verb.
    """

    kind: str
    """Names it in grants, in the audit log and among changes."""
    table: type[T]
    word: str
    """What people call one of them."""
    most_own: int = 0
    """How many a person can have; 0 where its service counts."""
    seen: Callable[[User, str], T | None] = lambda user, id: None
    """Returns one that a person can see, by which its pages and operations find it, and open pages end."""
    requires: str = ""
    """The permission without which its pages end."""
    counted: Sequence[ColumnElement[bool]] = ()
    """Matches those that count: parts of other things don't."""
    instead: str = ""
    """A sentence: what someone can do who may not change it."""

    rights: Mapping[str, str] = field(default_factory=dict)
    """What people can do with each right. Those without any are not shared by this."""
    usual_right: str = READ
    refuse_private: Callable[[T], None] = lambda row: None
    """Raises for one that is never shared."""
    level: Callable[[T], int] = lambda row: 0
    change_with: Callable[[Session, str, Sequence[str]], None] = lambda session, id, people_ids: None
    """Changes what depends on the rights of these people."""
    announce: Callable[[str, Iterable[str]], None] = check_again
    """Tells open pages that these people's rights to it have changed."""

    put_away: Callable[[Session, T], None] = nothing
    """Does what else its way into the trash changes."""
    put_back: Callable[[Session, T], None] = nothing
    erase: Callable[[Session, Sequence[str]], None] = nothing
    """Removes what would be left of these when they are deleted for good."""
    stays: ColumnElement[bool] | None = None
    """Matches those that stay in the trash for ever."""
    empty: Callable[[], object] | None = None
    """Empties the trash of a kind that is too large for `erase`."""
    parts: Sequence[type[Any]] = ()
    """Tables whose deleted rows `empty` deletes, too."""

    heirs_name: str = ""
    """Under which name it is handed over with an account; things with the same name go together."""
    hand_over: Callable[[Session, str, str], int] | None = None
    """Hands over some of a person's to another, and returns how many, where it takes more than a new owner."""
    is_private: bool = False
    """Whether it is only handed over on request."""

    @property
    def words(self) -> str:
        return f"{self.word}s"

    @property
    def _rows(self) -> Any:
        return self.table

    @property
    def has_trash(self) -> bool:
        return hasattr(self.table, "deleted_at")

    def ids_of(self, owner_id: str) -> Select[str]:
        """Returns a query for the ids of all that a person has."""
        return select(self._rows.id).where(self._rows.owner_id == owner_id)

    def count_of(self, owner_id: str | None) -> int:
        """Returns how many a person or, without an id, the team has, without those in the trash."""
        query = select(func.count()).where(self._rows.owner_id == owner_id, self._is_here(), *self.counted)
        return db.session.scalar(query) or 0

    def refuse_too_many(self, owner_id: str | None) -> None:
        """Raises `Invalid` if one more would exceed the limit of a person or the team."""
        if self.count_of(owner_id) >= self.most_own:
            who = "You already have" if owner_id else "The team already has"
            raise Invalid(f"{who} {self.most_own} {self.words}, which is the limit. Delete one first.")

    def count_new(self, owner_id: str) -> None:
        """Counts a new one towards a person's rate limit; raises an error if this or the limit of their number is reached."""
        self.refuse_too_many(owner_id)
        creation_limit.count(owner_id)

    def refuse_unless_owner(self, row: Owned, user: User) -> None:
        """Raises `Forbidden` for a person who may not change it, with what they can do instead."""
        if not decides(row, user):
            why = f"Only the owner of this {self.word} can do that." if row.owner_id else f"This {self.word} belongs to the team."
            raise Forbidden(f"{why} {self.instead}".rstrip())

    def existing(self, session: Session, id: str) -> T:
        """Returns the current row, locked: a concurrent change waits for this one. Raises `Conflict` if it was deleted."""
        row = self._locked(session, id)
        if row is None or getattr(row, "deleted_at", None):
            raise Conflict(f"This {self.word} has just been deleted.")
        return row

    def attached(self, chosen_ids: Sequence[str], current_ids: Sequence[str], seen: Set[str], *, field: str) -> list[str]:
        """Returns the chosen ones, which a person must see; those there that they can't see stay while they exist."""
        if {*chosen_ids} - seen - {*current_ids}:
            raise NotFound(f"That {self.word} doesn't exist, or you don't have access.", field=field)
        unseen = [id for id in current_ids if id not in seen]
        hidden = set(db.session.scalars(select(self._rows.id).where(self._rows.id.in_(unseen)))) if unseen else set[str]()
        return list(dict.fromkeys(id for id in (*chosen_ids, *unseen) if id in seen or id in hidden))

    def trashed(self, user: User) -> Sequence[T]:
        """Returns what a person has in the trash, the last deleted first."""
        query = select(self.table).where(self._rows.owner_id == user.id, self._rows.deleted_at.is_not(None), *self.counted)
        return db.session.scalars(query.order_by(self._rows.deleted_at.desc(), self._rows.id)).all()

    def in_trash(self, user: User, id: str) -> T | None:
        """Returns one that is in the trash and that this person may restore."""
        query = select(self.table).where(self._rows.id == id, self._rows.deleted_at.is_not(None), *self.counted)
        row = db.session.scalar(query)
        return row if row and decides(row, user) else None

    def trash(self, row: T, *, by: User) -> None:
        """Moves one to the trash; it can be restored with its grants."""
        self.refuse_unless_owner(row, by)
        id = row.id
        with write() as session:
            now: Any = self.existing(session, id)
            now.deleted_at = utc_now()
            self.put_away(session, now)
        self._announce(id)
        self.empty_trash()

    def restore(self, row: T, *, by: User) -> None:
        """Restores one from the trash with its grants."""
        self.refuse_unless_owner(row, by)
        if row.owner_id:
            self.refuse_too_many(row.owner_id)
        id = row.id
        with write() as session:
            now: Any = self._locked(session, id)
            if now is None:
                raise Conflict(f"This {self.word} has just been permanently deleted.")
            now.deleted_at = None
            self.put_back(session, now)
        self._announce(id)

    def empty_trash(self) -> None:
        """Permanently deletes what has been in the trash too long."""
        if self.empty:
            self.empty()
        elif due := due_until():
            if ids := db.session.scalars(select(self._rows.id).where(self._is_due(due))).all():
                for removal in brought(Removal):
                    removal.clear(self.kind, ids)
            is_erased = False
            while self._erase_some(due):
                is_erased = True
                queue_for_turn()
            if is_erased:
                truncate_log()

    def refuse_unshareable(self, row: T, by: User) -> None:
        """Raises if one can't be shared, or not by this person."""
        self.refuse_unless_owner(row, by)
        self.refuse_private(row)
        shares.refuse_guests(self.word, by)

    def shares(self, row: T, *, after: str = "", limit: int | None = None) -> list[shares.Share]:
        """Returns who was granted one, in the order of the grants."""
        return shares.shares(self.kind, row.id, level=self.level(row), after=after, limit=limit)

    def share(self, row: T, to: str, to_id: str, right: str = READ, *, author: PersonAuthor) -> None:
        """Grants one to `everyone`, to a `user` or to a `group`, in place of their existing grant."""
        self.refuse_unshareable(row, author.actor)
        if right not in self.rights:
            raise Invalid("Choose whether they can read or write.", field="right")
        shares.refuse_unfit(self.word, row.owner_id, to, to_id)
        id = row.id
        with write() as session:
            self.existing(session, id)
            changed = shares.give(session, self.kind, id, right, to=to, to_id=to_id, word=self.word, author=author)
            session.flush()
            self.change_with(session, id, changed)
        self.announce(id, changed)

    def unshare(self, row: T, grant_id: str, *, author: PersonAuthor) -> None:
        """Revokes a grant; it has no effect from the next query on."""
        self.refuse_unless_owner(row, author.actor)
        id = row.id
        with write() as session:
            lost = shares.revoke(session, self.kind, id, grant_id, word=self.word, author=author)
            session.flush()
            self.change_with(session, id, lost)
        self.announce(id, lost)

    def hand_over_some(self, session: Session, person_id: str, heir_id: str) -> int:
        """Makes the heir the owner of some of a person's, with their grants; returns of how many, 0 when none is left."""
        if self.hand_over:
            return self.hand_over(session, person_id, heir_id)
        statement = update(self.table).where(self._rows.owner_id == person_id).values(owner_id=heir_id).returning(self._rows.id)
        return len(session.scalars(statement.execution_options(synchronize_session=False)).all())

    def _locked(self, session: Session, id: str) -> T | None:
        return session.get(self.table, id, with_for_update={"key_share": True}, populate_existing=True)

    def _announce(self, id: str) -> None:
        self.announce(id, shares.reached_by(grants.is_about(self.kind, id)))

    def _is_here(self) -> ColumnElement[bool]:
        here: ColumnElement[bool] = self._rows.deleted_at.is_(None) if self.has_trash else true()
        return here

    def _erase_some(self, due: datetime) -> bool:
        with write() as session:
            if ids := session.scalars(select(self._rows.id).where(self._is_due(due)).limit(ERASED_AT_ONCE)).all():
                self.erase(session, ids)
                grants.forget(session, self.kind, ids)
                gone = delete(self.table).where(self._rows.id.in_(ids))
                session.execute(gone.execution_options(synchronize_session=False))
        return bool(ids)

    def _is_due(self, due: datetime) -> ColumnElement[bool]:
        is_due: ColumnElement[bool] = self._rows.deleted_at < due
        return is_due if self.stays is None else is_due & ~self.stays


@dataclass(frozen=True)
class Removal:
    """What a feature does, in pieces, before things are permanently deleted, given their kind and ids."""

    clear: Callable[[str, Sequence[str]], object]


def things() -> list[Thing[Any]]:
    """Returns every kind of things that people own."""
    return brought(Thing)


def due_until() -> datetime | None:
    """Returns until when something was moved to the trash that is due now; None if the trash is never emptied."""
    days = int(setting("trash.days"))
    return keeping_now() - timedelta(days=days) if days else None


def forget_grants_of_owner(session: Session, owner_id: str) -> None:
    """Deletes the grants that a person has to things that are their own by now."""
    for thing in things():
        is_own = Grant.object_id.in_(thing.ids_of(owner_id))
        session.execute(delete(Grant).where(Grant.object_kind == thing.kind, Grant.user_id == owner_id, is_own))


def forget_grants_of(session: Session, owner_id: str) -> None:
    """Deletes all grants of a person's things, which are deleted with the account."""
    for thing in things():
        grants.forget(session, thing.kind, thing.ids_of(owner_id))


def decides(row: Owned, user: User) -> bool:
    """Returns whether a person can change a thing and say who may use it: its owner, and an admin what is the team's."""
    return row.owner_id == user.id if row.owner_id else may(user, "administer")


def empty_all() -> None:
    """Empties the trash of every kind, yielding to other greenlets in between."""
    for thing in things():
        if thing.has_trash:
            thing.empty_trash()
            queue_for_turn()
