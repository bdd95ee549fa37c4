"""Operations on presets: create, change and copy."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Annotated, Any

from pydantic import Field, StringConstraints, create_model

from webapp.base.db import utc_now, write
from webapp.base.errors import Invalid
from webapp.base.inputs import AnyId, Input, LongText, Name, OneLine, Refusal, checked_by
from webapp.base.words import copied
from webapp.chat.prompt.section_order import MOVABLE, USUAL, whole
from webapp.chat.record.fields import FIELDS, PARAMETERS, TUNING, ChatField
from webapp.knowledge import queries as knowledge_queries, service as knowledge_service
from webapp.models.connections.models import the_models
from webapp.models.presets import queries
from webapp.models.presets.tables import Preset
from webapp.people.accounts.tables import User
from webapp.people.things.thing import COPY_IT, READ, Thing, check_again
from webapp.tools.named import ToolKeys, checked_keys, named_tools

ABOUT_CHARS, ICON_CHARS = 300, 20
# The fields of a chat that a preset has too.
TEXTS = ("pre_prompt", "system_prompt", "post_prompt")
OF_PRESETS = {field.name: field for field in FIELDS if field.name in TEXTS or field.group in (PARAMETERS, TUNING)}
Icon = Annotated[
    str,
    StringConstraints(max_length=ICON_CHARS),
    OneLine("Enter one emoji or up to two letters.", ICON_CHARS),
]
About = Annotated[
    str,
    StringConstraints(max_length=ABOUT_CHARS),
    OneLine(f"Enter one line of up to {ABOUT_CHARS} characters.", ABOUT_CHARS),
]
ModelName = Annotated[str, StringConstraints(max_length=200), OneLine("That isn't the name of a model.", 200)]


def _checked_icon(icon: str) -> str:
    # An emoji of several joined ones is more than two characters, but no letter.
    if len(icon) > 2 and any(sign.isalnum() for sign in icon):
        raise Invalid("Enter one emoji or up to two letters.", field="icon")
    return icon


def _checked_order(order: Sequence[str]) -> list[str]:
    """Returns the whole order; an empty list for the usual one."""
    if strange := [name for name in order if name not in MOVABLE]:
        raise Invalid(f"There is no section {strange[0][:40]} that can be moved.", field="section_order")
    return [] if (names := whole(order)) == list(USUAL) else names


def _checked_text(field: ChatField, text: str) -> str:
    if (field.choices and text not in field.choices) or (
        field.lines and len(list(filter(str.strip, text.split("\n")))) > field.lines
    ):
        raise Invalid(field.refusal, field=field.name)
    return text


def _declared(field: ChatField) -> Any:
    """Returns the type of a setting, and its default: empty for what the chat or its model has."""
    if field.kind is str:
        return Annotated[LongText, checked_by(partial(_checked_text, field))], Field("", description=field.description)
    bounded: Any = Annotated[field.kind, Field(ge=field.least, le=field.most), Refusal(field.refusal)]
    return bounded | None, Field(None, description=field.description)


SETTINGS: Any = {name: _declared(field) for name, field in OF_PRESETS.items()}


class PresetInput(create_model("PresetSettings", __base__=Input, **SETTINGS)):  # type: ignore[misc]  # made from the table of fields
    """What is entered for a preset."""

    name: Name
    icon: Annotated[Icon, checked_by(_checked_icon)] = Field("", description="An emoji or up to two letters.")
    about: About = Field("", description="What it is for, in a sentence.")
    model: ModelName = Field("", description="The id of a model from `GET /api/v1/models`; empty for the chat's own.")
    collection_ids: Annotated[
        list[AnyId], Field(max_length=knowledge_service.MOST_COLLECTIONS), Refusal(knowledge_service.TOO_MANY)
    ] = Field(default_factory=list, description="Collections that answers can quote, as far as the person asking sees them.")
    tools: ToolKeys = Field(
        default_factory=list, description="Keys of tools that are on, as far as the person asking can use them."
    )
    section_order: Annotated[list[str], Field(max_length=2 * len(MOVABLE)), checked_by(_checked_order)] = Field(
        default_factory=list,
        description=f"The sections before the history, in another order than {', '.join(f'`{name}`' for name in USUAL)}.",
    )

    @classmethod
    def present(cls, row: Preset) -> dict[str, Any]:
        """Returns what a preset has now, by the names of the input."""
        names = ("name", "icon", "about", "model", "collection_ids", "tools", "section_order")
        return {**{name: getattr(row, name) for name in names}, **row.settings}


def create(entered: PresetInput, *, by: User) -> Preset:
    """Creates a preset that this person owns."""
    owner_id, values = by.id, _checked(entered, by)
    PRESETS.count_new(owner_id)
    with write() as session:
        row = Preset(owner_id=owner_id, **values)
        session.add(row)
    return row


def change(row: Preset, entered: PresetInput, *, by: User) -> None:
    """Replaces all of a preset; chats that use it answer by it from their next answer on."""
    PRESETS.refuse_unless_owner(row, by)
    id, values = row.id, _checked(entered, by, row)
    with write() as session:
        now = PRESETS.existing(session, id)
        for name, value in values.items():
            setattr(now, name, value)
        now.changed_at = utc_now()
    queries.forget()


def duplicate(row: Preset, *, by: User) -> Preset:
    """Creates a copy that this person owns, without the collections and tools that they can't use."""
    values = PresetInput.present(row)
    values |= {"name": copied(row.name), **usable_of([row], by)[row.id]}
    return create(PresetInput.entered(values), by=by)


def usable_of(presets: Sequence[Preset], user: User) -> dict[str, dict[str, list[str]]]:
    """Returns, by preset id, the collections and tools that this person can use."""
    ids, keys = ({one for row in presets for one in getattr(row, name)} for name in ("collection_ids", "tools"))
    seen = {collection.id for collection in knowledge_queries.collections_among(user, sorted(ids))} if ids else set()
    able = set(named_tools(user, sorted(keys)).keys)
    return {
        row.id: {
            "collection_ids": [id for id in row.collection_ids if id in seen],
            "tools": [key for key in row.tools if key in able],
        }
        for row in presets
    }


def _checked(entered: PresetInput, by: User, row: Preset | None = None) -> dict[str, Any]:
    """Returns the columns; a model, collections and tools that are there already may be out of this person's reach."""
    model = entered.model
    if model and model != (row.model if row else "") and not the_models().is_choosable(model, by.id):
        raise Invalid(f"There is no model named {model[:80]} here. Choose another one.", field="model")
    settings = {name: value for name in OF_PRESETS if (value := getattr(entered, name)) not in (None, "")}
    return {
        **entered.model_dump(include={"name", "icon", "about", "model", "section_order"}),
        "settings": settings,
        "collection_ids": knowledge_service.attachable(entered.collection_ids, row.collection_ids if row else (), by),
        "tools": checked_keys(by, entered.tools, row.tools if row else ()),
    }


def _announce(id: str, people_ids: Iterable[str]) -> None:
    queries.forget()
    check_again(id, people_ids)


# Those it is shared with can read all of it. When it is deleted or taken back, their chats need another model.
PRESETS = Thing(
    kind=queries.KIND,
    table=Preset,
    word="preset",
    most_own=200,
    seen=queries.SEEN_PRESETS.one,
    instead=COPY_IT,
    rights={READ: "can use it"},
    announce=_announce,
    heirs_name="presets",
)
