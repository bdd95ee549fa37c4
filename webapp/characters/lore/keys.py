"""Searches a text for the keys of an entry. Pure."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from webapp.characters.lore.entries import Keys
from webapp.characters.lore.expressions import EXPRESSION, compiled

# In longer texts, the worst expressions take long.
EXPRESSION_CHARS = 4_000


@dataclass(frozen=True, slots=True)
class Text:
    """The text to search, as written and in lower case."""

    written: str
    small: str

    @classmethod
    def of(cls, parts: Iterable[str]) -> "Text":
        written = "\n".join(parts)
        return cls(written, written.lower())


def count(keys: Keys, text: Text, fill: Callable[[str], str], is_late: Callable[[], bool]) -> int:
    """Returns how many keys are found; 0 if the conditions of the entry are not met, or when time is up."""

    def has(key: str) -> bool:
        return not is_late() and found(fill(key) if "{{" in key else key, text, keys)

    first = sum(map(has, keys.first))
    if not first or any(map(has, keys.excluded)) or (keys.additional and not any(map(has, keys.additional))):
        return 0
    others = sum(map(has, keys.others))
    return first + others if _is_met(keys.logic, others, len(keys.others)) else 0


def _is_met(logic: str, there: int, wanted: int) -> bool:
    if not wanted:
        return True
    return {"any": there > 0, "not all": there < wanted, "none": not there, "all": there == wanted}[logic]


def found(key: str, text: Text, keys: Keys) -> bool:
    if expression := EXPRESSION.fullmatch(key):
        pattern = compiled(expression[1], expression[2])
        return bool(pattern and pattern.search(text.written[-EXPRESSION_CHARS:]))
    key, within = (key, text.written) if keys.is_exact else (key.lower(), text.small)
    # A key can be empty after its macros are replaced.
    if not key or not keys.whole_words or len(key.split()) > 1:
        return bool(key) and key in within
    return key in within and bool(re.search(rf"(?<!\w){re.escape(key)}(?!\w)", within))


def is_unusable(key: str) -> bool:
    """Returns whether a key is a regular expression that can't be used."""
    expression = EXPRESSION.fullmatch(key)
    return expression is not None and not compiled(expression[1], expression[2])
