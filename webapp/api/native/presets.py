"""/api/v1/presets: what chats can choose in place of a model."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask import Blueprint
from pydantic import Field, create_model

from webapp.api.access import caller
from webapp.api.native.things import add_grant_operations, add_trash_operations, seen
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Named
from webapp.base.heavy.turns import by_turns
from webapp.base.inputs import Changes, changes
from webapp.chat.prompt.section_order import whole
from webapp.models.connections.models import the_models
from webapp.models.presets import queries
from webapp.models.presets.choice import choice_of
from webapp.models.presets.tables import Preset
from webapp.web.uploads import sent_file
from webapp.workspace.presets import importing, service
from webapp.workspace.presets.preset_files import MOST_BYTES
from webapp.workspace.presets.service import OF_PRESETS, PresetInput

bp = Blueprint("api_presets", __name__, url_prefix="/api/v1/presets")
INSTEAD = dict.fromkeys(("collection_ids", "tools", "section_order"), "Instead of those before.")
ANSWERED: Any = {
    name: (field.kind if field.kind is str else field.kind | None, Field(description=field.description))
    for name, field in OF_PRESETS.items()
}


class PresetAnswer(create_model("PresetSettings", __base__=Named, **ANSWERED)):  # type: ignore[misc]  # made from the table of fields
    choice: str = Field(description="What chooses it as a `model`: `preset:` and its id.")
    icon: str
    about: str
    model: str = Field(description="Empty for the chat's own.")
    model_name: str = Field(description="The name shown for it.")
    is_available: bool = Field(description="Whether its model can answer.")
    collection_ids: list[str] = Field(description="The collections that answers can quote, as far as the caller sees them.")
    tools: list[str] = Field(description="The keys of its tools, as far as the caller can use them.")
    left_out: int = Field(description="How many of its collections and tools the caller can't use.")
    section_order: list[str] = Field(description="The sections before the history, in their order.")
    is_own: bool
    is_shared: bool = Field(description="Whether others can use it.")
    created_at: datetime
    changed_at: datetime


class PresetList(Answer):
    presets: list[PresetAnswer]


class ImportedPresetAnswer(Named):
    notes: list[str] = Field(description="What of it was left out.")


class FailedPreset(Answer):
    name: str
    reason: str


class ImportedPresets(Answer):
    presets: list[ImportedPresetAnswer]
    failed: list[FailedPreset]


PresetChange = changes("PresetChange", PresetInput, "Null empties a number.", about=INSTEAD)


class NewPreset(PresetInput):
    pass


@bp.get("")
@operation("List the presets you can use, your own first", scope="read", answer=PresetList)
def index() -> PresetList:
    return PresetList(presets=_answers_of(queries.SEEN_PRESETS.all(caller())))


@bp.post("")
@operation("Create a preset", scope="chat", body=NewPreset, answer=PresetAnswer, status=201, errors=(404,))
def create(body: NewPreset) -> PresetAnswer:
    return _one(service.create(body, by=caller()))


@bp.post("/import")
@operation(
    "Import presets from a JSON file: a preset of SillyTavern, or models exported from Open WebUI",
    scope="chat",
    upload_field="file",
    answer=ImportedPresets,
    status=201,
    most_bytes=MOST_BYTES + 64 * 1024,
)
def bring_in() -> ImportedPresets:
    result = importing.import_presets(*sent_file(), by=caller())
    presets = [ImportedPresetAnswer.of(preset, notes=list(preset.notes)) for preset in result.presets]
    return ImportedPresets(presets=presets, failed=[FailedPreset(name=name, reason=reason) for name, reason in result.failed])


@bp.get("/<id>")
@operation("Show a preset", scope="read", answer=PresetAnswer)
def show(id: str) -> PresetAnswer:
    return _one(seen(service.PRESETS, id))


@bp.patch("/<id>")
@operation(
    "Change a preset; its chats answer by it from their next answer on",
    scope="chat",
    body=PresetChange,
    answer=PresetAnswer,
    errors=(409,),
)
def change(id: str, body: Changes) -> PresetAnswer:
    row, sent = seen(service.PRESETS, id), body.model_dump(exclude_unset=True)
    given = {name: value for name, value in sent.items() if value is not None or name in OF_PRESETS}
    service.change(row, PresetInput.entered(PresetInput.present(row) | given), by=caller())
    return _one(seen(service.PRESETS, id))


@bp.post("/<id>/duplicate")
@operation("Make a copy of a preset that is your own", scope="chat", answer=PresetAnswer, status=201, errors=(422,))
def duplicate(id: str) -> PresetAnswer:
    return _one(service.duplicate(seen(service.PRESETS, id), by=caller()))


def _one(row: Preset) -> PresetAnswer:
    return _answers_of([row])[0]


def _answers_of(rows: Sequence[Preset]) -> list[PresetAnswer]:
    me, shared = caller(), queries.SEEN_PRESETS.shared_among([row.id for row in rows if row.owner_id == caller().id])
    usable = service.usable_of(rows, me)
    return [
        PresetAnswer.of(
            row,
            **{name: row.settings.get(name, "" if field.kind is str else None) for name, field in OF_PRESETS.items()},
            choice=choice_of(row.id),
            model_name=the_models().display_name(row.model),
            is_available=not row.model or the_models().is_available(row.model, me.id),
            **usable[row.id],
            left_out=len(row.collection_ids) + len(row.tools) - sum(map(len, usable[row.id].values())),
            section_order=whole(row.section_order),
            is_own=row.owner_id == me.id,
            is_shared=row.owner_id != me.id or row.id in shared,
        )
        for row in by_turns(rows)
    ]


add_trash_operations(
    bp,
    service.PRESETS,
    _one,
    scope="chat",
    deleting="Delete a preset; it can be restored, and until then its chats need another model",
    restoring="Restore a deleted preset",
)
add_grant_operations(
    bp,
    service.PRESETS,
    scope="chat",
    listing="List who can use a preset; for its owner",
    granting="Let someone use a preset, and read all of it",
    revoking="Remove a grant; chats that used the preset need another model",
)
