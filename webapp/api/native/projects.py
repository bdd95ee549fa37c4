"""/api/v1/projects: places for chats, what their answers are told and can use, who is in them, and the chats there."""

from collections.abc import Sequence
from datetime import datetime

from flask import Blueprint, Response, request
from pydantic import Field

from webapp.api.access import caller, may
from webapp.api.native.account import Brought
from webapp.api.native.chats import ChatList, answers_of
from webapp.api.native.documents import AddedList, DocumentList, added_answer, list_of, sent_files
from webapp.api.native.things import add_grant_operations, add_trash_operations, seen
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Named, Paged, Pair, Query
from webapp.base.heavy.child import on_disk
from webapp.base.heavy.turns import by_turns
from webapp.base.inputs import Changes, changes
from webapp.characters import queries as character_queries
from webapp.chat.imports import MOST_PROJECT_BYTES
from webapp.chat.record import projects
from webapp.chat.record.tables import Project
from webapp.knowledge import queries as knowledge_queries
from webapp.knowledge.documents import project_files
from webapp.web.downloads import download, file_name
from webapp.web.pagination import cut
from webapp.web.uploads import sent_file
from webapp.workspace.list import paging
from webapp.workspace.projects import service, shown

bp = Blueprint("api_projects", __name__, url_prefix="/api/v1/projects")


class ProjectAnswer(Named):
    icon: service.Icon
    colour: service.Colour
    about: str
    instructions: str = Field(description="The model follows these in every chat of the project.")
    model: str = Field(description="The model of new chats in it; empty for each person's own.")
    parameters: service.ProjectParameters
    collection_ids: list[str] = Field(description="Its collections, as far as you can see them.")
    character_ids: list[str] = Field(description="The characters that its new chats offer first, as far as you can see them.")
    tools: list[str] = Field(description="The keys of the tools that its answers can use.")
    keeps_chats: bool = Field(description="Whether its chats are kept, no matter how old they are.")
    is_own: bool
    can_write: bool = Field(description="Whether you can have chats in it; otherwise you see those that are shared with it.")
    created_at: datetime
    changed_at: datetime


class ProjectList(Answer):
    projects: list[ProjectAnswer]


class ProjectExportQuery(Query):
    collections: bool = Field(True, description="With the documents of its collections, which can be many.")


class BroughtProject(Answer):
    """What an import has made, and what it left out, each with the reason."""

    id: str
    name: str
    chats: Brought
    documents: int
    collections: int
    left_out: list[Pair] = Field(description="The first of them: what it is, and why it isn't there.")
    left_out_count: int
    trouble: str = Field(description="Why the archive couldn't be read to its end; empty if it was.")


class NewProject(service.ProjectInput):
    pass


ProjectChange = changes("ProjectChange", service.ProjectInput)


@bp.get("")
@operation("List the projects you can see", scope="read", answer=ProjectList)
def index() -> ProjectList:
    return ProjectList(projects=_answers_of(projects.projects(caller())))


@bp.post("")
@operation("Create a project", scope="chat", body=NewProject, answer=ProjectAnswer, status=201, errors=(404,))
def create(body: NewProject) -> ProjectAnswer:
    return _answer_of(service.create(body, by=caller()))


@bp.get("/<id>")
@operation("Show a project", scope="read", answer=ProjectAnswer)
def show(id: str) -> ProjectAnswer:
    return _answer_of(seen(service.PROJECTS, id))


@bp.patch("/<id>")
@operation("Update a project; for its owner", scope="chat", body=ProjectChange, answer=ProjectAnswer, errors=(409,))
def change(id: str, body: Changes) -> ProjectAnswer:
    row = seen(service.PROJECTS, id)
    service.change(row, service.ProjectInput.entered(body.over(row)), by=caller())
    return _answer_of(seen(service.PROJECTS, id))


