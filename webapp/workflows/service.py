"""Workflows, shipped or written by admins: drafts, publishing, versions."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from webapp.base import audit, languages
from webapp.base.db import MOST_NUMBER, db, write
from webapp.base.errors import Conflict, Invalid, NotFound
from webapp.base.heavy.threads import offload, offload_expecting
from webapp.plans.types import service as plan_type_service
from webapp.tools.offers import built_in_tools
from webapp.tools.policies import policies_for
from webapp.tools.servers.offered import site_tools
from webapp.tools.tool import Tool
from webapp.workflows.definition import parsing
from webapp.workflows.definition.definition import Definition, Step
from webapp.workflows.tables import Workflow, WorkflowVersion

FOLDER = Path(__file__).parent / "shipped"
MOST_WORKFLOWS, MOST_NOTE = 500, 300
# How many tools or arguments a hint names.
MOST_NAMED = 12
# Parsing a large definition takes up to a quarter of a second.
MOST_KNOWN = 64
GONE = "That workflow no longer exists."
UNPUBLISHED = "“{}” has a draft that isn't published yet. Saving this replaces it."
# Whose unpublished drafts a save can overwrite.
Replaces = Literal["nobody's", "own", "any"]


class BrokenDefinition(Invalid):
    """Raised for an invalid definition; `faults` has every fault and its line."""

    def __init__(self, faults: Sequence[parsing.WorkflowFault]) -> None:
        first = faults[0]
        super().__init__(f"Line {first.line}: {first.message} {first.hint}".strip(), field="definition")
        self.faults = faults

    def details(self) -> dict[str, Any]:
        names = ("line", "column", "message", "hint")
        return {"errors": [{name: getattr(fault, name) for name in names} for fault in self.faults]}


@dataclass(frozen=True, slots=True)
class Headline:
    """What lists show of a workflow."""

    title: str
    about: str
    minutes: int


@dataclass(frozen=True, slots=True)
class StoredWorkflow:
    """A workflow: its published text and its draft. `version` is 0 if nothing is published."""

    slug: str
    source: str
    draft: str
    version: int
    is_shipped: bool = False

    @property
    def text(self) -> str:
        return self.source or self.draft

    @property
    def headline(self) -> Headline:
        return headline(self.text)

    @property
    def has_draft(self) -> bool:
        return self.draft != self.source

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]


def checked(source: str) -> Definition:
    """Returns the definition of a text; raises `BrokenDefinition`."""
    try:
        return offload_expecting(parsing.BrokenWorkflow, _known_new, source)
    except parsing.BrokenWorkflow as error:
        raise BrokenDefinition(error.faults) from error


def runnable(source: str) -> Definition:
    """Returns the definition of a text that will run: the plan types and tools it names must exist."""
    definition = checked(source)
    _check_plan_types(definition)
    _check_tools(definition)
    return definition


def tools() -> dict[str, Tool]:
    """Returns the tools that workflows can name, by key: those that are everyone's, and allowed."""
    policies = policies_for(None)
    every = (*built_in_tools().values(), *site_tools())
    return {tool.key: tool for tool in every if policies.of(tool) != "deny"}


@lru_cache(maxsize=MOST_KNOWN)
def known(source: str) -> Definition:
    """Returns the cached definition of a text that was checked before."""
    return parsing.read(source)


@lru_cache(maxsize=MOST_KNOWN)
def _known_new(source: str) -> Definition:
    return parsing.read_new(source)


@lru_cache(maxsize=2 * MOST_WORKFLOWS)
def headline(source: str) -> Headline:
    """Returns the cached headline of a text, for which lists don't need the whole definition."""
    definition = known(source)
    return Headline(definition.title, definition.about, definition.minutes)


def entries() -> list[StoredWorkflow]:
    """Returns all workflows by title; one written by an admin replaces a shipped one with the same slug."""
    entries = _shipped() | _written()
    for entry in entries.values():
        offload(headline, entry.text)
    return sorted(entries.values(), key=lambda entry: entry.headline.title.casefold())


