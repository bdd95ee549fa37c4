"""Converts the conditions of Rasa's flows to those of workflows. Pure."""

import re
from collections.abc import Collection

from webapp.workflows.definition.conditions import MOST_CHARS, BadCondition, parsed

TEXT = r"\"[^\"]*\"|'[^']*'"
WORDS = re.compile(
    rf"(?P<text>{TEXT})|(?P<more>\bis\s+not\b)|(?P<same>\bis\b|(?<![=!<>])=(?!=))"
    r"|(?P<slot>\bslots\.)|(?P<nothing>\b(?:null|None|undefined)\b)"
)
# Rasa writes `slots.` before each name, so its conditions are longer. The pattern takes quadratic time, so there is a limit.
MOST_WRITTEN = 3 * MOST_CHARS
CONTAINS = re.compile(rf"([A-Za-z_][\w.]*)\s+contains\s+({TEXT}|[\w.]+)")


def translated(written: str, names: Collection[str]) -> str:
    """Returns the same condition for a workflow; raises `BadCondition` if it has no counterpart."""
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