@bp.get("/<id>/chats")
@operation(
    "List the chats of a project that you can see, most recently changed first", scope="read", query=Paged, answer=ChatList
)
def chats(id: str, query: Paged) -> ChatList:
    page = cut(
        paging.chats_of_project(caller(), seen(service.PROJECTS, id).id, after=query.cursor, limit=query.limit + 1),
        query.limit,
    )
    return ChatList(chats=answers_of(page.rows), next_cursor=page.next_cursor or None)


@bp.get("/<id>/files")
@operation("List the files of a project", scope="read", query=Paged, answer=DocumentList)
def files(id: str, query: Paged) -> DocumentList:
    collection = project_files.collection_of(seen(service.PROJECTS, id).id)
    return list_of(collection, query) if collection else DocumentList(documents=[], next_cursor="")


@bp.post("/<id>/files")
@operation(
    "Add files to a project, which its answers can quote",
    scope="knowledge",
    upload_field="file",
    answer=AddedList,
    status=202,
    errors=(409,),
)
def add_files(id: str) -> AddedList:
    return added_answer(service.add_files(seen(service.PROJECTS, id), sent_files(), by=caller()))


@bp.get("/<id>/export")
@operation(
    "Export a project as an archive, as far as you can see it", scope="read", query=ProjectExportQuery, media="application/zip"
)
def export(id: str, query: ProjectExportQuery) -> Response:
    row = seen(service.PROJECTS, id)
    parts = shown.archive(row, caller(), with_collections=query.collections)
    return download(parts, file_name(row.name, "zip", otherwise="project"), "application/zip")


@bp.post("/import")
@operation(
    "Import an archive as a new project of your own",
    scope="chat",
    upload=True,
    upload_field="file",
    answer=BroughtProject,
    status=201,
    errors=(409,),
    others=((429, "Several of your files were refused; wait as long as `Retry-After` says.", None),),
    most_bytes=MOST_PROJECT_BYTES,
)
def bring_in() -> BroughtProject:
    """The file is the body, or the field `file` of a form; its documents need the scope `knowledge`."""
    # Imported with the first file: with its parsers it takes half a megabyte.
    from webapp.workspace.projects import importing

    may_add_documents = may("knowledge")
    if request.files:
        result = importing.import_project(caller(), sent_file()[1], may_add_documents=may_add_documents)
    else:
        with on_disk(request.stream) as file:
            result = importing.import_project(caller(), file, may_add_documents=may_add_documents)
    return BroughtProject.of(result, chats=Brought.of(result.chats))


def _answer_of(row: Project) -> ProjectAnswer:
    return _answers_of([row])[0]


def _answers_of(rows: Sequence[Project]) -> list[ProjectAnswer]:
    """Returns the answers for several projects, in a number of statements that doesn't grow with them."""
    me, ids = caller(), list(dict.fromkeys(id for row in rows for id in row.collection_ids))
    seen = {collection.id for collection in knowledge_queries.collections_among(me, ids)} if ids else set()
    character_ids = {id for row in rows for id in row.character_ids}
    known = {character.id for character in character_queries.visible_among(me, sorted(character_ids))}
    writable = projects.seen_among(me, [row.id for row in rows], rights=(projects.WRITE,))
    return [
        ProjectAnswer.of(
            row,
            is_own=row.owner_id == me.id,
            can_write=row.id in writable,
            collection_ids=[id for id in row.collection_ids if id in seen],
            character_ids=[id for id in row.character_ids if id in known],
            parameters=service.ProjectParameters.model_validate(row.parameters),
        )
        for row in by_turns(rows)
    ]


add_trash_operations(
    bp,
    service.PROJECTS,
    _answer_of,
    scope="chat",
    deleting="Delete a project; it can be restored, and its chats stay with their owners",
    restoring="Restore a deleted project",
)
add_grant_operations(
    bp,
    service.PROJECTS,
    scope="chat",
    listing="List who is in a project; for its owner",
    granting="Grant a project: to see its shared chats (`read`), or to chat in it (`write`)",
    revoking="Take a person or group out of a project; their own chats leave it",
)
