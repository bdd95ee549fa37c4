"""Parses untrusted YAML: checks its size before parsing, rejects aliases and tags, and records source positions. Pure."""

from itertools import accumulate
from typing import Any

from webapp.base.yaml_document import Path, UnreadableYaml, YamlDocument, YamlSpan

__all__ = [
    "MOST_CHARS",
    "MOST_MARKS",
    "MOST_OPEN",
    "Path",
    "UnreadableYaml",
    "YamlDocument",
    "YamlSpan",
    "brackets",
    "marks",
    "read",
    "written",
]

MOST_CHARS = 60_000
# Characters from which YAML creates values. Each costs parsing time.
MARKS = "[{,:-?!\n"
MOST_MARKS = 6_000
# The parsing time of a bracket grows with the number of open ones.
MOST_OPEN = 60
DEEPER = {"[": 1, "{": 1, "]": -1, "}": -1}


def read(source: str, what: str, *, is_new: bool = False) -> YamlDocument:
    """Parses the text; raises `UnreadableYaml`. `what` is the word for it in errors.

    In a new text, no name can be given twice; texts that were stored before may do so, and the last one counts.
    """
    if len(source) > MOST_CHARS:
        raise UnreadableYaml(f"That is too long. The limit is {MOST_CHARS:,} characters.")
    if marks(source) > MOST_MARKS:
        raise UnreadableYaml(f"That has too many parts for a {what}.")
    if brackets(source)[0] > MOST_OPEN:
        raise UnreadableYaml("That has too many brackets within each other.")
    # Imported late, so that a server that reads no YAML doesn't load it.
    from webapp.base.yaml_loading import loaded

    document = loaded(source)
    for name, line, column in document.repeated if is_new else ():
        raise UnreadableYaml(f"“{name[:40]}” is given twice, and only the last counts.", line, column, hint="Remove one of them.")
    return document


def marks(text: str) -> int:
    """Returns how many characters of a text can create values."""
    return sum(map(text.count, MARKS))


def brackets(text: str) -> tuple[int, int]:
    """Returns how many brackets are open at most, and how many are at the end."""
    deepest = opened = 0
    for opened in accumulate(DEEPER.get(char, 0) for char in text):
        deepest = max(deepest, opened)
    return deepest, opened


def written(value: Any) -> str:
    """Formats a value as YAML, keeping the order of its keys."""
    # Imported late for the same reason.
    import yaml

    return str(yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=120))
