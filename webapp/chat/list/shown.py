"""Chats as lists and the sidebar show them: pinned ones first, the others by time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby

from flask import request

from webapp.base import topic_names
from webapp.base.db import utc_now
from webapp.characters import shown as people
from webapp.characters.shown import Face
from webapp.chat.record import queries
from webapp.chat.record.queries import Listed
from webapp.chat.record.tables import Chat
from webapp.people.accounts.guards import user_or_none
from webapp.people.accounts.tables import User

# Two faces are enough to show that a chat is a group.
MOST_FACES = 2
DIVISIONS = ((1, "Today"), (7, "This week"), (31, "This month"))


@dataclass(frozen=True, slots=True)
class SidebarChat:
    id: str
    title: str
    is_running: bool
    is_current: bool
    # Left out of comparisons, which decide whether a cached row can be reused: the row doesn't show it.
    changed_at: datetime = field(compare=False)
    faces: tuple[Face, ...] = ()
    sharer: str = ""


def chats(rows: Sequence[Chat | Listed], running: set[str] | None = None, here: str = "") -> list[SidebarChat]:
    """Converts chats to rows of a list; queries which of them have a running answer unless that is passed in."""
    if running is None:
        running = queries.lanes_in_use(topic_names.of_chat(row.id) for row in rows)
    here, me, casts = here or request.path, user_or_none(), {row.id: _cast(row) for row in rows}
    ids = [id for each in casts.values() for id in each]
    faces = people.faces(me, ids) if me and ids else {}
    return [
        SidebarChat(
            row.id,
            row.title or "New chat",
            topic_names.of_chat(row.id) in running,
            here == f"/chats/{row.id}",
            row.changed_at,
            tuple(faces[id] for id in casts[row.id] if id in faces)[:MOST_FACES],
            row.sharer if isinstance(row, Listed) else "",
        )
        for row in rows
    ]


def _cast(row: Chat | Listed) -> list[str]:
    return row.character_ids or ([row.character_id] if row.character_id else [])


def grouped(
    pinned: Sequence[Chat | Listed], newest: Sequence[Chat | Listed], running: set[str] | None = None, here: str = ""
) -> list[tuple[str, list[SidebarChat]]]:
    """Returns the rows of a list in groups: pinned chats, then the others by time."""
    kept = {row.id for row in pinned}
    listed = chats([*pinned, *(row for row in newest if row.id not in kept)], running, here)
    first, others = listed[: len(pinned)], listed[len(pinned) :]
    return ([("Pinned", first)] if first else []) + by_time(others)


def by_time(listed: Sequence[SidebarChat]) -> list[tuple[str, list[SidebarChat]]]:
    """Groups rows by time, newest first."""
    groups: dict[str, list[SidebarChat]] = {}
    today = utc_now().date()
    for day, same in groupby(listed, lambda each: each.changed_at.date()):
        groups.setdefault(_division(day, today), []).extend(same)
    return list(groups.items())


def sidebar(user: User, here: str = "") -> list[tuple[str, list[SidebarChat]]]:
    """Returns the sidebar's chats; `here` is the path of the page, if it is not the one being requested."""
    return grouped(*queries.sidebar_chats(user.id), here)


def _division(day: date, today: date) -> str:
    days = (today - day).days
    return next((name for limit, name in DIVISIONS if days < limit), f"{day:%B %Y}")
