"""Completions in the workflow editor; the text can be unfinished or invalid. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from webapp.workflows.definition.parsing import OF_A_STEP
from webapp.workflows.definition.schema import FIELDS, ID, NEXT, PARTS, SLOT_FIELDS, VERBS, Schema
from webapp.workflows.definition.slots import TYPES
from webapp.workflows.definition.texts import OF_A_PERSON

MOST = 8
MOST_CHARS = 64_000
# The end of a line is enough to match the rules.
MOST_OF_A_LINE = 400
BEGUN = re.compile(r"[\w.-]*\Z")
SECTION = re.compile(r"^(\w+):", re.MULTILINE)
SLOT = re.compile(r"^ {1,8}([a-z]\w*):", re.MULTILINE)
VERB = re.compile(rf"^[ -]*({'|'.join(VERBS)}):", re.MULTILINE)
STEP = re.compile(r"\b(?:id|collect): *([a-z][\w-]*)")
Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Completion:
    """A suggested word and its description; `rest` is what follows the part already typed."""

    word: str
    rest: str
    about: str


@dataclass(frozen=True, slots=True)
class Rule:
    """Suggests `words` where the line before the cursor matches `line` in section `part`; `behind` is appended to each word.

    `words` is called with the whole text and with the text above the cursor's line.
    """

    line: re.Pattern[str]
    words: Callable[[str, str], Words]
    part: str = ""
    behind: str = ""


def _described(*schemas: Mapping[str, Schema]) -> Words:
    return {name: str(about.get("description", "")) for schema in schemas for name, about in schema.items()}


def _slots(source: str, _above: str = "") -> Words:
    """Returns the slots that the text defines so far."""
    _, _, rest = source.partition("\nslots:")
    part = rest[: found.start()] if (found := SECTION.search(rest)) else rest
    return dict.fromkeys(SLOT.findall(part), "A slot.")


def _steps(source: str, _above: str) -> Words:
    return dict.fromkeys(STEP.findall(source), "A step.")


def _values(source: str, _above: str) -> Words:
    return {**_slots(source), **dict.fromkeys(OF_A_PERSON, "Of who runs it.")}


def _in_step(above: str) -> Words:
    """Returns the other keys of a step by its verb, or the verbs if it has none yet."""
    step = above[above.rfind("\n  - ") :]
    if not (verb := VERB.search(step)):
        return _described(VERBS)
    return _described({name: FIELDS[name] for name in OF_A_STEP[verb[1]]}, {"id": ID, "next": NEXT["anyOf"][0]})


RULES = (
    Rule(re.compile(r"\{\{\s*\Z"), _values, behind="}}"),
    Rule(re.compile(r"\bcollect:\s*\Z"), _slots, "steps"),
    Rule(re.compile(r"\b(?:go|next):\s*\Z"), _steps, "steps"),
    Rule(re.compile(r"\bif:\s*\Z|\bif:[^}]*\b(?:and|or|not)\s+\Z"), _slots, "steps"),
    Rule(re.compile(r"\btype:\s*\Z"), lambda *_: dict.fromkeys(TYPES, "A type of answer."), "slots"),
    Rule(re.compile(r"^\Z"), lambda *_: _described(PARTS), behind=": "),
    Rule(re.compile(r"^\s*-\s+\Z"), lambda *_: _described({"id": ID}, VERBS), "steps", ": "),
    Rule(re.compile(r"^\s+\Z"), lambda _, above: _in_step(above), "steps", ": "),
    Rule(re.compile(r"^\s{3,}\Z|[{,]\s*\Z"), lambda *_: _described(SLOT_FIELDS), "slots", ": "),
)


def completions(source: str, at: int) -> list[Completion]:
    """Returns the first few completions at this position."""
    source = source[:MOST_CHARS]
    above, _, line = source[: max(0, at)].rpartition("\n")
    line = line[-MOST_OF_A_LINE:]
    found = BEGUN.search(line)
    begun = found[0] if found else ""
    return list(_fitting(source, above, line.removesuffix(begun), begun))[:MOST]


def _fitting(source: str, above: str, ahead: str, begun: str) -> Iterator[Completion]:
    part = (SECTION.findall(above) or [""])[-1]
    for rule in RULES:
        if rule.part in ("", part) and rule.line.search(ahead):
            for word, about in rule.words(source, above).items():
                if word.startswith(begun) and word != begun:
                    yield Completion(word, word[len(begun) :] + rule.behind, about)
            return
