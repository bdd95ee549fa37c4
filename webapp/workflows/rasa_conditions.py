"""Conditions of Rasa's flows in our own words. Pure."""

import re
from collections.abc import Collection

from webapp.workflows.conditions import MOST_CHARS, BadCondition, parsed

TEXT = r"\"[^\"]*\"|'[^']*'"
WORDS = re.compile(
    rf"(?P<text>{TEXT})|(?P<more>\bis\s+not\b)|(?P<same>\bis\b|(?<![=!<>])=(?!=))"
    r"|(?P<slot>\bslots\.)|(?P<nothing>\b(?:null|None|undefined)\b)"
)
# With "slots." before each name, as theirs are written. To look through a longer one takes the square of its length.
MOST_WRITTEN = 3 * MOST_CHARS
CONTAINS = re.compile(rf"([A-Za-z_][\w.]*)\s+contains\s+({TEXT}|[\w.]+)")


def translated(written: str, names: Collection[str]) -> str:
    """The same condition as ours; raises `BadCondition` for what has no counterpart."""
    if len(written) > MOST_WRITTEN:
        raise BadCondition("This condition is too long.")
    text = WORDS.sub(_word, CONTAINS.sub(r"\2 in \1", written))
    parsed(text, names)
    return text


def slots_in(written: str) -> set[str]:
    return set(re.findall(r"\bslots\.([A-Za-z_]\w*)", written))


def _word(found: re.Match[str]) -> str:
    kind = found.lastgroup
    return {"more": "!=", "same": "==", "slot": "", "nothing": "none"}.get(kind or "", found.group())