def get(slug: str) -> StoredWorkflow:
    entry = _written(Workflow.slug == slug).get(slug) or _shipped().get(slug)
    if not entry:
        raise NotFound(GONE)
    offload(headline, entry.text)
    return entry


def _written(*conditions: ColumnElement[bool]) -> dict[str, StoredWorkflow]:
    """Returns the workflows written by admins, by slug; a draft over a shipped one leaves that published."""
    published = (WorkflowVersion.slug == Workflow.slug) & (WorkflowVersion.number == Workflow.published)
    columns = (Workflow.slug, WorkflowVersion.source, Workflow.source, Workflow.published)
    query = select(*columns).outerjoin(WorkflowVersion, published).where(*conditions)
    rows = db.session.execute(query).all()
    written = {slug: StoredWorkflow(slug, source or "", draft, number) for slug, source, draft, number in rows}
    shipped = {slug: entry for slug, entry in _shipped().items() if slug in written and not written[slug].version}
    return written | {slug: replace(entry, draft=written[slug].draft, is_shipped=False) for slug, entry in shipped.items()}


def published(slug: str) -> StoredWorkflow:
    """Returns a workflow that is published; raises `NotFound` otherwise."""
    entry = get(slug)
    if not entry.version:
        raise NotFound("That workflow isn't published yet.")
    return entry


def newest(slug: str) -> int:
    """Returns the number of the published version, or 0."""
    row, shipped = db.session.get(Workflow, slug), _shipped().get(slug)
    return (row.published if row else 0) or (shipped.version if shipped else 0)


def versions(slug: str) -> Sequence[WorkflowVersion]:
    """Returns the published versions, newest first."""
    query = select(WorkflowVersion).where(WorkflowVersion.slug == slug)
    return db.session.scalars(query.order_by(WorkflowVersion.number.desc())).all()


def source_of(slug: str, version: int) -> str:
    """Returns the text of a version."""
    shipped = _shipped().get(slug)
    workflow_version = db.session.get(WorkflowVersion, (slug, version)) if version <= MOST_NUMBER else None
    if not workflow_version and not (shipped and version == shipped.version):
        raise NotFound("That version doesn't exist.")
    return workflow_version.source if workflow_version else shipped.source if shipped else ""


def save(source: str, *, author: audit.AuditAuthor, slug: str = "", replaces: Replaces = "any") -> str:
    """Saves a text as the draft of the workflow it names, and returns that slug; runs don't use it until it is published.

    `replaces` limits whose draft can be overwritten if it isn't published, because there is no other copy of it.
    """
    source = source.replace("\r\n", "\n")
    name = runnable(source).slug
    if slug and slug != name:
        raise Invalid(
            f"The text names another workflow: {name}. Its name can't change; save it as a new one.", field="definition"
        )
    with write() as session:
        row = session.get(Workflow, name)
        if row is None:
            if len(session.scalars(select(Workflow.slug)).all()) >= MOST_WORKFLOWS:
                raise Conflict(f"There are already {MOST_WORKFLOWS} workflows. Delete one first.")
            row = Workflow(slug=name, source=source)
            session.add(row)
        _refuse_to_replace(session, row, source, replaces, author.id)
        row.source, row.changed_by = source, author.id
        _note(session, "saved a workflow", name, author)
    return name


def _refuse_to_replace(session: Session, row: Workflow, source: str, replaces: Replaces, actor: str | None) -> None:
    is_allowed = replaces == "any" or (replaces == "own" and actor is not None and row.changed_by == actor)
    if is_allowed or row.source == source:
        return
    public = session.get(WorkflowVersion, (row.slug, row.published))
    if not public or public.source != row.source:
        raise Conflict(UNPUBLISHED.format(row.slug))


