"""The projects of the sidebar: the first ones by name, where an answer runs or waits, and the newest chats of unfolded ones."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, func, literal, or_, select, union_all

from webapp.base import topic_names
from webapp.base.database.statements import Prepared
from webapp.base.db import db
from webapp.chat.record import projects
from webapp.chat.record.queries import KEPT, ME, NEWEST_FIRST, ListedChat, listed_statement, with_answers
from webapp.chat.record.tables import Chat, Project, UnfoldedProject
from webapp.engine.tables import WHILE_ACTIVE, Generation

MOST_LISTED, MOST_CHATS = 40, 5


class ProjectRow(NamedTuple):
    """The columns of a project that the sidebar shows."""

    id: str
    name: str
    icon: str
    colour: str
    is_unfolded: bool
    can_write: bool


def listed(person_id: str) -> Sequence[ProjectRow]:
    """Returns the person's first projects by name."""
    return [ProjectRow(*row) for row in LISTED.all(db.session(), {"owner_id": person_id})]


def active(person_id: str) -> dict[str, set[str]]:
    """Returns the projects with an active answer in a chat that the person sees, with the statuses of their answers."""
    statuses: dict[str, set[str]] = {}
    for project_id, status in ACTIVE.all(db.session(), {"owner_id": person_id}):
        statuses.setdefault(project_id, set()).add(status)
    return statuses


def newest(person_id: str, project_ids: Sequence[str]) -> tuple[dict[str, list[ListedChat]], dict[str, str]]:
    """Returns the newest chats of each of these projects that the person sees, and the lanes with an active answer.

    Pinned chats are left out: they are at the top.
    """
    is_shown = Chat.deleted_at.is_(None), Chat.archived_at.is_(None), KEPT
    own = and_(Chat.owner_id == ME, Chat.pinned_at.is_(None))
    # One query for each project and each way to see its chats, because each way has an index of its own.
    ids = (
        select(Chat.id).where(Chat.project_id == id, way, *is_shown).order_by(*NEWEST_FIRST).limit(MOST_CHATS).subquery()
        for id in project_ids
        for way in (own, *(and_(given, Chat.owner_id != ME) for given in (projects.shares_with(ME), projects.is_given_in(ME))))
    )
    query = with_answers(listed_statement()).add_columns(Chat.project_id).where(Chat.id.in_(union_all(*map(select, ids))))
    chats: dict[str, list[ListedChat]] = {id: [] for id in project_ids}
    running: dict[str, str] = {}
    for *chat, lane, status, project_id in db.session.execute(query, {"owner_id": person_id}):
        if len(chats[project_id]) < MOST_CHATS:
            chats[project_id].append(ListedChat(*chat))
        running |= {lane: status} if lane else {}
    return chats, running


def _listed_statement() -> Select[*tuple[Any, ...]]:
    is_unfolded = Project.id.in_(select(UnfoldedProject.project_id).where(UnfoldedProject.user_id == ME))
    can_write = Project.id.in_(projects.ids_for(ME, rights=(projects.WRITE,)))
    columns = Project.id, Project.name, Project.icon, Project.colour, is_unfolded, can_write
    query = select(*columns).where(Project.id.in_(projects.ids_for(ME)))
    return query.order_by(func.lower(Project.name), Project.id).limit(MOST_LISTED)


def _active_statement() -> Select[*tuple[Any, ...]]:
    # By the few generations that are active, not by the chats.
    prefix = topic_names.of_chat("")
    is_its_chat = Chat.id == func.substr(Generation.lane, len(prefix) + 1), Generation.lane == literal(prefix) + Chat.id
    query = select(Chat.project_id, Generation.status).join(Chat, and_(*is_its_chat)).where(WHILE_ACTIVE)
    is_seen = or_(Chat.owner_id == ME, projects.shares_with(ME), projects.is_given_in(ME))
    return query.where(Chat.project_id.is_not(None), is_seen, Chat.deleted_at.is_(None)).distinct()


# Compiled once: building the statement costs more than running it.
LISTED, ACTIVE = Prepared(_listed_statement()), Prepared(_active_statement())
