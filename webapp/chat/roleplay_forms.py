"""The form of what is sent around the messages of a chat."""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from wtforms import SelectChoice, SelectField, StringField, TextAreaField

from webapp.characters.fields import TEXT_CHARS
from webapp.characters.tables import Character, Persona
from webapp.chat.roleplay import NUMBERS, TEXTS, Prompts
from webapp.chat.tables import Chat
from webapp.errors import Invalid
from webapp.settings.catalog import shortest
from webapp.settings.service import setting
from webapp.web.forms import Form

TEXT: dict[str, Any] = {"rows": 3, "maxlength": TEXT_CHARS, "dir": "auto"}
WHOLE, DECIMAL = re.compile(r"[0-9]{1,9}"), re.compile(r"[0-9]{0,3}\.?[0-9]{1,6}")
N = TypeVar("N")
OWN = "Empty: what the character says itself."


class PromptsForm(Form):
    # It shares its page with the composer, so each field has an id of its own.
    persona = SelectField("You are", id="prompts-persona", choices=[], validate_choice=False, default="")
    pre_prompt = TextAreaField("Before everything", id="prompts-pre", default="", render_kw=TEXT)
    system_prompt = TextAreaField("System prompt", id="prompts-system", default="", render_kw=TEXT)
    post_prompt = TextAreaField(
        "After the history",
        id="prompts-post",
        default="",
        description="Stands right before your newest message.",
        render_kw=TEXT,
    )
    history_limit = StringField(
        "History limit",
        id="prompts-history",
        default="",
        description="How many earlier messages are sent. Empty: all of them, as far as the model can take them in.",
        render_kw={"inputmode": "numeric", "autocomplete": "off", "maxlength": 6},
    )
    temperature = StringField(
        "Temperature",
        id="prompts-temperature",
        default="",
        description="How freely the model chooses its words, from 0 to 2.",
        render_kw={"inputmode": "decimal", "autocomplete": "off", "maxlength": 8},
    )
    max_tokens = StringField(
        "Longest answer, in tokens",
        id="prompts-tokens",
        default="",
        description="Where the model is told to end; never beyond what is set for everybody.",
        render_kw={"inputmode": "numeric", "autocomplete": "off", "maxlength": 9},
    )

    @classmethod
    def of(cls, chat: Chat) -> "PromptsForm":
        numbers = {name: "" if (value := getattr(chat, name)) is None else str(shortest(value)) for name in NUMBERS}
        return cls.fresh(persona=chat.persona_id or "", **numbers, **{name: getattr(chat, name) for name in TEXTS})

    def about(self, character: Character | None, personas: Sequence[Persona]) -> "PromptsForm":
        """The form with the personas there are, and with what counts where it says nothing."""
        self.persona.choices = [
            SelectChoice("", "Nobody in particular"),
            *(SelectChoice(each.id, each.name) for each in personas),
        ]
        for field, value, nothing in (
            (self.temperature, setting("models.temperature"), "as the model is made"),
            (self.max_tokens, setting("models.max_tokens"), "where the model likes"),
        ):
            field.render_kw = {**field.render_kw, "placeholder": nothing if value == "" else str(value)}
        if character:
            for field, text in (
                (self.system_prompt, character.system_prompt),
                (self.post_prompt, character.post_history_prompt),
            ):
                field.description = f"{field.description} {OWN}".strip() if text else field.description
                field.render_kw = {**TEXT, "placeholder": text[:300]}
        return self

    @property
    def prompts(self) -> Prompts:
        values: dict[str, Any] = {name: self[name].data or "" for name in TEXTS}
        values |= {name: self._number(name, WHOLE, int) for name in ("history_limit", "max_tokens")}
        return Prompts(**values, temperature=self._number("temperature", DECIMAL, float))

    def _number(self, name: str, form: re.Pattern[str], made: Callable[[str], N]) -> N | None:
        typed = (self[name].data or "").strip().replace(",", ".")
        if typed and not form.fullmatch(typed):
            raise Invalid(NUMBERS[name][2], field=name)
        return made(typed) if typed else None
