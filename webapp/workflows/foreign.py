"""Imports the flows of other programs as drafts of workflows: rooms above bring a `FlowImporter` for each program."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pkgutil import resolve_name

from webapp.base import yaml_text
from webapp.base.audit import AuditAuthor
from webapp.base.errors import Conflict, Invalid
from webapp.base.heavy.threads import offload
from webapp.base.heavy.turns import by_turns
from webapp.base.languages import ngettext
from webapp.web.feature import brought
from webapp.workflows import service as workflow_service

MOST_FILES = 100
NOTHING = "These files contain no flows."


@dataclass(frozen=True, slots=True)
class ForeignFlow:
    """A flow as a workflow's YAML, with the number of its steps, how many were converted, and what was not understood."""

    slug: str
    title: str
    source: str
    steps: int
    mapped: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FlowImporter:
    """How a program's files are recognized and read: import paths of functions, which are loaded when a draft is saved."""

    recognizes: str
    flows: str


@dataclass(frozen=True, slots=True)
class ImportedFlow:
    """An imported flow; `fault` is the reason if it was not saved as a draft."""

    flow: ForeignFlow
    fault: str = ""

    @property
    def words(self) -> str:
        steps, done = self.flow.steps, self.flow.mapped
        if self.fault:
            return ngettext(
                "%(done)s of %(num)s step, not saved: %(fault)s",
                "%(done)s of %(num)s steps, not saved: %(fault)s",
                steps,
                done=done,
                fault=self.fault,
            )
        return ngettext(
            "%(done)s of %(num)s step, saved as a draft", "%(done)s of %(num)s steps, saved as a draft", steps, done=done
        )


def import_foreign(
    sources: Sequence[str], *, author: AuditAuthor, replaces: workflow_service.Replaces = "nobody's"
) -> tuple[list[ImportedFlow], list[str]]:
    """Saves each flow of another program in these texts as a draft; returns the flows, and the texts that belong to them."""
    if len(sources) > MOST_FILES:
        raise Invalid(f"Import at most {MOST_FILES} files at once.", field="file")
    for importer in brought(FlowImporter):
        recognizes = resolve_name(importer.recognizes)
        if foreign := [source for source in sources if offload(recognizes, source)]:
            return [_saved(flow, author, replaces) for flow in by_turns(_flows(importer, foreign))], foreign
    return [], []


def _flows(importer: FlowImporter, sources: Sequence[str]) -> list[ForeignFlow]:
    read: Callable[[Sequence[str]], Iterator[ForeignFlow]] = resolve_name(importer.flows)
    try:
        coming = read(sources)
        # In threads: reading a large flow takes a fifth of a second, and so does writing it.
        flows = list(iter(lambda: offload(next, coming, None), None))
    except yaml_text.UnreadableYaml as error:
        raise Invalid(f"Line {error.line}: {error}", field="file") from error
    if not flows:
        raise Invalid(NOTHING, field="file")
    return flows


def _saved(flow: ForeignFlow, author: AuditAuthor, replaces: workflow_service.Replaces) -> ImportedFlow:
    try:
        workflow_service.save(flow.source, author=author, replaces=replaces)
    except (Invalid, Conflict) as error:
        return ImportedFlow(flow, error.message)
    return ImportedFlow(flow)
