"""The form of a chat's settings."""

import re
from collections.abc import Sequence
from typing import Any

from wtforms import BooleanField, Field, SelectChoice, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.fields.core import UnboundField

from webapp.base.errors import Invalid
from webapp.base.languages import gettext as _
from webapp.characters.lore.tables import Lorebook
from webapp.characters.profiles import TEXT_CHARS
from webapp.characters.tables import Character, Persona
from webapp.chat.record.fields import FIELDS, MEMORY, NOTE, PARAMETERS, PROMPTS, TUNING, ChatField, values_of
from webapp.chat.record.model_choice import supports
from webapp.chat.record.tables import Chat
from webapp.knowledge.tables import Collection
from webapp.models.connections.models import candidates
from webapp.models.presets.queries import KnownPreset
from webapp.models.providers.base import Model
from webapp.settings.kinds import shortest
from webapp.settings.service import setting
from webapp.web.field_groups import FieldGroup
from webapp.web.forms import options
from webapp.web.merging_form import MergingForm
from webapp.web.pick_field import MOST_SHOWN, PickField

TEXT: dict[str, Any] = {"rows": 3, "maxlength": TEXT_CHARS, "dir": "auto"}
FIELDS_BY_NAME = {field.name: field for field in FIELDS}
NUMBERS: dict[type, re.Pattern[str]] = {int: re.compile(r"[0-9]{1,9}"), float: re.compile(r"-?[0-9]{0,3}\.?[0-9]{1,6}")}
OWN = "Leave empty to use the character's own."
WORLDS: dict[str, Any] = {"choices": [], "validate_choice": False, "default": ()}
QUOTED = "Answers can quote these collections, if the person asking can see them."
# What is chosen rather than left at a default.
NEVER_RESET = ("model", "persona", "collections", "lorebooks", "seen")
LORE = "Their entries are sent when their keys come up."
ALONE = "How the model should behave in this chat."
# The fields that most people use are above all groups, unfolded.
INSTRUCTIONS = ("system_prompt", "temperature", "model", "collections")
LOREBOOKS, PERSONA = "Lorebooks", "Persona"
ROLEPLAY, ADVANCED = (NOTE, LOREBOOKS), (PROMPTS, MEMORY, PARAMETERS, TUNING)
BESIDE = {LOREBOOKS: ("lorebooks",), PERSONA: ("persona",), MEMORY: ("is_forgotten",)}
# What a chat without characters shows only if it is set, as imports and programs can do.
OF_CHARACTERS = (PERSONA, *ROLEPLAY)

# What a temperature means in words, from its number on.
CREATIVITY = {"0": "Precise", "0.5": "Careful", "0.8": "Balanced", "1.2": "Creative", "1.6": "Wild"}


