"""What the database holds of everything that has its days: how much there is, since when, and what other days would delete."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, select, true

from webapp.base.audit import AuditEntry
from webapp.base.db import db
from webapp.base.heavy.turns import queue_for_turn
from webapp.base.keeping_clock import keeping_now, waits_until
from webapp.base.languages import gettext as _
from webapp.chat.erasing import is_unsent
from webapp.chat.files.tables import StoredFile
from webapp.chat.messages.keeping import OF_CHATS, TOUCHED, can_leave
from webapp.chat.record.tables import Chat
from webapp.engine.tables import WAITING, WHILE_ACTIVE, Generation, JournalRow
from webapp.operations.insights.tables import InsightDay
from webapp.people.notices.tables import StoredNotice
from webapp.people.things.thing import things
from webapp.settings.losses import LosingSetting, Loss
from webapp.settings.service import setting
from webapp.web.filters import plural

# A column with a time or a day, and which of its rows count.
Part = tuple[Any, ColumnElement[bool]]


@dataclass(frozen=True)
class Holding:
    """Something that is kept for a number of days: `noun` is one of it. Without a setting, `rule` says when it goes."""

    title: str
    noun: str
    parts: Callable[[], Sequence[Part]]
    setting: str = ""
    rule: str = ""

    def counted(self, before: datetime | None = None) -> tuple[int, datetime | None]:
        """Returns how much there is and the time of the oldest, of all or of what is from before a time."""
        count, oldest = 0, list[datetime]()
        for column, condition in self.parts():
            bound = before.date() if before and column.type.python_type is date else before
            query = select(func.count(), func.min(column)).where(condition, true() if bound is None else column < bound)
            more, first = db.session.execute(query).one()
            # No transaction stays open while others go on.
            db.session.rollback()
            queue_for_turn()
            count += more
            oldest += [_moment(first)] if first else []
        return count, min(oldest, default=None)

    def loss(self, days: int) -> Loss:
        """Returns what would be deleted at once if the setting had this value."""
        if not days:
            return Loss(self.setting, self.noun, 0)
        now, before = keeping_now(), int(setting(self.setting))
        count, oldest = self.counted(now - timedelta(days=days)) if not before or days < before else (0, None)
        return Loss(self.setting, self.noun, count, None, oldest)


def _moment(value: datetime | date) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time(), UTC)


RECORDED: ColumnElement[bool] = Generation.lane.like("chat:%") & (cast(Generation.prompt, Text) != "{}")


def _in_trash() -> Sequence[Part]:
    tables = [table for thing in things() if thing.has_trash for table in (thing.table, *thing.parts)]
    return [(table.deleted_at, table.deleted_at.is_not(None)) for table in tables]


HOLDINGS = (
    Holding("Chats", "chat", lambda: [(TOUCHED, can_leave())], "chats.days"),
    Holding("Trash", "deleted item", _in_trash, "trash.days"),
    Holding("Files that were never sent", "file", lambda: [(StoredFile.created_at, is_unsent())], "uploads.days"),
    Holding("What was sent to models", "recorded prompt", lambda: [(Generation.created_at, RECORDED)], "traces.days"),
    Holding("Audit log", "audit log line", lambda: [(AuditEntry.at, true())], "audit.days"),
    Holding("Insights", "daily total", lambda: [(InsightDay.day, true())], "insights.days"),
    Holding("Files in chats", "file", lambda: [(StoredFile.created_at, ~is_unsent())], rule="as long as a message has them"),
    Holding("Temporary chats", "chat", lambda: [(Chat.created_at, Chat.is_temporary.is_(True))], rule="a day"),
    Holding(
        "Answers that wait for a person",
        "answer",
        lambda: [(Generation.created_at, WHILE_ACTIVE & (Generation.status == WAITING))],
        "tools.waiting_days",
    ),
    Holding(
        "Answer journals",
        "row",
        lambda: [(Generation.created_at, Generation.id.in_(select(JournalRow.generation_id)))],
        rule="until the answer has ended",
    ),
    Holding("Notifications", "notice", lambda: [(StoredNotice.created_at, true())], rule="a week"),
    Holding("Usage", "request", lambda: [(Generation.created_at, true())], rule="forever, without text once the chat is deleted"),
)
LOSSES = (
    OF_CHATS,
    *(
        LosingSetting(holding.setting, holding.loss)
        for holding in HOLDINGS
        if holding.setting in ("trash.days", "uploads.days", "traces.days", "audit.days", "insights.days")
    ),
)


@dataclass(frozen=True)
class ShownHolding:
    title: str
    kept: str
    count: str
    oldest: datetime | None


def detail() -> Mapping[str, Any]:
    """Returns what the page of these settings shows besides them."""
    return {"holdings": list(shown_holdings()), "waits_until": waits_until()}


def shown_holdings() -> Iterator[ShownHolding]:
    """Yields how long each is kept, and what there is of it now."""
    for holding in HOLDINGS:
        days = int(setting(holding.setting)) if holding.setting else 0
        kept = _(holding.rule) if holding.rule else plural(days, "day") if days else _("forever")
        count, oldest = holding.counted()
        yield ShownHolding(holding.title, kept, plural(count, holding.noun), oldest)
