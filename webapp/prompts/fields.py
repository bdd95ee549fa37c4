"""Form fields for the variables of a prompt, with the types that its text declares. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from webapp.prompts.template import VARIABLE, Part

KINDS = ("text", "long", "number", "date")
MOST_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class PromptField:
    """A field for a variable: `{{tone: calm|brief}}` is a choice, `{{day: date}}` a date; without a type it is a line of text."""

    name: str
    kind: str = "text"
    choices: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.name.replace("_", " ").capitalize()

    def objection(self, value: str) -> str:
        """Returns an error message for an invalid value, else an empty text; an empty value is valid."""
        if len(value) > MOST_CHARS:
            return f"That is too long. The limit is {MOST_CHARS:,} characters."
        if self.choices and value not in ("", *self.choices):
            return "Choose one from the list."
        if value and self.kind in CHECKS and not CHECKS[self.kind](value):
            return "Enter a number." if self.kind == "number" else "Enter a date, such as 2026-11-21."
        return ""


def fields_of(parts: Sequence[Part]) -> list[PromptField]:
    """Returns a field for each variable, in the order of the text; the first type declared for a variable applies."""
    found: dict[str, str] = {}
    for part in parts:
        for each in VARIABLE.finditer(part.text):
            found[each[1]] = found.get(each[1]) or (each[2] or "").strip()
    return [_field(name, type) for name, type in found.items()]


def objections(fields: Sequence[PromptField], values: Mapping[str, str]) -> dict[str, str]:
    """Returns error messages for invalid values, by field name."""
    objections = {each.name: each.objection(values.get(each.name, "")) for each in fields}
    return {name: words for name, words in objections.items() if words}


def _field(name: str, type: str) -> PromptField:
    if "|" in type:
        choices = dict.fromkeys(each.strip() for each in type.split("|"))
        return PromptField(name, "choice", tuple(each for each in choices if each))
    return PromptField(name, type.lower() if type.lower() in KINDS else "text")


def _is_number(value: str) -> bool:
    digits = value.strip().replace(",", ".").removeprefix("-").replace(".", "", 1)
    return digits.isascii() and digits.isdecimal()


def _is_date(value: str) -> bool:
    try:
        return bool(date.fromisoformat(value))
    except ValueError:
        return False


CHECKS = {"number": _is_number, "date": _is_date}