def publish(slug: str, note: str, *, author: audit.AuditAuthor) -> int:
    """Publishes the draft as the version for new runs; existing runs keep the version they started with."""
    if get(slug).is_shipped:
        raise Conflict("This workflow comes with Millrace. Save a draft of your own first.")
    if len(note) > MOST_NOTE:
        raise Invalid(f"A note can have at most {MOST_NOTE} characters.", field="note")
    with write() as session:
        row = session.get(Workflow, slug, with_for_update=True)
        if row is None:
            raise NotFound(GONE)
        now = session.get(WorkflowVersion, (slug, row.published))
        if now and now.source == row.source:
            raise Conflict("Nothing has changed since this was published.")
        last = session.scalar(
            select(WorkflowVersion.number).where(WorkflowVersion.slug == slug).order_by(WorkflowVersion.number.desc())
        )
        row.published = (last or 0) + 1
        columns = {"source": row.source, "note": note.strip(), "published_by": author.id}
        session.add(WorkflowVersion(slug=slug, number=row.published, **columns))
        _note(session, "published a workflow", slug, author)
        return row.published


def remove(slug: str, *, author: audit.AuditAuthor) -> None:
    """Deletes a workflow; a shipped one with the same slug takes its place, and existing runs continue."""
    get(slug)
    with write() as session:
        if not session.execute(delete(Workflow).where(Workflow.slug == slug).returning(Workflow.slug)).first():
            raise Conflict("This workflow comes with Millrace and can't be deleted.")
        _note(session, "deleted a workflow", slug, author)


def _check_plan_types(definition: Definition) -> None:
    slugs = plan_type_service.slugs()
    steps = [step for step in definition.steps if step.verb == "generate" and step.text not in slugs]
    if steps:
        hint = f"Use one of: {', '.join(sorted(slugs))}"
        raise BrokenDefinition(
            [parsing.WorkflowFault(step.line, 1, f"There is no plan type named “{step.text}”.", hint) for step in steps]
        )


def _check_tools(definition: Definition) -> None:
    steps = [step for step in definition.steps if step.named_tools]
    known = tools() if steps else {}
    if faults := [fault for step in steps for fault in _tool_faults(step, known)]:
        raise BrokenDefinition(faults)


def _tool_faults(step: Step, known: Mapping[str, Tool]) -> Iterator[parsing.WorkflowFault]:
    """Yields what is wrong with the tools that a step names, and with the arguments of a call."""
    for key in (key for key in step.named_tools if key not in known):
        like = get_close_matches(key, known, 1)
        hint = f"Did you mean “{like[0]}”?" if like else f"Use one of: {', '.join(sorted(known)[:MOST_NAMED])}"
        yield parsing.WorkflowFault(step.line, 1, f"There is no tool “{key[:80]}” here, or it isn't allowed.", hint)
    if step.verb == "tool" and (tool := known.get(step.text)):
        properties = tool.schema.get("properties")
        named = properties if isinstance(properties, Mapping) else {}
        hint = f"It takes: {', '.join(map(str, [*named][:MOST_NAMED]))}" if named else "It takes no arguments."
        required = tool.schema.get("required")
        for name in required if isinstance(required, list) else ():
            if name not in step.arguments:
                yield parsing.WorkflowFault(step.line, 1, f"The tool “{tool.key}” needs “{name}” in its “arguments”.", hint)
        if tool.schema.get("additionalProperties") is False:
            for name in (name for name in step.arguments if name not in named):
                yield parsing.WorkflowFault(step.line, 1, f"The tool “{tool.key}” doesn't take “{name[:40]}”.", hint)


def _note(session: Session, action: str, slug: str, author: audit.AuditAuthor) -> None:
    audit.add(session, action, author=author, object_kind="workflow", object_id=slug)


def _shipped() -> dict[str, StoredWorkflow]:
    """Returns the workflows that come with Millrace in the language of the page; a run keeps the text that it begins with."""
    return _shipped_in(languages.current().code)


@cache
def _shipped_in(language: str) -> dict[str, StoredWorkflow]:
    files = {file.name: file for folder in (FOLDER, FOLDER / language) for file in folder.glob("*.yaml")}
    sources = (file.read_text("utf-8") for _, file in sorted(files.items()))
    return {
        slug: StoredWorkflow(slug, source, source, 1, is_shipped=True) for source in sources for slug in (known(source).slug,)
    }
