"""/api/v1/workflows: definitions, their versions, and runs started from them."""

from datetime import datetime
from typing import Any

from flask import Blueprint
from pydantic import Field

from webapp.api.access import caller
from webapp.api.native.runs import RunAnswer, answer_of
from webapp.api.operations import STARTS, idempotency_key, operation
from webapp.api.schemas import Answer, Body, Line
from webapp.people.accounts.guards import refuse_unless_admin, who
from webapp.workflows import library
from webapp.workflows.library import Entry
from webapp.workflows.running import runs

bp = Blueprint("api_workflows", __name__, url_prefix="/api/v1/workflows")


class WorkflowAnswer(Answer):
    slug: str
    title: str
    about: str
    minutes: int = Field(description="About how long a run takes; 0 if unknown.")
    version: int = Field(description="The published version, which new runs follow; 0 if there is none.")
    has_draft: bool = Field(description="Whether the draft differs from the published version.")
    is_shipped: bool
    checksum: str


class VersionAnswer(Answer):
    number: int
    note: str
    published_at: datetime


class WholeWorkflow(WorkflowAnswer):
    definition: str = Field(description="The published text, or the draft where nothing is published.")
    draft: str = Field(description="The draft, for admins; empty for others.")
    versions: list[VersionAnswer]


class WorkflowList(Answer):
    workflows: list[WorkflowAnswer]


class NewDefinition(Body):
    definition: str = Field(description="YAML or JSON text.")
    replace: bool = Field(False, description="Also replaces another person's unpublished draft; else that is a 409.")


class Note(Body):
    note: Line = ""


class NoFields(Body):
    """An empty body."""


@bp.get("")
@operation("List the workflows", scope="read", answer=WorkflowList)
def index() -> WorkflowList:
    is_admin = caller().is_admin
    return WorkflowList(workflows=[WorkflowAnswer(**_facts(each)) for each in library.entries() if each.version or is_admin])


@bp.post("")
@operation(
    "Save a draft: of a new workflow, or of the one its text names (admins); 422 has `errors` with line, column and hint",
    scope="workflows",
    body=NewDefinition,
    answer=WholeWorkflow,
    status=201,
    errors=(409, 422),
)
def save(body: NewDefinition) -> WholeWorkflow:
    refuse_unless_admin(caller())
    return _answer_of(library.get(library.save(body.definition, who(), replaces="any" if body.replace else "own")))


@bp.get("/<slug>")
@operation("Show a workflow with its versions", scope="read", answer=WholeWorkflow)
def show(slug: str) -> WholeWorkflow:
    return _answer_of(library.get(slug) if caller().is_admin else library.published(slug))


@bp.delete("/<slug>")
@operation("Remove a workflow (admins); runs in progress continue", scope="workflows", status=204, errors=(409,))
def delete(slug: str) -> None:
    refuse_unless_admin(caller())
    library.remove(slug, who())


@bp.post("/<slug>/publish")
@operation("Publish the draft (admins)", scope="workflows", body=Note, answer=WholeWorkflow, errors=(409, 422))
def publish(slug: str, body: Note) -> WholeWorkflow:
    refuse_unless_admin(caller())
    library.publish(slug, body.note, who())
    return _answer_of(library.get(slug))


@bp.post("/<slug>/runs")
@operation("Start a run", scope="workflows", body=NoFields, answer=RunAnswer, status=201, takes_key=True, errors=STARTS)
def start(slug: str, body: NoFields) -> RunAnswer:
    return answer_of(runs.start(caller(), slug, key=idempotency_key()))


def _facts(entry: Entry) -> dict[str, Any]:
    about = {name: getattr(entry.headline, name) for name in ("title", "about", "minutes")}
    return about | {name: getattr(entry, name) for name in ("slug", "version", "has_draft", "is_shipped", "checksum")}


def _answer_of(entry: Entry) -> WholeWorkflow:
    is_admin = caller().is_admin
    texts: dict[str, Any] = {"definition": entry.source or entry.draft, "draft": entry.draft if is_admin else ""}
    return WholeWorkflow(**_facts(entry), **texts, versions=[VersionAnswer.of(each) for each in library.versions(entry.slug)])
