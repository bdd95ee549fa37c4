"""Conditions of Rasa's flows in our own words. Pure."""

import re
from collections.abc import Collection

from webapp.workflows.conditions import parsed

TEXT = r"\"[^\"]*\"|'[^']*'"
WORDS = re.compile(
    rf"(?P<text>{TEXT})|(?P<more>\bis\s+not\b)|(?P<same>\bis\b|(?<![=!<>])=(?!=))"
    r"|(?P<slot>\bslots\.)|(?P<nothing>\b(?:null|None|undefined)\b)"
)
CONTAINS = re.compile(rf"([A-Za-z_][\w.]*)\s+contains\s+({TEXT}|[\w.]+)")


def translated(written: str, names: Collection[str]) -> str:
    """The same condition as ours; raises `BadCondition` for what has no counterpart."""
    text = WORDS.sub(_word, CONTAINS.sub(r"\2 in \1", written))
    parsed(text, names)
    return text


def slots_in(written: str) -> set[str]:
    return set(re.findall(r"\bslots\.([A-Za-z_]\w*)", written))


def _word(found: re.Match[str]) -> str:
    kind = found.lastgroup
    return {"more": "!=", "same": "==", "slot": "", "nothing": "none"}.get(kind or "", found.group())
