"""Settings as fields of a form."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flask import request

from webapp.base import languages
from webapp.base.audit import AuditAuthor
from webapp.base.errors import Invalid
from webapp.base.languages import gettext as _
from webapp.base.words import without_commas
from webapp.settings.catalog import LANGUAGE, SECTIONS
from webapp.settings.kinds import Setting, Value, as_text
from webapp.settings.losses import Loss, losses, unconfirmed
from webapp.settings.service import ShownSetting, all_settings, choices_of, parsed_value, set_settings, unstored_value
from webapp.web.filters import number
from webapp.web.sorting import is_sorting, submitted_order

# Settings that are rarely changed; pages collapse them.
FINER = {setting.name for setting in SECTIONS["Streaming"][1:]} | {
    "limits.sse_per_chat",
    "limits.sse_per_user",
    "limits.message_chars",
    "limits.answer_chars",
    "limits.connections_per_address",
    "limits.queue_seconds",
    "limits.gateway_per_minute",
    "limits.gateway_at_once",
    "limits.gateway_streams",
    "limits.made_per_minute",
    "limits.made_burst",
    "context.fold_at",
    "context.unknown_tokens",
    "memory.fact_tokens",
    "models.reasoning_tags",
    "models.temperature",
    "models.max_tokens",
    "knowledge.nearness",
    "knowledge.meaning_weight",
    "knowledge.vector_megabytes",
}


@dataclass(frozen=True)
class SettingField:
    """A setting in a form, with the entered text and its error."""

    shown: ShownSetting
    text: str
    error: str = ""

    @classmethod
    def of(cls, shown_setting: ShownSetting, typed: Mapping[str, str]) -> "SettingField":
        """Returns the field with its present value, or as it was submitted."""
        name = shown_setting.setting.name
        if name not in typed or typed[name].strip() == shown_setting.text:
            return cls(shown_setting, shown_setting.text)
        try:
            parsed_value(name, typed[name])
        except Invalid as error:
            words = error.message.removeprefix(f"{name} is ")
            return cls(shown_setting, typed[name], words[:1].upper() + words[1:])
        return cls(shown_setting, typed[name])

    @property
    def setting(self) -> Setting:
        return self.shown.setting

    @property
    def items(self) -> tuple[str, ...]:
        """The entries of a list."""
        return tuple(filter(None, re.split(r"[,\s]+", self.text)))

    @property
    def is_finer(self) -> bool:
        return self.setting.name in FINER

    @property
    def is_changed(self) -> bool:
        return self.text.strip() != self.shown.text

    @property
    def reset_words(self) -> str:
        """The label of the button that removes the stored value; empty if there is none."""
        if self.shown.source != "stored":
            return ""
        operators = unstored_value(self.setting)
        is_servers, value = operators.source == "environment", self._value_text(operators.value)
        if not value:
            return _("Reset to the server’s default") if is_servers else _("Reset to default")
        return _("Reset to the server’s %(value)s", value=value) if is_servers else _("Reset to %(value)s", value=value)

    @property
    def is_wanted(self) -> bool:
        """Whether the query string names this setting, as a search result does."""
        return request.args.get("setting") == self.setting.name

    @property
    def is_prominent(self) -> bool:
        """Whether the collapsed part that contains it must be open."""
        return bool(self.error) or self.is_wanted

    @property
    def choices(self) -> tuple[tuple[str, str], ...]:
        """The choices with their labels; empty for a text field."""
        return choices_of(self.setting)

    @property
    def facts(self) -> str:
        """Its bounds and its default as text; empty if neither needs a mention."""
        bounds, default = self._bounds, self._value_text(self.setting.default)
        if not default:
            return bounds
        if not bounds:
            return _("Default: %(value)s", value=default)
        return _("%(bounds)s · default: %(value)s", bounds=bounds, value=default)

    @property
    def _bounds(self) -> str:
        if not self.setting.bounds:
            return ""
        bounds = {"least": number(self.setting.least), "most": number(self.setting.most)}
        if self.setting.default == "":
            return _("%(least)s to %(most)s, or empty", **bounds)
        return _("%(least)s to %(most)s", **bounds)

    def _value_text(self, value: Value) -> str:
        text = as_text(value)
        return number(value) if isinstance(value, int | float) and self.setting.bounds else dict(self.choices).get(text, text)


def _is_of_use(setting: Setting) -> bool:
    """Returns whether there is something to choose."""
    return setting.name != LANGUAGE or len(languages.codes()) > 1


def typed_numbers(names: Iterable[str]) -> dict[str, int | None]:
    """Returns the numbers that were typed to confirm what changes of these settings delete."""
    return {name: int(text) for name in names if (text := without_commas(request.form.get(f"confirm-{name}", ""))).isdecimal()}


def _typed(section: Iterable[Setting]) -> dict[str, str]:
    """Returns the submitted texts; a list can be several fields of the same name, or one with several lines."""
    lists = {setting.name for setting in section if setting.kind == "list"} & request.form.keys()
    return request.form.to_dict() | {name: ", ".join(submitted_order(name)) for name in lists}


class SettingsForm:
    """The settings of one page, by section, with their present or submitted values."""

    def __init__(self, page: str) -> None:
        lines = {setting.setting.name: setting for setting in all_settings()}
        self.sections = {
            title: [SettingField.of(lines[setting.name], _typed(section)) for setting in section if _is_of_use(setting)]
            for title, section in SECTIONS.items()
            if section[0].page == page
        }

    @property
    def wrong(self) -> list[SettingField]:
        return [field for field in self._fields() if field.error]

    @property
    def is_sorting(self) -> bool:
        """Whether a button only moved something, and nothing is to be stored yet."""
        return any(is_sorting(field.setting.name) for field in self._fields())

    @property
    def to_confirm(self) -> list[Loss]:
        """What the changes would delete, unless its number was typed below: it is shown first."""
        values = {name: parsed_value(name, text) for name, text in self._changed.items()}
        return unconfirmed(losses(values), typed_numbers(values))

    def save(self, *, author: AuditAuthor) -> str:
        """Stores what was changed, unless there are errors; returns a message."""
        set_settings(self._changed, author=author, confirmed=typed_numbers(self._changed))
        return _("Saved.") if self._changed else _("No changes.")

    @property
    def _changed(self) -> dict[str, str]:
        return {field.setting.name: field.text for field in self._fields() if field.is_changed}

    def _fields(self) -> Iterable[SettingField]:
        return (field for section in self.sections.values() for field in section)
