"""What narrows a search or a list of chats, such as `tag:recipes before:2026-03-01`, as conditions in SQL."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, TextClause, and_, bindparam, select, text, true

from webapp.base.db import UTCDateTime, db, utc_now
from webapp.chat.record import projects, tags
from webapp.chat.record.tables import Tag
from webapp.models.connections.models import candidates
from webapp.people.accounts.permissions import may
from webapp.people.accounts.tables import User
from webapp.people.search import SearchQuery
from webapp.people.search_words import KEYS, SearchWords, day
from webapp.settings.service import setting

# Where a statement takes the conditions.
HERE = "/* narrowed */"
# A name can be that of several models, people or projects; more of them than these are left out.
MOST_NAMED = 50
ME = "me"
WITH_FILES = "SELECT f.chat_id FROM chat_files f WHERE NOT f.is_private"
TAGGED = "SELECT x.chat_id FROM tagged_chats x JOIN tags t ON t.id = x.tag_id WHERE t.user_id = :owner AND t.folded = :{}"


@dataclass
class Narrowing:
    """Conditions on a chat and on a message in it, with the values of their parameters; `:owner` is who searches.

    `{c}` stands for the chat; a message is `m`. `faults` are sentences about what can't be read or isn't there.
    """

    of_chat: list[str] = field(default_factory=list)
    of_message: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    is_by_tag: bool = False

    def in_statement(self, sql: str, *, is_of_messages: bool = False) -> TextClause:
        """Returns a statement with the conditions where it takes them, in which the chat is `c`."""
        conditions = self.of_message if is_of_messages else self.of_chat
        return self._bound(sql.replace(HERE, "".join(f" AND {condition.format(c='c')}" for condition in conditions)))

    def for_list(self) -> ColumnElement[bool]:
        """Returns the condition on the rows of the table of chats."""
        return and_(true(), *(self._bound(condition.format(c="chats")) for condition in self.of_chat))

    def _bound(self, sql: str) -> TextClause:
        return text(sql).bindparams(*(bindparam(name, type_=UTCDateTime()) for name in ("after", "before") if f":{name}" in sql))

    def _add(self, of_chat: str, of_message: str = "", **values: Any) -> None:
        self.of_chat.append(of_chat)
        self.of_message.append(of_message or of_chat)
        self.values |= values

    def _one_of(self, column: str, stem: str, ids: Sequence[str]) -> str:
        names = {f"{stem}_{number}": id for number, id in enumerate(ids[:MOST_NAMED])}
        self.values |= names
        return f"{column} IN ({', '.join(f':{name}' for name in names) or 'NULL'})"

    def by_tag(self, user: User, value: str) -> None:
        folded, name = tags.folded(value), f"tag_{len(self.of_chat)}"
        if db.session.scalar(select(Tag.id).where(Tag.user_id == user.id, Tag.folded == folded)) is None:
            self.faults.append(f"You have no tag “{value}”.")
        self.is_by_tag = True
        self._add(f"{{c}}.id IN ({TAGGED.format(name)})", **{name: folded})

    def by_project(self, user: User, value: str) -> None:
        """Narrows to the project of this name or, without one, to those whose names contain the text."""
        folded = tags.folded(value)
        named = [(tags.folded(project.name), project.id) for project in projects.projects(user)]
        ids = [id for name, id in named if name == folded] or [id for name, id in named if folded in name]
        if not ids:
            self.faults.append(f"You have no project “{value}”.")
        self._add(self._one_of("{c}.project_id", "project", ids))

    def by_model(self, _user: User, value: str) -> None:
        is_offered = self._one_of("{c}.model", "model", [id for id, _ in candidates(value, MOST_NAMED)])
        # Models that are no longer offered are known by their ids.
        self._add(f"({is_offered} OR lower({{c}}.model) LIKE :model ESCAPE '!')", model=_containing(value))

    def by_writer(self, user: User, value: str) -> None:
        """Narrows to what a person or a character wrote; with a date, to what is from then on."""
        if day(value, _today()):
            self.after(user, value)
            return
        # A person who must not see others would learn an address by its parts.
        columns = (User.name, User.email) if may(user, "see people") else (User.name,)
        people = select(User.id).where(SearchQuery(value).within(*columns)).order_by(User.id).limit(MOST_NAMED)
        ids = [user.id] if value.lower() == ME else db.session.scalars(people).all()
        wrote = f"{self._one_of('w.author_id', 'writer', ids)} AND w.author_id IS NOT NULL AND w.deleted_at IS NULL"
        spoke = "lower(m.speaker_name) LIKE :writer ESCAPE '!' OR lower(m.author_name) LIKE :writer ESCAPE '!'"
        self._add(
            f"({self._one_of('{c}.owner_id', 'writer', ids)} OR {{c}}.id IN (SELECT w.chat_id FROM messages w WHERE {wrote}))",
            f"({self._one_of('m.author_id', 'writer', ids)} OR {spoke})",
            writer=_containing(value),
        )

    def after(self, _user: User, value: str) -> None:
        self._by_day("after", ">=", value)

    def before(self, _user: User, value: str) -> None:
        self._by_day("before", "<", value)

    def _by_day(self, name: str, compares: str, value: str) -> None:
        first = day(value, _today())
        if first is None:
            self.faults.append(f"“{value}” is no date. Write a day, a month or a year, as in {KEYS[name][1]}.")
        else:
            moment = datetime(first.year, first.month, first.day, tzinfo=_zone()).astimezone(UTC)
            self._add(f"{{c}}.changed_at {compares} :{name}", f"m.created_at {compares} :{name}", **{name: moment})

    def by_contents(self, _user: User, value: str) -> None:
        if value.lower() in ("file", "files"):
            self._add(f"{{c}}.id IN ({WITH_FILES})")
        else:
            self.faults.append(f"“has:{value}” is nothing to search for. Write has:file for chats with files.")


READERS: Mapping[str, Callable[[Narrowing, User, str], None]] = {
    "tag": Narrowing.by_tag,
    "project": Narrowing.by_project,
    "model": Narrowing.by_model,
    "from": Narrowing.by_writer,
    "after": Narrowing.after,
    "before": Narrowing.before,
    "has": Narrowing.by_contents,
}


def narrowing(user: User, words: SearchWords) -> Narrowing:
    """Returns the conditions of what a person has written."""
    conditions = Narrowing()
    for filter in words.filters:
        if filter.value:
            READERS[filter.key](conditions, user, filter.value)
        else:
            conditions.faults.append(f"Write something right after “{filter.key}:”, as in {KEYS[filter.key][1]}.")
    return conditions


def _containing(value: str) -> str:
    escaped = value.lower().replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"


def _zone() -> ZoneInfo:
    return ZoneInfo(str(setting("team.time_zone")))


def _today() -> date:
    return utc_now().astimezone(_zone()).date()
