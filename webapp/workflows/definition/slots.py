"""Answers: parsed by the rules of their slots, shown as text, and filled into the texts of a definition. Pure."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

# Of a text that a tool returned, more is kept if its slot says so.
MOST_CHARS, MOST_RESULT_CHARS = 4_000, 16_000
# A file's answer is the id and name of its document; only code that has stored the file produces it.
FILE = re.compile(r"([0-9a-z]{26}) ([^\n]{1,200})")
NUMBER = re.compile(r"[+-]?\d{1,15}(?:[.,]\d{1,10})?")
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)+")
DAY = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})")
# Invisible, and of no use in a text: only line ends and tabs stay.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
YES, NO = {"yes", "y", "true", "sure", "ok"}, {"no", "n", "false"}
PLACEHOLDER = re.compile(r"\{\{\s*([a-z][a-z0-9_.]{0,80})\s*\}\}")
OF_A_PERSON = ("user.first_name", "user.name")
# A text can repeat one answer hundreds of times.
MOST_FILLED_CHARS = 20_000


class UnfitAnswer(ValueError):
    """Raised for an invalid answer; the message states what is expected."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A value that a workflow asks for; `least` and `most` limit a number, or the length of a text."""

    name: str
    type: str
    ask: str
    options: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    is_optional: bool = False
    example: str = ""

    def value(self, text: str) -> Any:
        """Returns the parsed answer; raises `UnfitAnswer`."""
        text = CONTROL.sub("", text).strip()
        if not text:
            raise UnfitAnswer("Please answer, or skip this question." if self.is_optional else "Please answer.")
        return TYPES[self.type](self, text)

    def result(self, text: str) -> Any:
        """Returns what a tool returned as a value of this slot: a text as far as it fits, else what the text or JSON says.

        Raises `UnfitAnswer`.
        """
        if self.type == "text":
            return CONTROL.sub("", text).strip()[: int(min(self.most or MOST_CHARS, MOST_RESULT_CHARS))]
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = text
        return self.value(text_of(value) if isinstance(value, str | int | float | list) else text)

    @property
    def sample(self) -> str:
        """Returns an example of a valid answer."""
        return self.example or (self.options[0] if self.options else SAMPLES.get(self.type, "")) or _number(self.least or 1)


def text_of(value: Any) -> str:
    """Converts an answer from the API to the text that a person would type."""
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return f"{value['document_id']} {value['name']}" if isinstance(value, dict) else shown(value)


def _text(slot: Slot, text: str) -> str:
    most = int(min(slot.most or MOST_CHARS, MOST_CHARS))
    if len(text) > most:
        raise UnfitAnswer(f"That is too long. The limit is {most} characters.")
    if len(text) < (slot.least or 0):
        raise UnfitAnswer(f"Please write at least {_number(slot.least or 0)} characters.")
    return text


def _amount(slot: Slot, text: str) -> int | float:
    if not NUMBER.fullmatch(text):
        raise UnfitAnswer("Please answer with a number.")
    number = float(text.replace(",", "."))
    if slot.least is not None and number < slot.least:
        raise UnfitAnswer(f"Please answer with a number of at least {_number(slot.least)}.")
    if slot.most is not None and number > slot.most:
        raise UnfitAnswer(f"Please answer with a number of at most {_number(slot.most)}.")
    return int(number) if number.is_integer() else number


def _date(_slot: Slot, text: str) -> str:
    if match := DAY.fullmatch(text):
        day, month, year = map(int, match.groups())
        text = f"{year:04}-{month:02}-{day:02}"
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise UnfitAnswer("Please answer with a date such as 2026-03-31.") from error


def _choice(slot: Slot, text: str) -> str:
    if text.isascii() and text.isdigit() and text not in slot.options and 0 < int(text[:4]) <= len(slot.options):
        return slot.options[int(text[:4]) - 1]
    if not (option := _option(slot, text)):
        raise UnfitAnswer(f"Please choose one of: {', '.join(slot.options)}.")
    return option


def _option(slot: Slot, text: str) -> str:
    """Returns the option with this name, in whatever case; empty if there is none."""
    return next((option for option in slot.options if option.casefold() == text.casefold()), "")


def _several(slot: Slot, text: str) -> list[str]:
    # An option can contain a comma itself.
    separator = r"\n" if "\n" in text or _option(slot, text) else "[,;]"
    parts = [part for part in map(str.strip, re.split(separator, text)) if part]
    chosen = {_choice(slot, part) for part in parts[: len(slot.options) * 2]}
    if not chosen:
        raise UnfitAnswer(f"Please choose from: {', '.join(slot.options)}.")
    return [option for option in slot.options if option in chosen]


def yes_or_no(text: str) -> bool | None:
    """Returns True for a yes, False for a no, and None for anything else."""
    word = text.strip().casefold().rstrip(".!")
    return word in YES if word in YES | NO else None


def _yes_or_no(_slot: Slot, text: str) -> bool:
    if (answer := yes_or_no(text)) is None:
        raise UnfitAnswer("Please answer yes or no.")
    return answer


def _email(_slot: Slot, text: str) -> str:
    if len(text) > 254 or not EMAIL.fullmatch(text):
        raise UnfitAnswer("Please answer with an email address.")
    return text


def _file(_slot: Slot, text: str) -> dict[str, str]:
    if not (match := FILE.fullmatch(text)):
        raise UnfitAnswer("Please upload a file.")
    return {"document_id": match[1], "name": match[2]}


def _number(value: float) -> str:
    return f"{value:g}"


TYPES: dict[str, Callable[[Slot, str], Any]] = {
    "text": _text,
    "number": _amount,
    "date": _date,
    "choice": _choice,
    "multi": _several,
    "yes/no": _yes_or_no,
    "email": _email,
    "file": _file,
}
SAMPLES = {"text": "a few words", "date": "2026-03-31", "yes/no": "yes", "email": "name@example.org", "file": "a PDF, or a text"}


def names_in(text: str) -> Iterator[str]:
    """Yields the names of a text's placeholders."""
    return (match.group(1) for match in PLACEHOLDER.finditer(text))


def is_sound(text: str) -> bool:
    """Returns whether every `{{` begins a valid placeholder."""
    return "{{" not in PLACEHOLDER.sub("", text)


def filled(text: str, values: Mapping[str, Any]) -> str:
    """Fills the placeholders of a text; one without a value becomes empty, and a result that is too long is cut."""
    whole = PLACEHOLDER.sub(lambda match: shown(values.get(match.group(1))), text)
    return whole if len(whole) <= MOST_FILLED_CHARS else f"{whole[:MOST_FILLED_CHARS]}…"


def shown(value: Any) -> str:
    """Returns a value as readable text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    # A file is shown by its name.
    return str(value["name"]) if isinstance(value, dict) else str(value)
