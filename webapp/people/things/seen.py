"""`Seen`: what of one kind of things people can see, and how lists, pages and the search read it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Select, func, literal, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from webapp.base.db import db
from webapp.people.accounts.tables import Grant, User
from webapp.people.search import SearchHit, SearchQuery, SearchSource
from webapp.people.things import grants

MOST_LISTED = 1_000
# How many of one kind the search over everything finds.
MOST_FOUND = 4
T = TypeVar("T")


class NamedThing(NamedTuple):
    """A thing in a list of names; `beside` tells those with the same name apart."""

    id: str
    name: str
    beside: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen(Generic[T]):
    """The things of one kind that people can see: their own, and those granted to them. None of them is in the trash."""

    kind: str
    table: type[T]
    by: Callable[[User], ColumnElement[bool]] | None = None
    """Returns the condition that a person can see one, where it is another."""
    listed: Sequence[ColumnElement[bool]] = ()
    """Matches those in lists: parts of other things aren't."""
    is_own_first: bool = True
    searched: Sequence[InstrumentedAttribute[str]] = ()
    """Where words are looked for besides the name."""
    beside: InstrumentedAttribute[str] | None = None
    """What is read with the name, to be shown beside it."""

    @property
    def _columns(self) -> Any:
        return self.table

    def sees(self, user: User) -> ColumnElement[bool]:
        """Returns the condition that a person can see one, be it in the trash."""
        if self.by:
            return self.by(user)
        return or_(self._columns.owner_id == user.id, self._columns.id.in_(grants.given_to(user, self.kind)))

    def one(self, user: User, id: str) -> T | None:
        """Returns it if the person can see it."""
        row: T | None = db.session.scalar(self._here(select(self.table), user).where(self._columns.id == id))
        return row

    def all(self, user: User, *, first: Sequence[str] = ()) -> Sequence[T]:
        """Returns those that a person can see: their own before others', or all of them by name.

        The `first` ones come first within each part, so that the limit does not cut them.
        """
        columns = self._columns
        ranks = [(columns.owner_id == user.id).desc()] if self.is_own_first else []
        ranks += [columns.id.in_(first).desc()] if first else []
        query = self._here(select(self.table), user).where(*self.listed)
        return db.session.scalars(query.order_by(*ranks, func.lower(columns.name), columns.id).limit(MOST_LISTED)).all()

    def ids_among(self, user: User, ids: Iterable[str]) -> list[str]:
        """Returns, in this order, those of these that the person can see; without ids there is no query."""
        wanted = list(dict.fromkeys(ids))
        query = self._here(select(self._columns.id), user).where(self._columns.id.in_(wanted))
        visible = set(db.session.scalars(query)) if wanted else set[str]()
        return [id for id in wanted if id in visible]

    def named(self, user: User, query: SearchQuery, *, limit: int) -> list[NamedThing]:
        """Returns those with these words in their names, by name; without words, all of them."""
        columns = self._columns
        beside: Any = literal("") if self.beside is None else self.beside
        named = self._here(select(columns.id, columns.name, beside), user).where(*self.listed)
        named = named.where(query.within(columns.name, *self.searched)) if query.words else named
        return [NamedThing(*row) for row in db.session.execute(named.order_by(func.lower(columns.name), columns.id).limit(limit))]

    def shared_among(self, ids: Sequence[str]) -> set[str]:
        """Returns which of these are shared."""
        return set(db.session.scalars(select(Grant.object_id).where(grants.are_about(self.kind, ids)))) if ids else set()

    def source(self, *, heading: str, rank: int, path: str, icon: str) -> SearchSource:
        """Returns what finds them by name in the search over everything; each has its page below `path`."""

        def find(user: User, query: SearchQuery) -> list[SearchHit]:
            rows = self.named(user, query, limit=MOST_FOUND) if query.words else []
            return [SearchHit(title=row.name, path=f"{path}/{row.id}", icon=icon, detail=row.beside) for row in rows]

        return SearchSource(heading=heading, rank=rank, find=find)

    def _here(self, query: Select[*tuple[Any, ...]], user: User) -> Select[*tuple[Any, ...]]:
        return query.where(self.sees(user), self._columns.deleted_at.is_(None))
