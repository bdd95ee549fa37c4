"""Settings as fields of a form."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flask import request

from webapp.accounts.guards import who
from webapp.errors import Invalid
from webapp.settings.catalog import FINER, SECTIONS
from webapp.settings.kinds import Setting, as_text
from webapp.settings.service import ShownSetting, listing, meant, set_settings

# What people write in capitals.
SHORT = {"json", "starttls", "tls"}


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
    def is_wanted(self) -> bool:
        """Whether the address asks for this one, as a result of the search does."""
        return request.args.get("setting") == self.setting.name

    @property
    def is_prominent(self) -> bool:
        """Whether what folds it has to be open."""
        return bool(self.error) or self.is_wanted

    @property
    def choices(self) -> tuple[tuple[str, str], ...]:
        """What can be chosen, with the words for it; empty where something is to be typed."""
        if self.setting.kind == "switch":
            return (("true", "Yes"), ("false", "No"))
        return tuple((each, said(each)) for each in self.setting.choices)

    @property
    def facts(self) -> str:
        """Its bounds and its default, in words; empty where both go without saying."""
        default = as_text(self.setting.default)
        said = f"{self.setting.default:,}" if self.setting.bounds and default else dict(self.choices).get(default, default)
        standard = f"default {said}" if default else ""
        words = " · ".join(filter(None, (self.setting.bounds, standard)))
        return words[:1].upper() + words[1:]


def said(choice: str) -> str:
    """A choice as people write it."""
    return choice.upper() if choice in SHORT else choice.replace("_", " ").capitalize()


class SettingsForm:
    """The settings of one page, by section, as they are or as they were filled in."""

    def __init__(self, page: str) -> None:
        lines = {each.setting.name: each for each in listing()}
        self.sections = {
            title: [SettingField.of(lines[each.name], request.form) for each in section]
            for title, section in SECTIONS.items()
            if section[0].page == page
        }

    @property
    def wrong(self) -> list[SettingField]:
        return [each for each in self._fields() if each.error]

    def save(self) -> str:
        """Stores what was changed, unless something is wrong; gives words for the result."""
        changed = {each.setting.name: each.text for each in self._fields() if each.is_changed}
        set_settings(changed, **who())
        return "Saved." if changed else "No changes."

    def _fields(self) -> Iterable[SettingField]:
        return (each for section in self.sections.values() for each in section)
