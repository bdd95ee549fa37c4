"""Sections of text with variables like `{{name}}`, filled in once: what is filled in is never read for variables. Pure."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

VARIABLE = re.compile(r"\{\{ {0,4}([A-Za-z][A-Za-z0-9_]{0,39}) {0,4}(?:: {0,4}([^{}\n]{1,200}))?\}\}", re.ASCII)

# What may be added by values that stand in a text more than once: a short text could become endless.
MOST_REPEATED_CHARS = 500_000


@dataclass(frozen=True, slots=True)
class Part:
    """One section of a prompt: what a person calls it, and its text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text as it is shown; `variable` is the name of the one that it is."""

    text: str
    variable: str = ""


class Unfilled(Exception):
    """A prompt that can't be sent, in words; `missing` are the variables that nothing was given for."""

    def __init__(self, words: str, missing: Sequence[str] = ()) -> None:
        super().__init__(words)
        self.missing = tuple(missing)


class TooLong(Unfilled):
    """What comes of it would be far longer than all that it is made from."""

    def __init__(self) -> None:
        super().__init__("it becomes too long, as it repeats long values")


def variables_in(parts: Sequence[Part]) -> list[str]:
    """Each variable once, in the order of the text."""
    return list(dict.fromkeys(found[1] for part in parts for found in VARIABLE.finditer(part.text)))


def count_places(parts: Sequence[Part]) -> int:
    """In how many places variables stand."""
    return sum(1 for part in parts for _ in VARIABLE.finditer(part.text))


def filled(parts: Sequence[Part], values: Mapping[str, str]) -> list[Part]:
    """The sections with their values, without those whose variables are all empty; raises `Unfilled`."""
    _check_length(parts, values)
    if missing := [name for name in variables_in(parts) if name not in values]:
        raise Unfilled(f"unknown: {', '.join(missing)}", missing)
    said = [Part(part.name, _filled(part.text, values)) for part in parts if _says_something(part, values)]
    if not any(part.text.strip() for part in said):
        raise Unfilled("nothing is left of it")
    return said


def partly_filled(parts: Sequence[Part], values: Mapping[str, str]) -> tuple[list[Part], list[str]]:
    """The sections with the values there are, for a preview, and the variables that have none; raises `TooLong`."""
    _check_length(parts, values)
    missing = [name for name in variables_in(parts) if name not in values]
    return [Part(part.name, _filled(part.text, values)) for part in parts], missing


def pieces(text: str) -> list[Piece]:
    """The text cut at its variables."""
    found, at = [], 0
    for each in VARIABLE.finditer(text):
        found += [Piece(text[at : each.start()]), Piece(each[0], each[1])]
        at = each.end()
    return [piece for piece in (*found, Piece(text[at:])) if piece.text]


def _check_length(parts: Sequence[Part], values: Mapping[str, str]) -> None:
    times = Counter(found[1] for part in parts for found in VARIABLE.finditer(part.text))
    if sum((count - 1) * len(values.get(name, "")) for name, count in times.items()) > MOST_REPEATED_CHARS:
        raise TooLong


def _says_something(part: Part, values: Mapping[str, str]) -> bool:
    names = variables_in([part])
    return not names or any(values[name].strip() for name in names)


def _filled(text: str, values: Mapping[str, str]) -> str:
    return VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)
