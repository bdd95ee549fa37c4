"""Projects and their chats as pages show them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import url_for
from sqlalchemy import select

from webapp.base.db import db
from webapp.base.languages import gettext as _
from webapp.characters import queries as character_queries
from webapp.characters.shown import Face, character_face
from webapp.chat.record import projects, sharing
from webapp.chat.record.tables import Chat, Project
from webapp.engine.engine import the_engine
from webapp.engine.watching.watchers import same_request
from webapp.people.accounts import queries as account_queries
from webapp.people.accounts.tables import Grant, User
from webapp.people.search import SearchHit, SearchQuery
from webapp.people.things import grants, shares_shown
from webapp.people.things.seen import MOST_FOUND
from webapp.web.pagination import cut
from webapp.workspace.exchange import export_pages
from webapp.workspace.list import paging, shown as list_shown
from webapp.workspace.projects import exporting

CHATS_PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class ShownProject:
    """A project as a person sees it; `whose` says whose it is, or who else is in it."""

    id: str
    name: str
    icon: str
    colour: str
    about: str
    whose: str
    is_own: bool
    can_write: bool


@dataclass(frozen=True, slots=True)
class ShownProjectChat:
    """A chat on the page of its project: its owner, if that is another person, and whether the project's members see it."""

    row: list_shown.SidebarChat
    owner: str
    is_shared: bool


def listed(me: User) -> list[ShownProject]:
    """Returns all projects of a person, in a number of statements that doesn't grow with them."""
    rows = projects.projects(me)
    ids = [row.id for row in rows]
    given = set(db.session.scalars(select(Grant.object_id).where(grants.are_about(projects.KIND, ids)).distinct()))
    owners, writable = _owners(me, rows), projects.seen_among(me, ids, rights=(projects.WRITE,))
    return [
        _project(row, owners.get(row.id) or (_("Shared") if row.id in given else _("Only you")), me, writable=row.id in writable)
        for row in rows
    ]


def project(row: Project, me: User) -> ShownProject:
    """Returns a project for its page, which names who is in it."""
    owner = _owners(me, [row]).get(row.id)
    whose = owner or shares_shown.whose(projects.KIND, row.id, shares_shown.names(projects.KIND, row.id))
    return _project(row, whose, me, writable=projects.right_in(row, me) in ("own", projects.WRITE))


def cast(me: User, row: Project) -> dict[str, Face]:
    """Returns the faces of those of a project's characters that a person can chat with, by id and in their order."""
    return {character.id: character_face(character) for character in character_queries.visible_among(me, row.character_ids)}


def chats_values(me: User, project_id: str, *, after: str = "", words: str = "") -> dict[str, Any]:
    """Returns the template context of a project's list of chats, for its page and its stream."""
    rows = paging.chats_of_project(me, project_id, after=after, words=words, limit=CHATS_PER_PAGE + 1)
    page = cut(rows, CHATS_PER_PAGE)
    names = account_queries.names_of({row.owner_id for row in page.rows if row.owner_id and row.owner_id != me.id})
    shared = projects.projects_of(row for row in page.rows if row.is_for_project)
    chats = [
        ShownProjectChat(listed_chat, names.get(row.owner_id or "", ""), row.id in shared)
        for row, listed_chat in zip(page.rows, list_shown.chats(page.rows), strict=True)
    ]
    return {"chats": chats, "next_cursor": page.next_cursor, "words": words, "is_first": not after}


def archive(row: Project, me: User, *, with_collections: bool) -> Iterator[bytes]:
    """Streams a project as an archive, in which chats of other people are pages as their readers can export them."""
    context, my_id = same_request(), me.id

    def page(id: str) -> Iterator[str] | None:
        with context():
            chat, reader = db.session.get(Chat, id), account_queries.person(my_id)
            right = sharing.right_of(chat, reader) if chat and reader else ""
            return export_pages.as_page(the_engine(), chat, right, reader) if chat and right else None

    return exporting.archive(the_engine(), row, me, page, with_collections=with_collections)


def search_hits(me: User, query: SearchQuery) -> list[SearchHit]:
    """Returns the projects with these words in their names, for the search over everything."""
    rows = projects.SEEN_PROJECTS.named(me, query, limit=MOST_FOUND) if query.words else ()
    return [SearchHit(title=row.name, path=url_for("projects.show", id=row.id), icon=row.beside or "folder") for row in rows]


def _project(row: Project, whose: str, me: User, *, writable: bool) -> ShownProject:
    return ShownProject(row.id, row.name, row.icon, row.colour, row.about, whose, row.owner_id == me.id, writable)


def _owners(me: User, rows: Iterable[Project]) -> dict[str, str]:
    """Returns, by project, in whose project a person is who isn't its owner."""
    of_others = {row.id: row.owner_id for row in rows if row.owner_id != me.id}
    names = account_queries.names_of(of_others.values())
    return {id: _shared_by(names.get(owner_id, "")) for id, owner_id in of_others.items()}


def _shared_by(name: str) -> str:
    return _("Shared by %(name)s", name=name) if name else _("Shared by another person")
