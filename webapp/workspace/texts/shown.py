"""Texts beside chats as pages and programs show them."""

from dataclasses import dataclass
from datetime import datetime

from webapp.base.db import db
from webapp.base.errors import NotFound
from webapp.base.languages import gettext
from webapp.base.words import size
from webapp.chat.files.tables import BY_CALL, BY_CHANGE, BY_MESSAGE
from webapp.engine.tables import Generation
from webapp.people.accounts.tables import User
from webapp.rendering.difference import DiffLine, difference
from webapp.workspace.page.answer_shown import model_name, receipt
from webapp.workspace.texts import changing, queries
from webapp.workspace.texts.queries import TextVersion
from webapp.workspace.texts.tables import READY, RUNNING


@dataclass(frozen=True, slots=True)
class ShownVersion:
    number: int
    how: str
    by: str
    at: datetime
    size: str


@dataclass(frozen=True, slots=True)
class ShownChange:
    """A change of a part; `lines` compare the part as it was with the new one, as far as there is one."""

    wish: str
    is_running: bool
    is_ready: bool
    note: str
    by: str
    at: datetime
    lines: tuple[DiffLine, ...] = ()
    receipt: str = ""


def version(row: TextVersion) -> ShownVersion:
    how = {
        BY_CALL: gettext("Written by the model"),
        BY_MESSAGE: gettext("Opened from a message"),
        BY_CHANGE: gettext("Changed by the model"),
    }
    return ShownVersion(row.number, how.get(row.made_by) or gettext("Edited"), row.by, row.at, size(row.file.bytes))


def change(text_id: str, reader: User) -> ShownChange | None:
    """Returns the open change of a text, if there is one."""
    row = queries.change_of(text_id)
    if not row:
        return None
    lines, note = list[DiffLine](), row.note
    try:
        if row.written.strip():
            lines = difference(changing.old_part(row, reader), changing.new_part(row, reader))
    except NotFound as gone:
        note = gone.message
    generation = db.session.get(Generation, row.generation_id) if row.generation_id else None
    asker = db.session.get(User, row.by_id) if row.by_id else None
    is_over = generation and not generation.is_active
    return ShownChange(
        row.wish,
        row.state == RUNNING,
        row.state == READY,
        note,
        (asker.name or asker.email) if asker else "",
        row.created_at,
        tuple(lines),
        receipt([generation], model_name(generation)) if generation and is_over else "",
    )
