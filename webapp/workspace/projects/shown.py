"""Projects and their chats as pages show them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import url_for
from sqlalchemy import select

from webapp.base.db import db
from webapp.base.heavy.turns import by_turns
from webapp.base.languages import gettext as _
from webapp.characters import queries as character_queries
from webapp.characters.shown import Face, character_face
from webapp.chat.files.attachments import without_files
from webapp.chat.record import projects, queries, sharing
from webapp.chat.record.tables import Chat, Project
from webapp.engine.engine import the_engine
from webapp.engine.watching.watchers import same_request
from webapp.knowledge import queries as knowledge_queries
from webapp.knowledge.tables import Collection
from webapp.models.connections.models import the_models
from webapp.people.accounts import queries as account_queries
from webapp.people.accounts.tables import Grant, User
from webapp.people.search import SearchHit, SearchQuery
from webapp.people.things import grants
from webapp.people.things.seen import MOST_FOUND
from webapp.rendering import text
from webapp.tools.offers import tools_of
from webapp.web.pagination import cut
from webapp.workspace.exchange import export_pages
from webapp.workspace.list import paging, shown as list_shown
from webapp.workspace.projects import exporting

CHATS_PER_PAGE = 50
# Of a chat's last message: how much is read, and how much of it is shown.
READ_CHARS, SHOWN_CHARS = 400, 100
TABS: dict[str, paging.Whose] = {"mine": "mine", "shared": "shared"}


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
    """A chat on the page of its project: its owner, if that is another person, and whether the project's members see it.

    `last_line` is how its last message begins.
    """

    row: list_shown.SidebarChat
    owner: str
    is_shared: bool
    last_line: str


@dataclass(frozen=True, slots=True)
class ShownStart:
    """What new chats in a project begin with, as far as its page shows it to a person."""

    model: str
    tools: Sequence[str]
    collections: Sequence[Collection]


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
    """Returns a project for its page, which names others' owner; who is in one's own is listed there."""
    whose = _owners(me, [row]).get(row.id, "")
    return _project(row, whose, me, writable=projects.right_in(row, me) in ("own", projects.WRITE))


def cast(me: User, row: Project) -> dict[str, Face]:
    """Returns the faces of those of a project's characters that a person can chat with, by id and in their order."""
    return {character.id: character_face(character) for character in character_queries.visible_among(me, row.character_ids)}


def start(me: User, row: Project) -> ShownStart:
    """Returns what new chats begin with: its collections for everyone who sees them, the rest for its owner alone."""
    collections = knowledge_queries.collections_among(me, row.collection_ids)
    if row.owner_id != me.id:
        return ShownStart("", (), collections)
    known = tools_of(me) if row.tools else {}
    model = the_models().display_name(row.model) if row.model else _("Each person's own")
    return ShownStart(model, [known[key].words if key in known else key for key in row.tools], collections)


def chats_values(me: User, project_id: str, *, whose: str = "", after: str = "", words: str = "") -> dict[str, Any]:
    """Returns the template context of a project's list of chats, for its page and its stream.

    If others have chats in it that the person sees, their own and those are two tabs: `whose` is the one that is open.
    """
    tab = "" if words else _open_tab(me, project_id, whose)
    rows = paging.chats_of_project(me, project_id, whose=tab, after=after, words=words, limit=CHATS_PER_PAGE + 1)
    page = cut(rows, CHATS_PER_PAGE)
    lines = queries.last_texts(page.rows, chars=READ_CHARS)
    names = account_queries.names_of({row.owner_id for row in page.rows if row.owner_id and row.owner_id != me.id})
    shared = projects.projects_of(row for row in page.rows if row.is_for_project)
    chats = [
        ShownProjectChat(
            listed_chat, names.get(row.owner_id or "", ""), row.id in shared, _last_line(*lines.get(row.id, ("", "")))
        )
        for row, listed_chat in by_turns(tuple(zip(page.rows, list_shown.chats(page.rows), strict=True)))
    ]
    more = {"next_cursor": page.next_cursor, "words": words, "is_first": not after}
    return {"chats": chats, "tab": tab, "project_id": project_id, **more}


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


def _open_tab(me: User, project_id: str, whose: str) -> paging.Whose:
    """Returns the tab that was chosen, else the first with a chat; none if there are only one's own."""
    if not paging.chats_of_project(me, project_id, whose="shared", limit=1):
        return ""
    if whose in TABS:
        return TABS[whose]
    return "mine" if paging.chats_of_project(me, project_id, whose="mine", limit=1) else "shared"


@lru_cache(maxsize=2_000)
def _last_line(role: str, content: str) -> str:
    return text.title(without_files(content, role), SHOWN_CHARS)


def _project(row: Project, whose: str, me: User, *, writable: bool) -> ShownProject:
    return ShownProject(row.id, row.name, row.icon, row.colour, row.about, whose, row.owner_id == me.id, writable)


def _owners(me: User, rows: Iterable[Project]) -> dict[str, str]:
    """Returns, by project, in whose project a person is who isn't its owner."""
    of_others = {row.id: row.owner_id for row in rows if row.owner_id != me.id}
    names = account_queries.names_of(of_others.values())
    return {id: _shared_by(names.get(owner_id, "")) for id, owner_id in of_others.items()}


def _shared_by(name: str) -> str:
    return _("Shared by %(name)s", name=name) if name else _("Shared by another person")
