"""/api/v1/projects: places for chats, what their answers are told and can use, who is in them, and the chats there."""

from collections.abc import Sequence
from datetime import datetime

from flask import Blueprint
from pydantic import Field

from webapp.api.access import caller
from webapp.api.native.chats import ChatList, answers_of
from webapp.api.native.documents import AddedList, DocumentList, added_answer, list_of, sent_files
from webapp.api.native.sharing import add_grant_operations
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Named, Paged
from webapp.base.heavy.turns import by_turns
from webapp.base.inputs import Changes, changes
from webapp.chat.list import paging
from webapp.chat.projects import service
from webapp.chat.record import projects
from webapp.chat.record.tables import Project
from webapp.knowledge import queries as knowledge_queries
from webapp.knowledge.documents import project_files
from webapp.people.accounts.guards import found
from webapp.web.pagination import cut

bp = Blueprint("api_projects", __name__, url_prefix="/api/v1/projects")


class ProjectAnswer(Named):
    icon: service.Icon
    colour: service.Colour
    about: str
    instructions: str = Field(description="What every answer in it is told.")
    model: str = Field(description="The model of new chats in it; empty for each person's own.")
    parameters: service.ProjectParameters
    collection_ids: list[str] = Field(description="Its collections, as far as you can see them.")
    tools: list[str] = Field(description="The keys of the tools that its answers can use.")
    keeps_chats: bool = Field(description="Whether its chats are kept, no matter how old they are.")
    is_own: bool
    can_write: bool = Field(description="Whether you can have chats in it; otherwise you see those that are shared with it.")
    created_at: datetime
    changed_at: datetime


class ProjectList(Answer):
    projects: list[ProjectAnswer]


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
    return _answer_of(_visible(id))


@bp.patch("/<id>")
@operation("Update a project; for its owner", scope="chat", body=ProjectChange, answer=ProjectAnswer, errors=(409,))
def change(id: str, body: Changes) -> ProjectAnswer:
    row = _visible(id)
    service.change(row, service.ProjectInput.entered(body.over(row)), by=caller())
    return _answer_of(_visible(id))


@bp.delete("/<id>")
@operation("Delete a project; it can be restored, and its chats stay with their owners", scope="chat", status=204, errors=(409,))
def delete(id: str) -> None:
    service.delete(_visible(id), by=caller())


@bp.post("/<id>/restore")
@operation("Restore a deleted project", scope="chat", answer=ProjectAnswer, errors=(422,))
def restore(id: str) -> ProjectAnswer:
    service.restore(found(next((row for row in projects.deleted(caller()) if row.id == id), None)), by=caller())
    return _answer_of(_visible(id))


@bp.get("/<id>/chats")
@operation(
    "List the chats of a project that you can see, most recently changed first", scope="read", query=Paged, answer=ChatList
)
def chats(id: str, query: Paged) -> ChatList:
    page = cut(paging.chats_of_project(caller(), _visible(id).id, after=query.cursor, limit=query.limit + 1), query.limit)
    return ChatList(chats=answers_of(page.rows), next_cursor=page.next_cursor or None)


@bp.get("/<id>/files")
@operation("List the files of a project", scope="read", query=Paged, answer=DocumentList)
def files(id: str, query: Paged) -> DocumentList:
    collection = project_files.collection_of(_visible(id).id)
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
    return added_answer(service.add_files(_visible(id), sent_files(), by=caller()))


def _visible(id: str) -> Project:
    return found(projects.project(caller(), id))


def _answer_of(row: Project) -> ProjectAnswer:
    return _answers_of([row])[0]


def _answers_of(rows: Sequence[Project]) -> list[ProjectAnswer]:
    """Returns the answers for several projects, in a number of statements that doesn't grow with them."""
    me, ids = caller(), list(dict.fromkeys(id for row in rows for id in row.collection_ids))
    seen = {collection.id for collection in knowledge_queries.collections_among(me, ids)} if ids else set()
    writable = projects.seen_among(me, [row.id for row in rows], rights=(projects.WRITE,))
    return [
        ProjectAnswer.of(
            row,
            is_own=row.owner_id == me.id,
            can_write=row.id in writable,
            collection_ids=[id for id in row.collection_ids if id in seen],
            parameters=service.ProjectParameters.model_validate(row.parameters),
        )
        for row in by_turns(rows)
    ]


add_grant_operations(
    bp,
    service.SHARING,
    _visible,
    scope="chat",
    listing="List who is in a project; for its owner",
    granting="Grant a project: to see its shared chats (`read`), or to chat in it (`write`)",
    revoking="Take a person or group out of a project; their own chats leave it",
)
