"""The forms for connections, models, settings and what a person prefers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wtforms import PasswordField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice

from webapp.errors import Invalid
from webapp.settings.catalog import FINER, Setting
from webapp.settings.connections import Wish
from webapp.settings.kinds import KINDS
from webapp.settings.live import LiveConnection
from webapp.settings.preferences import MOST_CHARS, THEMES
from webapp.settings.service import ShownSetting, meant
from webapp.web.forms import Form

PLAIN: dict[str, Any] = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}
WITH_PREFIX = "With the prefix of its paths, such as http://192.168.1.20:8000/v1. Empty: where that kind usually is."
CONTINUATIONS = {
    "instruct": "Ask it to go on (fits every model)",
    "prefill": "Give it its own beginning",
    "prefix": "Give it its own beginning, marked as a prefix",
}


def options(words: Mapping[str, str]) -> list[SelectChoice]:
    """What a select offers, by value."""
    return [SelectChoice(value, label) for value, label in words.items()]


class ConnectionForm(Form):
    name = StringField("Name", default="", render_kw={"required": True, "maxlength": 80, **PLAIN})
    base_url = StringField("Address", default="", description=WITH_PREFIX, render_kw={"maxlength": 300, **PLAIN})
    key = PasswordField("Key", default="", render_kw={"autocomplete": "new-password", "maxlength": 600})
    default_model = StringField("Default model", default="", render_kw={"list": "models", "maxlength": 150, **PLAIN})
    continuation = SelectField("To continue an answer", choices=options(CONTINUATIONS), default="instruct", validate_choice=False)

    @property
    def wish(self) -> Wish:
        names = ("name", "base_url", "key", "default_model", "continuation")
        return Wish(**{name: self[name].data or "" for name in names})

    def about(self, live: LiveConnection, model_line: str) -> "ConnectionForm":
        """The form with what a connection is now, and with words that fit it."""
        if not self.is_submitted():
            self.name.data, self.base_url.data = live.name, live.base_url
            self.default_model.data, self.continuation.data = live.own_model, live.continuation
        if live.key.source != "none":
            self.key.label.text = "New key"
            ending = f" (ends in {live.key.last_four})" if live.key.last_four else ""
            self.key.description = f"Leave empty to keep the present one{ending}."
        self.base_url.description = "Another address asks for the key again."
        self.default_model.description = model_line or "The model that its chats begin with."
        self.default_model.render_kw = {**self.default_model.render_kw, "placeholder": live.default_model or live.starting_model}
        return self


class NewConnectionForm(ConnectionForm):
    kind = SelectField(
        "It understands",
        choices=options({name: kind.title for name, kind in KINDS.items() if name != "openrouter"}),
        default="openai",
        validate_choice=False,
    )


class ModelsForm(Form):
    default = StringField("Default model", default="", render_kw={"list": "models", "maxlength": 200, **PLAIN})
    fallbacks = TextAreaField(
        "When a model fails",
        default="",
        description="One per line, asked one after the other before the first word of an answer. The chat says so.",
        render_kw={"rows": 3, **PLAIN},
    )


class PreferencesForm(Form):
    theme = SelectField("Theme", choices=options(THEMES), validate_choice=False)
    default_model = SelectField("Model of a new chat", validate_choice=False)
    instructions = TextAreaField(
        "Standing instructions",
        default="",
        description=f"Told to the model before each of your chats, up to {MOST_CHARS:,} characters: who you are, how to answer.",
        render_kw={"rows": 6, "dir": "auto"},
    )


@dataclass(frozen=True)
class SettingField:
    """A setting in a form, with the words that were typed and what is wrong with them."""

    shown: ShownSetting
    text: str
    error: str = ""

    @classmethod
    def of(cls, shown: ShownSetting, typed: Mapping[str, str]) -> "SettingField":
        """The field as it stands, or as it was filled in."""
        name = shown.setting.name
        if typed.get(name, shown.text).strip() == shown.text:
            return cls(shown, shown.text)
        try:
            meant(name, typed[name])
        except Invalid as error:
            words = error.message.removeprefix(f"{name} is ")
            return cls(shown, typed[name], words[:1].upper() + words[1:])
        return cls(shown, typed[name])

    @property
    def setting(self) -> Setting:
        return self.shown.setting

    @property
    def is_finer(self) -> bool:
        return self.setting.name in FINER

    @property
    def is_changed(self) -> bool:
        return self.text.strip() != self.shown.text

    @property
    def choices(self) -> tuple[tuple[str, str], ...]:
        """What may be chosen, with the words for it; empty where something is to be typed."""
        if self.setting.kind == "switch":
            return (("true", "Yes"), ("false", "No"))
        return tuple((each, each.replace("_", " ").capitalize()) for each in self.setting.choices)

    @property
    def facts(self) -> str:
        """Its bounds and its default, in words; empty where both go without saying."""
        default = self.setting.show(self.setting.default)
        standard = f"default {dict(self.choices).get(default, default)}" if default else ""
        words = " · ".join(filter(None, (self.setting.bounds, standard)))
        return words[:1].upper() + words[1:]
