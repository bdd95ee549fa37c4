"""One search over everything that a person can open or do: features bring what they find, as `SearchSource`s."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy.orm import InstrumentedAttribute

from webapp.base.languages import gettext as _
from webapp.people.accounts.tables import User
from webapp.people.search_words import parse
from webapp.rendering.passages import PassagePiece
from webapp.web.feature import brought

MOST_CHARS, MOST_WORDS = 400, 20
# A shorter query begins the names of too many things to say which of them is meant.
LEAST_NAMING = 3


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What was typed, and the path of the page on which it was."""

    text: str
    page: str = ""

    @property
    def words(self) -> list[str]:
        return self.text.lower().split()[:MOST_WORDS]

    def begins(self, *names: str) -> bool:
        """Returns whether each word of the query begins a word of these names."""
        parts = " ".join(names).lower().split()
        return all(any(part.startswith(word) for part in parts) for word in self.words)

    def within(self, *columns: InstrumentedAttribute[str]) -> ColumnElement[bool]:
        """Returns the condition that each word of the query is in one of these columns."""
        return and_(*(or_(*chain.from_iterable(_contains(column, word) for column in columns)) for word in self.words))


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit:
    """A link or, with `sends`, a form that sends these fields; `passage` is where a text was found, `detail` tells hits apart."""

    title: str
    path: str
    icon: str
    detail: str = ""
    at: datetime | None = None
    passage: Sequence[PassagePiece] = ()
    sends: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSource:
    """What a feature finds, best first; for a query without words, what is offered before anything is typed.

    Sources with the same heading make one group. `is_text` is set if it finds passages of messages, which a page of results
    lists by itself. Only one that `takes_filters` is asked for what is narrowed by words such as `tag:recipes`.
    """

    heading: str
    rank: int
    find: Callable[[User, SearchQuery], Sequence[SearchHit]]
    is_text: bool = False
    takes_filters: bool = False


@dataclass(frozen=True, slots=True)
class SearchGroup:
    heading: str
    hits: Sequence[SearchHit]


def search(user: User, query: SearchQuery, *, with_texts: bool = True) -> list[SearchGroup]:
    """Returns the hits of all sources by heading, in the order of their ranks.

    A group comes before others if the name of its first hit begins with the query: *Dark* is then the theme before it is a
    message that mentions the dark.
    """
    hits: dict[str, list[SearchHit]] = {}
    is_narrowed = bool(parse(query.text).filters)
    for source in sorted(brought(SearchSource), key=lambda source: source.rank):
        if (with_texts or not source.is_text) and (source.takes_filters or not is_narrowed):
            hits.setdefault(source.heading, []).extend(source.find(user, query))
    groups = [SearchGroup(_(heading), some) for heading, some in hits.items() if some]
    return sorted(groups, key=lambda group: not _is_named(group.hits[0], query.text.lower()))


def printable(text: str) -> str:
    """Replaces unprintable characters in what was typed with spaces."""
    return "".join(char if char.isprintable() else " " for char in text[:MOST_CHARS])


def _is_named(hit: SearchHit, text: str) -> bool:
    return len(text) >= LEAST_NAMING and not hit.passage and hit.title.lower().startswith(text)


def _contains(column: InstrumentedAttribute[str], word: str) -> list[ColumnElement[bool]]:
    """Returns conditions of which one holds if a column contains a word: SQLite ignores the case of ASCII letters alone."""
    cases = [word] if word.isascii() else list(dict.fromkeys((word, word.upper(), word.capitalize())))
    return [column.icontains(case, autoescape=True) for case in cases]
