"""The forms of presets."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Self

from wtforms import FileField, SelectChoice, SelectMultipleField, StringField

from webapp.base.languages import gettext as _
from webapp.chat.prompt.section_order import MOVABLE, USUAL, whole
from webapp.chat.record.fields import PARAMETERS, TUNING
from webapp.knowledge.tables import Collection
from webapp.models.connections.models import candidates, the_models
from webapp.models.presets.tables import Preset
from webapp.tools.tool import Tool
from webapp.web.field_groups import FieldGroup
from webapp.web.forms import Form, InputForm
from webapp.web.merging_form import MergingForm
from webapp.web.pick_field import MOST_SHOWN, PickField
from webapp.web.sorting import is_sorting, submitted_order
from webapp.workspace.presets.service import OF_PRESETS, TEXTS, PresetInput
from webapp.workspace.roleplay.forms import form_field

ORDER = "section_order"
SYSTEM_PROMPT = "How the model should behave. Instructions of a chat or character replace these."


class PresetForm(InputForm[PresetInput], MergingForm):
    takes = PresetInput
    renamed = {"collection_ids": "collections"}
    name = StringField("Name", render_kw={"autocomplete": "off", "dir": "auto"})
    icon = StringField(
        "Icon",
        description="An emoji or up to two letters. Without one, the first letter of the name is shown.",
        render_kw={"autocomplete": "off", "size": 4},
    )
    about = StringField(
        "What it's for",
        description="One sentence for people choosing a preset.",
        render_kw={"dir": "auto"},
    )
    model = PickField("Model", choices=[], validate_choice=False, default="")
    collections = SelectMultipleField(
        "Knowledge",
        choices=[],
        validate_choice=False,
        default=(),
        description="Answers can quote these collections, if the person asking can see them.",
    )
    tools = SelectMultipleField(
        "Tools",
        choices=[],
        validate_choice=False,
        default=(),
        description="Turned on where the preset is used, if the person asking can use them.",
    )
    order: Sequence[str] = ()

    @classmethod
    def for_preset(cls, row: Preset | None) -> Self:
        """Returns the form of a preset, or of a new one."""
        if row is None:
            form = cls.fresh()
            form.order = whole(())
            return form
        settings = {name: row.settings.get(name, "") for name in OF_PRESETS}
        fields = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in settings.items()}
        form = cls.from_row(row, **fields)
        form.order = whole(row.section_order)
        return form

    @classmethod
    def sent(cls) -> Self:
        form = cls.opened()
        form.order = whole(submitted_order(ORDER))
        return form

    @property
    def is_sorting(self) -> bool:
        """Whether a button only moved a section, and nothing is to be stored yet."""
        return is_sorting(ORDER)

    def among(self, person: str, collections: Sequence[Collection], tools: Sequence[Tool]) -> Self:
        """Returns the form with what the person can choose, and the current model even if it isn't listed."""
        self.collections.choices = [SelectChoice(collection.id, collection.name) for collection in collections]
        self.tools.choices = [SelectChoice(tool.key, tool.words) for tool in tools]
        find, current = partial(candidates, person=person), self.model.data or ""
        is_listed = any(id == current for id, _ in find(current, MOST_SHOWN))
        unlisted = [(current, the_models().display_name(current))] if current and not is_listed else []
        self.model.offering(find, [("", _("The chat's own")), *unlisted])
        self["system_prompt"].description = _(SYSTEM_PROMPT)
        return self

    @property
    def has_own_order(self) -> bool:
        return tuple(self.order) != USUAL

    @property
    def sections(self) -> list[tuple[str, str]]:
        """The sections that can be moved, in their order: each with its title."""
        return [(name, _(MOVABLE[name][0])) for name in self.order]

    @property
    def groups(self) -> list[FieldGroup]:
        knows = [self.collections] if self.collections.choices else []
        can = [self.tools] if self.tools.choices else []
        return [
            *(FieldGroup(fields[0].label.text, fields, is_quiet=True) for fields in (knows, can) if fields),
            FieldGroup(
                _("Parameters"), [self[name] for name, field in OF_PRESETS.items() if field.group in (PARAMETERS, TUNING)]
            ),
            FieldGroup(_("More prompts"), [self[name] for name in TEXTS if name != "system_prompt"], is_quiet=True),
        ]

    @property
    def values(self) -> dict[str, Any]:
        numbers = (name for name, field in OF_PRESETS.items() if field.kind is not str)
        values = super().values | {"model": self.model.chosen, ORDER: list(self.order)}
        return values | {name: values[name].replace(",", ".") for name in numbers if values.get(name)}


class PresetFileForm(Form):
    file = FileField(
        "File",
        description="A preset from SillyTavern, or models exported from Open WebUI, as JSON.",
    )


for field in OF_PRESETS.values():
    setattr(PresetForm, field.name, form_field(field))