class PromptsForm(MergingForm):
    # Each field has an explicit id, because the form is on the same page as the composer.
    model = PickField("Model", id="prompts-model", choices=[], validate_choice=False, default="")

    persona = SelectField("Persona", id="prompts-persona", choices=[], validate_choice=False, default="")

    collections = SelectMultipleField("Knowledge", **WORLDS, id="prompts-collections", description=QUOTED)

    lorebooks = SelectMultipleField("Lorebooks", **WORLDS, id="prompts-lorebooks", description=LORE)

    is_forgotten = BooleanField("Keep this chat out of my conversation memory", id="prompts-forgotten")

    idle: Sequence[str] = ()
    preset: KnownPreset | None = None
    is_remembered = is_played = has_models = False
    usual_temperature = "1"

    @classmethod
    def of(cls, chat: Chat) -> "PromptsForm":
        typed = {name: shortest(value) if isinstance(value, float) else value for name, value in values_of(chat).items()}
        texts = {name: "" if value is None else str(value) for name, value in typed.items()}
        attached = {"collections": chat.collection_ids, "lorebooks": chat.lorebook_ids}
        return cls.fresh(model=chat.model, persona=chat.persona_id or "", is_forgotten=chat.is_forgotten, **attached, **texts)

    def about(
        self,
        character: Character | None,
        personas: Sequence[Persona],
        model: Model,
        collections: Sequence[Collection] = (),
        lorebooks: Sequence[Lorebook] = (),
        *,
        preset: KnownPreset | None = None,
        is_remembered: bool = False,
        is_played: bool = False,
    ) -> "PromptsForm":
        """Fills in the choices of models, personas, collections and lorebooks, and the defaults as placeholders.

        Settings that the model doesn't support are hidden unless they are set.
        """
        self.preset, self.is_remembered, self.is_played = preset, is_remembered, is_played
        self.has_models = self._offer_models(model)
        self.usual_temperature = str(setting("models.temperature")) or "1"
        self.idle = [row.name for row in FIELDS if supports(model, row.ability) is False]
        for row in FIELDS:
            if (able := supports(model, row.ability)) is not True:
                field, names = self[row.name], {"field": self[row.name].label.text, "model": model.name}
                note = (
                    _("%(field)s isn't supported by %(model)s.", **names)
                    if able is False
                    else _("%(field)s may not be supported by %(model)s.", **names)
                )
                field.description = f"{field.description} {note}".strip()
        if not is_played:
            self["system_prompt"].description = _(ALONE)
        self.persona.choices = [
            SelectChoice("", _("None")),
            *(SelectChoice(persona.id, persona.name) for persona in personas),
        ]
        self.collections.choices = [SelectChoice(collection.id, collection.name) for collection in collections]
        self.lorebooks.choices = [SelectChoice(lorebook.id, lorebook.name) for lorebook in lorebooks]
        for field, value, nothing in (
            (self["temperature"], setting("models.temperature"), _("default")),
            (self["max_tokens"], setting("models.max_tokens"), _("no limit")),
        ):
            field.render_kw = {**field.render_kw, "placeholder": nothing if value == "" else str(value)}
        for name, value in (preset.settings if preset else {}).items():
            if not FIELDS_BY_NAME[name].choices:
                self[name].render_kw = {**self[name].render_kw, "placeholder": str(value)[:300]}
        if character:
            for field, text in (
                (self["system_prompt"], character.system_prompt),
                (self["post_prompt"], character.post_history_prompt),
            ):
                field.description = f"{field.description} {_(OWN)}".strip() if text else field.description
                field.render_kw = {**TEXT, "placeholder": text[:300]}
        return self

    @property
    def creativity(self) -> dict[str, str]:
        return {least: _(words) for least, words in CREATIVITY.items()}

    @property
    def default_creativity(self) -> str:
        return _("Default")

    @property
    def creativity_words(self) -> str:
        """The temperature in words; those of the default if there is none, or what was typed is no number."""
        typed = str(self["temperature"].data or "").strip().replace(",", ".")
        if not NUMBERS[float].fullmatch(typed):
            return self.default_creativity
        return [words for least, words in self.creativity.items() if float(least) <= max(0.0, float(typed))][-1]

    @property
    def roleplay_groups(self) -> list[FieldGroup]:
        return self._groups(ROLEPLAY) if self.is_played else []

    @property
    def advanced_groups(self) -> list[FieldGroup]:
        return self._groups(ADVANCED if self.is_played else (*ADVANCED, *OF_CHARACTERS))

    @property
    def has_advanced_error(self) -> bool:
        return any(field.errors for group in self.advanced_groups for field in group.fields)

    @property
    def changed_advanced(self) -> int:
        """The number of advanced settings that differ from their defaults."""
        return sum(self.is_changed(field) for group in self.advanced_groups for field in group.fields)

    def is_changed(self, field: Field) -> bool:
        """Returns whether a field can be reset, as its value isn't its default."""
        return field.name not in NEVER_RESET and bool(field.data) and field.data != field.default

    def reset(self, name: str) -> None:
        """Gives a field its default."""
        if name in self and name not in NEVER_RESET:
            self[name].data = self[name].default

    def _groups(self, titles: Sequence[str]) -> list[FieldGroup]:
        """Returns the groups that have a field."""
        fields_of = {title: [self[name] for name in self._names(title) if self._is_of_use(self[name])] for title in titles}
        return [FieldGroup(_(title), fields) for title, fields in fields_of.items() if fields]

    def _names(self, title: str) -> list[str]:
        names = [*(field.name for field in FIELDS if field.group == title), *BESIDE.get(title, ())]
        return [name for name in names if name not in INSTRUCTIONS]

    def _is_of_use(self, field: Field) -> bool:
        if field.name == "is_forgotten":
            return self.is_remembered
        if not self.is_played and field.name in self._names_of_characters:
            return bool(field.data)
        return bool(field.choices) if isinstance(field, SelectMultipleField) else field.name not in self.idle or bool(field.data)

    @property
    def _names_of_characters(self) -> list[str]:
        return [name for title in OF_CHARACTERS for name in self._names(title)]

    def _offer_models(self, current: Model) -> bool:
        """Fills in the models, with the current one even if it isn't listed; returns whether there are others."""
        listed = any(id == current.id for id, _ in candidates(current.id, MOST_SHOWN))
        self.model.offering(candidates, [] if listed else [(current.id, current.name)])
        return any(choice.value != current.id for choice in self.model.choices)

    @property
    def values(self) -> dict[str, Any]:
        """What was entered in the chat's own fields, checked for its type."""
        return {field.name: self._value(field) for field in FIELDS}

    def value_of(self, name: str) -> dict[str, Any]:
        """Returns the value of this field alone; nothing if it isn't one of the chat's own."""
        return {field.name: self._value(field) for field in FIELDS if field.name == name}

    def _value(self, field: ChatField) -> Any:
        typed = self[field.name].data or ""
        if field.kind is str:
            return typed
        typed = typed.strip().replace(",", ".")
        if typed and not NUMBERS[field.kind].fullmatch(typed):
            raise Invalid(field.refusal, field=field.name)
        return field.kind(typed) if typed else None


def form_field(field: ChatField) -> UnboundField:
    """Returns the form's field for a setting of chats."""
    common = {"id": field.element, "default": "", "description": field.hint}
    if field.choices:
        return SelectField(field.label, **common, choices=options(field.choices), validate_choice=False)
    if field.kind is str:
        return TextAreaField(field.label, **common, render_kw=TEXT)
    mode = "numeric" if field.kind is int else "decimal"
    return StringField(field.label, **common, render_kw={"inputmode": mode, "autocomplete": "off", "maxlength": field.chars})


for field in FIELDS:
    setattr(PromptsForm, field.name, form_field(field))
