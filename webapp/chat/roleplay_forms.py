"""The form of what is sent around the messages of a chat."""

from collections.abc import Sequence
from typing import Any

from wtforms import SelectChoice, SelectField, StringField, TextAreaField

from webapp.characters.fields import TEXT_CHARS
from webapp.characters.tables import Character, Persona
from webapp.chat.roleplay import MOST_HISTORY, Prompts
from webapp.chat.tables import Chat
from webapp.errors import Invalid
from webapp.web.forms import Form

TEXT: dict[str, Any] = {"rows": 3, "maxlength": TEXT_CHARS, "dir": "auto"}
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

    @classmethod
    def of(cls, chat: Chat) -> "PromptsForm":
        limit = "" if chat.history_limit is None else str(chat.history_limit)
        names = ("pre_prompt", "system_prompt", "post_prompt")
        texts = {name: getattr(chat, name) for name in names}
        return cls.fresh(persona=chat.persona_id or "", history_limit=limit, **texts)

    def about(self, character: Character | None, personas: Sequence[Persona]) -> "PromptsForm":
        """The form with the personas there are, and with what counts where it says nothing."""
        self.persona.choices = [
            SelectChoice("", "Nobody in particular"),
            *(SelectChoice(each.id, each.name) for each in personas),
        ]
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
        texts = {name: self[name].data or "" for name in ("pre_prompt", "system_prompt", "post_prompt")}
        return Prompts(**texts, history_limit=self._limit())

    def _limit(self) -> int | None:
        typed = (self.history_limit.data or "").strip()
        if typed and not (typed.isascii() and typed.isdigit() and len(typed) < 10):
            raise Invalid(f"A number from 0 to {MOST_HISTORY}, or nothing for the whole history.", field="history_limit")
        return int(typed) if typed else None
