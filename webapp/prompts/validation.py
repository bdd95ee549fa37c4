"""Validates the key and the versions of a prompt."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from webapp.base.errors import Invalid
from webapp.base.words import number
from webapp.people.accounts.fields import checked_text
from webapp.prompts.built_in import BuiltIn
from webapp.prompts.template import Part, count_places, dotted_in, variables_in

KEY = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*", re.ASCII)
KEY_CHARS, NAME_CHARS, ABOUT_CHARS, NOTE_CHARS = 80, 80, 300, 500
MOST_PARTS, MOST_CHARS = 20, 60_000
MOST_VARIABLES = 30
# Pages render each use of a variable as a separate element.
MOST_PLACES = 1_000
MOST_TOKENS = 1_000_000


@dataclass(frozen=True, slots=True)
class VersionInput:
    """The fields entered for a version."""

    parts: Sequence[Part]
    model: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    note: str = ""


def checked_key(typed: str) -> str:
    key = typed.strip().removeprefix("/")
    if not KEY.fullmatch(key) or len(key) > KEY_CHARS:
        raise Invalid(
            "Use lowercase letters and digits, with single hyphens, underscores or dots between them, up to 80 in all.",
            field="key",
        )
    return key


def checked_about(typed: str) -> str:
    return _line(typed, "about", ABOUT_CHARS)


def checked(entered: VersionInput, built_in: BuiltIn | None) -> VersionInput:
    """Returns the version validated and normalized for storage."""
    parts = [_part(part) for part in entered.parts if part.text.strip()]
    if not parts:
        raise Invalid("Write at least one section.", field="text")
    if len(parts) > MOST_PARTS:
        raise Invalid(f"Use at most {MOST_PARTS} sections.", field="text")
    if sum(len(part.text) for part in parts) > MOST_CHARS:
        raise Invalid(f"That is too long. The limit is {number(MOST_CHARS)} characters.", field="text")
    _check_variables(parts, built_in)
    _check_numbers(entered)
    note, model = checked_text(entered.note, "note", most=NOTE_CHARS), _line(entered.model, "model", 200)
    return VersionInput(parts, model, entered.temperature, entered.max_tokens, _plain(note, "note"))


def _part(part: Part) -> Part:
    name = _line(part.name, "name", NAME_CHARS) or "Prompt"
    return Part(name, _plain(checked_text(part.text, "text", most=MOST_CHARS), "text"))


def _check_variables(parts: Sequence[Part], built_in: BuiltIn | None) -> None:
    if dotted := dotted_in(parts):
        better = dotted[0].replace(".", "_")[:40]
        raise Invalid(f"Variables can't have dots. Write {{{{{better}}}}} instead of {{{{{dotted[0]}}}}}.", field="text")
    used = variables_in(parts)
    if len(used) > MOST_VARIABLES:
        raise Invalid(f"Use at most {MOST_VARIABLES} variables.", field="text")
    if count_places(parts) > MOST_PLACES:
        raise Invalid(f"Use variables in at most {number(MOST_PLACES)} places.", field="text")
    if built_in is None:
        return
    if unknown := [name for name in used if name not in built_in.variables]:
        names = ", ".join(built_in.variables) or "none"
        raise Invalid(f"Unknown variables: {', '.join(unknown)}. This prompt has: {names}.", field="text")
    if missing := [name for name in built_in.needs if name not in used]:
        raise Invalid(f"This prompt must contain {', '.join('{{' + name + '}}' for name in missing)}.", field="text")


def _check_numbers(entered: VersionInput) -> None:
    # The comparison also refuses NaN, which is not between any two numbers.
    if entered.temperature is not None and not 0 <= entered.temperature <= 2:
        raise Invalid("Temperature must be between 0 and 2.", field="temperature")
    if entered.max_tokens is not None and not 1 <= entered.max_tokens <= MOST_TOKENS:
        raise Invalid(f"Max tokens must be between 1 and {number(MOST_TOKENS)}.", field="max_tokens")


def _line(typed: str, field: str, most: int) -> str:
    return _plain(" ".join(checked_text(typed, field, most=most).split()), field)


def _plain(text: str, field: str) -> str:
    if any(unicodedata.category(sign) == "Cc" and sign not in "\n\t" for sign in text):
        raise Invalid("Remove the control characters from this text.", field=field)
    return text
