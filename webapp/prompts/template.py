"""Sections of text with variables such as `{{name}}`, and form fields for these; values are never parsed for variables. Pure."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

VARIABLE = re.compile(r"\{\{ {0,4}([A-Za-z][A-Za-z0-9_]{0,39}) {0,4}(?:: {0,4}([^{}\n]{1,200}))?\}\}", re.ASCII)
# As in workflows, whose variables have parts; in a prompt nothing would fill it in.
DOTTED = re.compile(r"\{\{ {0,4}([A-Za-z]\w{0,39}(?:\.\w{1,40}){1,4}) {0,4}(?::[^{}\n]{0,200})?\}\}", re.ASCII)

# The limit on what repeated values add: without one, a short text could become arbitrarily long.
MOST_REPEATED_CHARS = 500_000
QUESTIONS = tuple(f"{word} " for word in ("What", "Who", "Whose", "Which", "When", "Where", "Why", "How"))
KINDS = ("text", "long", "number", "date")
MOST_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class PromptPart:
    """A section of a prompt: its title and its text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class TemplatePiece:
    """A piece of a text for display; `variable` is its name if it is a variable."""

    text: str
    variable: str = ""


class Unfilled(Exception):
    """A prompt can't be sent; the message is the reason, and `missing` names the variables without a value."""

    def __init__(self, words: str, missing: Sequence[str] = ()) -> None:
        super().__init__(words)
        self.missing = tuple(missing)


class FilledTooLong(Unfilled):
    """The filled-in text would be far longer than the template and its values together."""

    def __init__(self) -> None:
        super().__init__("it becomes too long, as it repeats long values")


def variables_in(parts: Sequence[PromptPart]) -> list[str]:
    """Returns the distinct variables, in the order of the text."""
    return list(dict.fromkeys(match[1] for part in parts for match in VARIABLE.finditer(part.text)))


def dotted_in(parts: Sequence[PromptPart]) -> list[str]:
    """Returns the distinct names with dots that are written like variables."""
    return list(dict.fromkeys(match[1] for part in parts for match in DOTTED.finditer(part.text)))


def count_places(parts: Sequence[PromptPart]) -> int:
    """Returns how often variables occur."""
    return sum(1 for part in parts for _ in VARIABLE.finditer(part.text))


def filled(parts: Sequence[PromptPart], values: Mapping[str, str]) -> list[PromptPart]:
    """Fills in the sections, leaving out those whose variables are all empty; raises `Unfilled`."""
    _check_length(parts, values)
    if missing := [name for name in variables_in(parts) if name not in values]:
        raise Unfilled(f"unknown: {', '.join(missing)}", missing)
    filled_parts = [PromptPart(part.name, _filled(part.text, values)) for part in parts if _says_something(part, values)]
    if not any(part.text.strip() for part in filled_parts):
        raise Unfilled("nothing is left of it")
    return filled_parts


def partly_filled(parts: Sequence[PromptPart], values: Mapping[str, str]) -> tuple[list[PromptPart], list[str]]:
    """Fills in the known values, for a preview; returns the sections and the variables without a value.

    Raises `FilledTooLong`.
    """
    _check_length(parts, values)
    missing = [name for name in variables_in(parts) if name not in values]
    return [PromptPart(part.name, _filled(part.text, values)) for part in parts], missing


def pieces(text: str) -> list[TemplatePiece]:
    """Splits the text at its variables."""
    parts, at = [], 0
    for match in VARIABLE.finditer(text):
        parts += [TemplatePiece(text[at : match.start()]), TemplatePiece(match[0], match[1])]
        at = match.end()
    return [piece for piece in (*parts, TemplatePiece(text[at:])) if piece.text]


def _check_length(parts: Sequence[PromptPart], values: Mapping[str, str]) -> None:
    times = Counter(match[1] for part in parts for match in VARIABLE.finditer(part.text))
    if sum((count - 1) * len(values.get(name, "")) for name, count in times.items()) > MOST_REPEATED_CHARS:
        raise FilledTooLong


def _says_something(part: PromptPart, values: Mapping[str, str]) -> bool:
    names = variables_in([part])
    return not names or any(values[name].strip() for name in names)


def _filled(text: str, values: Mapping[str, str]) -> str:
    return VARIABLE.sub(lambda match: values.get(match[1], match[0]), text)


@dataclass(frozen=True, slots=True)
class PromptField:
    """A field for a variable: `{{tone: calm|brief}}` is a choice, `{{day: date}}` a date; without a type it is a line of text."""

    name: str
    kind: str = "text"
    choices: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        words = self.name.replace("_", " ").capitalize()
        return f"{words}?" if words.startswith(QUESTIONS) else words

    def objection(self, value: str) -> str:
        """Returns an error message for an invalid value, else an empty text; an empty value is valid."""
        if len(value) > MOST_CHARS:
            return f"That is too long. The limit is {MOST_CHARS:,} characters."
        if self.choices and value not in ("", *self.choices):
            return "Choose one from the list."
        if value and self.kind in CHECKS and not CHECKS[self.kind](value):
            return "Enter a number." if self.kind == "number" else "Enter a date, such as 2026-11-21."
        return ""


def fields_of(parts: Sequence[PromptPart]) -> list[PromptField]:
    """Returns a field for each variable, in the order of the text; the first type declared for a variable applies."""
    fields: dict[str, str] = {}
    for part in parts:
        for match in VARIABLE.finditer(part.text):
            fields[match[1]] = fields.get(match[1]) or (match[2] or "").strip()
    return [_field(name, type) for name, type in fields.items()]


def objections(fields: Sequence[PromptField], values: Mapping[str, str]) -> dict[str, str]:
    """Returns error messages for invalid values, by field name."""
    objections = {field.name: field.objection(values.get(field.name, "")) for field in fields}
    return {name: words for name, words in objections.items() if words}


def _field(name: str, type: str) -> PromptField:
    if "|" in type:
        choices = dict.fromkeys(choice.strip() for choice in type.split("|"))
        return PromptField(name, "choice", tuple(choice for choice in choices if choice))
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
