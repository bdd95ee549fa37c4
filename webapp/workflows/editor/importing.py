"""Imports the flows of a Rasa assistant: each becomes a draft, with a report of what was not understood."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webapp.base import audit, yaml_text
from webapp.base.errors import Conflict, Invalid
from webapp.base.heavy.threads import offload, offload_expecting
from webapp.base.heavy.turns import by_turns
from webapp.base.words import plural
from webapp.workflows import library
from webapp.workflows.definition import rasa
from webapp.workflows.definition.rasa import Imported
from webapp.workflows.library import Replaces

MOST_FILES = 100
NOTHING = "These files contain no flows."


@dataclass(frozen=True, slots=True)
class ImportedFlow:
    """An imported flow; `fault` is the reason if it was not saved as a draft."""

    flow: Imported
    fault: str = ""

    @property
    def words(self) -> str:
        found = f"{self.flow.mapped} of {plural(self.flow.steps, 'step')}"
        return f"{found}, not saved: {self.fault}" if self.fault else f"{found}, saved as a draft"


def of_rasa(sources: Sequence[str]) -> list[str]:
    """Returns those of these texts that belong to a Rasa assistant; one that can't be parsed is left to its reader."""
    if len(sources) > MOST_FILES:
        raise Invalid(f"Import at most {MOST_FILES} files at once.", field="file")
    return [source for source in sources if offload(_is_rasa, source)]


def _is_rasa(source: str) -> bool:
    try:
        return rasa.is_rasa(source)
    except yaml_text.Unreadable:
        return False


def _read(source: str) -> dict[str, Any]:
    """Parses a text in a thread, as a complex one takes a fifth of a second."""
    return offload_expecting(yaml_text.Unreadable, rasa.value_of, source)


def import_flows(sources: Sequence[str], who: audit.About, *, replaces: Replaces = "nobody's") -> list[ImportedFlow]:
    """Saves each flow in these files as a draft; the files can be flows and their domain."""
    try:
        coming = rasa.imported(sources, read=_read)
        # In a thread, because writing a large flow takes as long as reading it.
        flows = list(iter(lambda: offload(next, coming, None), None))
    except yaml_text.Unreadable as error:
        raise Invalid(f"Line {error.line}: {error}", field="file") from error
    if not flows:
        raise Invalid(NOTHING, field="file")
    return [_saved(flow, who, replaces) for flow in by_turns(flows)]


def _saved(flow: Imported, who: audit.About, replaces: Replaces) -> ImportedFlow:
    try:
        library.save(flow.source, who, replaces=replaces)
    except (Invalid, Conflict) as error:
        return ImportedFlow(flow, error.message)
    return ImportedFlow(flow)
