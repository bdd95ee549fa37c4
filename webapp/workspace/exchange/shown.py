"""What the page shows of an import that is sent in pieces: how far it is in words, and what came of it."""

from dataclasses import dataclass
from typing import Any

from webapp.base.languages import current, gettext as _, ngettext
from webapp.base.words import size
from webapp.workspace.exchange.tables import CANCELLED, FAILED, UPLOADING, ChatImport
from webapp.workspace.exchange.uploads import of_person


@dataclass(frozen=True, slots=True)
class ShownImport:
    """An import; `total` is 0 until the chats are counted. `result` has what came so far, or nothing."""

    id: str
    name: str
    words: str
    done: int
    total: int
    is_open: bool
    is_uploading: bool
    is_failed: bool
    is_cancelled: bool
    result: dict[str, Any]


def running(person_id: str) -> ShownImport | None:
    """Returns the person's import, also one that is over, until they close it or begin another."""
    if not (row := of_person(person_id)):
        return None
    is_uploading = row.state == UPLOADING
    return ShownImport(
        id=row.id,
        name=row.name,
        words=_sent(row) if is_uploading else _read(row),
        done=row.stored if is_uploading else min(row.read, row.total),
        total=row.bytes if is_uploading else row.total,
        is_open=row.is_open,
        is_uploading=is_uploading,
        is_failed=row.state == FAILED,
        is_cancelled=row.state == CANCELLED,
        result=row.result,
    )


def _sent(row: ChatImport) -> str:
    return _("%(done)s of %(size)s sent", done=size(row.stored), size=size(row.bytes))


def _read(row: ChatImport) -> str:
    if not row.total:
        return _("Counting the chats")
    done = current().formats.number(min(row.read, row.total))
    chats = ngettext("%(done)s of %(num)s chat", "%(done)s of %(num)s chats", row.total, done=done)
    count = row.result.get("pictures", 0)
    pictures = ngettext("%(num)s picture", "%(num)s pictures", count)
    return f"{chats} · {pictures}" if count else chats
