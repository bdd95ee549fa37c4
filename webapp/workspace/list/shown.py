"""Chats as lists and the sidebar show them, and what a bulk action has done to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from flask import request, url_for

from webapp.base import languages, topic_names
from webapp.base.db import db, utc_now
from webapp.base.ids import LENGTH
from webapp.base.languages import gettext as _, ngettext
from webapp.characters import shown as characters_shown
from webapp.chat.messages import keeping
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat
from webapp.engine.tables import WAITING
from webapp.people.accounts.guards import user_or_none
from webapp.people.accounts.tables import User
from webapp.workspace.list import bulk, sidebar_projects

# Two faces are enough to show that a chat is a group.
MOST_FACES = 2
# A page with all rows of the sidebar would be a quarter longer.
MOST_AT_FIRST = 20
DIVISIONS = {1: "Today", 7: "This week", 31: "This month"}


@dataclass(frozen=True, slots=True)
class SidebarChat:
    id: str
    title: str
    is_running: bool
    is_current: bool
    # Left out of comparisons, which decide whether a cached row can be reused: the row doesn't show it.
    changed_at: datetime = field(compare=False)
    faces: tuple[characters_shown.Face, ...] = ()
    sharer: str = ""
    # Whether its answer waits for a person's decision.
    is_waiting: bool = False
    # When it goes to the trash; left out of comparisons as well.
    leaves_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SidebarProject:
    """A project in the sidebar; `is_running` and `is_waiting` say whether an answer in one of its chats is so."""

    id: str
    name: str
    icon: str
    colour: str
    is_unfolded: bool
    can_write: bool
    is_current: bool
    is_running: bool = False
    is_waiting: bool = False


SidebarRow = SidebarChat | SidebarProject
Groups = Sequence[tuple[str, Sequence[SidebarRow]]]


def chats(
    rows: Sequence[Chat | queries.ListedChat], running: Mapping[str, str] | None = None, here: str = ""
) -> list[SidebarChat]:
    """Converts chats to rows of a list; queries which of them have a running answer unless that is passed in."""
    if running is None:
        running = queries.lanes_in_use(topic_names.of_chat(row.id) for row in rows)
    here, me = here or request.path, user_or_none()
    ids = [id for row in rows for id in row.cast_ids]
    faces = characters_shown.faces(me, ids) if me and ids else {}
    leaving = keeping.leaves_on(row for row in rows if isinstance(row, Chat))
    return [
        SidebarChat(
            row.id,
            row.title or _("New chat"),
            topic_names.of_chat(row.id) in running,
            here == f"/chats/{row.id}",
            row.changed_at,
            tuple(faces[id] for id in row.cast_ids if id in faces)[:MOST_FACES],
            row.sharer if isinstance(row, queries.ListedChat) else "",
            running.get(topic_names.of_chat(row.id)) == WAITING,
            leaving.get(row.id),
        )
        for row in rows
    ]


def grouped(
    pinned: Sequence[Chat | queries.ListedChat],
    newest: Sequence[Chat | queries.ListedChat],
    running: Mapping[str, str] | None = None,
    here: str = "",
) -> Groups:
    """Returns the rows of a list in groups: pinned chats, then the others by time."""
    pinned_ids = {row.id for row in pinned}
    sidebar_chats = chats([*pinned, *(row for row in newest if row.id not in pinned_ids)], running, here)
    first, others = sidebar_chats[: len(pinned)], sidebar_chats[len(pinned) :]
    return [*([(_("Pinned"), first)] if first else []), *by_time(others)]


def by_time(sidebar_chats: Sequence[SidebarChat]) -> Groups:
    """Groups rows by time, newest first."""
    groups: dict[str, list[SidebarChat]] = {}
    today = utc_now().date()
    for day, same in groupby(sidebar_chats, lambda chat: chat.changed_at.date()):
        words = next((words for limit, words in DIVISIONS.items() if (today - day).days < limit), "")
        division = _(words) if words else languages.current().formats.month(day)
        groups.setdefault(division, []).extend(same)
    return list(groups.items())


def sidebar_start(user: User) -> Groups:
    """Returns the person's projects and the newest of the sidebar's other chats, as many as most windows show.

    The project of the open chat is unfolded.
    """
    outside = queries.chats_outside_projects(user.id, limit=MOST_AT_FIRST)
    groups = grouped(outside.pinned, outside.others[:MOST_AT_FIRST], outside.running)
    return [*_of_projects(user, open_id=_open_project(request.path)), *groups] if outside.has_projects else groups


def sidebar(user: User, here: str = "") -> Groups:
    """Returns the sidebar's projects and chats; `here` is the path of the page, if it is not the one being requested."""
    outside = queries.chats_outside_projects(user.id)
    groups = grouped(outside.pinned, outside.others, outside.running, here)
    return [*_of_projects(user, here), *groups] if outside.has_projects else groups


