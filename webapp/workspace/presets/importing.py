"""Imports presets from files of other programs, and says what of them can't be taken over."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from webapp.base.errors import Invalid
from webapp.base.heavy import child
from webapp.base.heavy.turns import by_turns
from webapp.knowledge import queries as knowledge_queries
from webapp.models.connections.models import the_models
from webapp.people.accounts.tables import User
from webapp.tools.named import named_tools
from webapp.workspace.presets import preset_files, service
from webapp.workspace.presets.service import OF_PRESETS, PresetInput


@dataclass(frozen=True, slots=True)
class ImportedPreset:
    """A preset that was made, with what of its file was left out."""

    id: str
    name: str
    notes: tuple[str, ...]


@dataclass
class PresetImportResult:
    """What an import made, and the names of those that failed, each with the reason."""

    presets: list[ImportedPreset] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


def import_presets(name: str, stream: IO[bytes], *, by: User) -> PresetImportResult:
    """Makes a preset from each one in the file; those without a name are called like the file."""
    values: list[dict[str, Any]] = child.read_one(preset_files.__name__, stream)["presets"]
    result, otherwise = PresetImportResult(), preset_files.named_by_file(name)
    for described in by_turns(values):
        named = described["name"] or otherwise
        notes = list(described.pop("notes"))
        try:
            entered = _fitting(described | {"name": named}, by, notes)
            result.presets.append(ImportedPreset(service.create(entered, by=by).id, named, tuple(notes)))
        except Invalid as refusal:
            result.failed.append((named, refusal.message))
    return result


def _fitting(values: dict[str, Any], by: User, notes: list[str]) -> PresetInput:
    """Returns the input, without what is not here or not allowed; each is noted."""
    values["model"] = _model(values.get("model", ""), by, notes)
    usable = named_tools(by, values.get("tools", []))
    values["tools"] = usable.keys
    values["collection_ids"] = list(_collections(values.pop("knowledge", []), by, notes))
    if usable.others:
        notes.append(f"You have no tools called {', '.join(usable.others[:8])[:200]}.")
    while True:
        try:
            entered: PresetInput = PresetInput.entered(values)
        except Invalid as refusal:
            if refusal.field not in OF_PRESETS:
                raise
            del values[refusal.field]
            notes.append(f"{OF_PRESETS[refusal.field].label} was left out. {refusal.message}")
        else:
            return entered


def _model(wanted: str, by: User, notes: list[str]) -> str:
    """Returns the model here that a file means: the same id, or the only one that ends with it."""
    if not wanted:
        return ""
    offered = [model.id for model in the_models().offered(by.id)]
    ending = [id for id in offered if id.endswith((f"/{wanted}", f":{wanted}"))]
    if wanted in offered or len(ending) == 1:
        return wanted if wanted in offered else ending[0]
    notes.append(f"There is no model {wanted[:80]} here, so the chat's own model answers. You can choose another one.")
    return ""


def _collections(names: list[str], by: User, notes: list[str]) -> Iterator[str]:
    ids = {collection.name: collection.id for collection in knowledge_queries.to_choose(by)} if names else {}
    yield from (ids[name] for name in dict.fromkeys(names) if name in ids)
    if missing := [name for name in dict.fromkeys(names) if name not in ids]:
        notes.append(f"You have no collections called {', '.join(missing[:8])[:300]}.")