def is_cut(groups: Groups) -> bool:
    """Returns whether the sidebar can have more chats than these."""
    return sum(len(rows) for name, rows in groups if name != _("Projects")) >= MOST_AT_FIRST


def _open_project(path: str) -> str:
    """Returns the id of the project of the chat with this page, which the request has loaded."""
    _, _, id = path.partition("/chats/")
    chat = db.session.get(Chat, id) if len(id) == LENGTH else None
    return (chat.project_id if chat else "") or ""


def _of_projects(user: User, here: str = "", open_id: str = "") -> Groups:
    """Returns the group of the projects, each unfolded one followed by its newest chats: in at most three statements."""
    if not (projects := sidebar_projects.listed(user.id)):
        return []
    projects = [project._replace(is_unfolded=project.is_unfolded or project.id == open_id) for project in projects]
    unfolded, here = [project.id for project in projects if project.is_unfolded], here or request.path
    newest, running = sidebar_projects.newest(user.id, unfolded) if unfolded else ({}, {})
    active, listed = sidebar_projects.active(user.id), chats([row for rows in newest.values() for row in rows], running, here)
    by_id, rows = {chat.id: chat for chat in listed}, list[SidebarRow]()
    for project in projects:
        statuses = active.get(project.id, set())
        is_current = here == f"/projects/{project.id}"
        rows.append(SidebarProject(*project, is_current, is_running=bool(statuses), is_waiting=WAITING in statuses))
        rows += [by_id[row.id] for row in newest.get(project.id, ())]
    return [(_("Projects"), rows)]


@dataclass(frozen=True, slots=True)
class BulkResult:
    """A sentence about what was done, and the form that undoes it; `pinned` are the chats to be pinned again."""

    words: str
    undo_url: str
    undo: str = ""
    ids: Sequence[str] = ()
    pinned: Sequence[str] = ()


def bulk_result(owner_id: str, several_url: str) -> BulkResult | None:
    """Returns the result named by the request's query parameters, limited to chats that are still in that state."""
    if chat := queries.owned_chat(owner_id, request.args.get("deleted", ""), is_deleted=True):
        return BulkResult(done_words(bulk.ACTIONS["delete"], [chat]), url_for("list.restore", id=chat.id))
    action, chat_ids = bulk.ACTIONS.get(request.args.get("did", "")), _ids_in("chats")[: bulk.MOST]
    chats = [chat for chat in queries.own_chats(owner_id, chat_ids) if action.is_done(chat)] if action and chat_ids else []
    if not action or not chats:
        return None
    ids, pinned = [chat.id for chat in chats], set(_ids_in("pinned"))
    return BulkResult(done_words(action, chats), several_url, action.undo, ids, [id for id in ids if id in pinned])


def _ids_in(name: str) -> list[str]:
    return [id for id in request.args.get(name, "").split(".") if id]


def done_words(action: bulk.BulkAction, chats: Sequence[Chat]) -> str:
    """Returns a sentence that reports what was done."""
    return action.done_words(counted(chats), len(chats))


def counted(chats: Sequence[Chat]) -> str:
    """Returns the title of the chat or, of several, their number."""
    if len(chats) == 1:
        return _("“%(title)s”", title=chats[0].title or _("New chat"))
    return ngettext("%(num)s chat", "%(num)s chats", len(chats))
