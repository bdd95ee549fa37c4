"""The JSON Schema of a definition, and completions from it for the editor; `parsing` checks everything else. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from webapp.workflows.definition import parsing
from webapp.workflows.definition.slots import OF_A_PERSON, TYPES

Schema = dict[str, Any]
NAME, SLUG = f"^{parsing.NAME.pattern}$", f"^{parsing.SLUG.pattern}$"


def _text(about: str, most: int = parsing.MOST_TEXT, *, is_needed: bool = False) -> Schema:
    return {
        "description": about,
        "type": "string" if is_needed else ["string", "null"],
        "minLength": int(is_needed),
        "maxLength": most,
    }


def _number(about: str, least: float | None = None, most: float | None = None) -> Schema:
    bounds = {name: edge for name, edge in (("minimum", least), ("maximum", most)) if edge is not None}
    return {"description": about, "type": ["number", "null"], **bounds}


def _flag(about: str) -> Schema:
    return {"description": about, "type": ["boolean", "null"]}


def _ways(about: str) -> Schema:
    way = {"type": "object", "properties": {"if": {"description": "Compares answers."}, "go": {"type": "string"}}}
    ways = {"type": "array", "items": {**way, "required": ["go"], "additionalProperties": False}, "minItems": 1}
    return {"description": about, "anyOf": [{"type": "string"}, {**ways, "maxItems": parsing.MOST_OPTIONS}]}


COLLECTIONS = {
    "description": "Names of collections that are searched.",
    "type": ["array", "null"],
    "items": {"type": "string", "minLength": 1, "maxLength": 200},
    "minItems": 1,
    "maxItems": parsing.MOST_COLLECTIONS,
}
HAND_OVER = {
    "type": "object",
    "properties": {"say": _text("What is said."), "hand_over": _text("A group of people.", 100, is_needed=True)},
    "required": ["hand_over"],
    "additionalProperties": False,
}
TOOL = {"type": "string", "pattern": r"^\S+$", "maxLength": parsing.MOST_KEY}
VERBS: dict[str, Schema] = {
    "say": _text("Says it.", is_needed=True),
    "collect": {"description": "Asks for this slot.", "type": "string"},
    "chat": _text("Has a model speak: its task.", is_needed=True),
    "generate": {"description": "Has a plan of this type written.", "type": "string", "pattern": "^[a-z][a-z0-9_-]{1,39}$"},
    "tool": {"description": "Calls this tool.", **TOOL},
    "set": {"description": "Fills slots without asking; null empties one.", "type": "object", "minProperties": 1},
    "branch": _ways("Continues with another step."),
    "end": {"description": "Says it and ends.", "anyOf": [_text("What is said."), HAND_OVER]},
}
FIELDS: dict[str, Schema] = {
    "guidelines": _text("How the model answers."),
    "max_sentences": _number("The most sentences of an answer (2).", 1, 50),
    "max_tokens": _number("The most tokens of an answer.", 1, 100_000),
    "turns": _number("How often the person can reply (0).", 0, 20),
    "knowledge": COLLECTIONS,
    "retrieve": _flag("Whether documents are searched (true)."),
    "personalize": _flag("Whether the model gets the person's custom instructions and persona (true)."),
    "with": {
        "description": "Values for the plan's fields.",
        "type": ["object", "null"],
        "maxProperties": parsing.MOST_INPUTS,
    },
    "tools": {
        "description": "The tools that the model can call; “chat” means those of the chat.",
        "anyOf": [
            {"const": "chat"},
            {
                "type": ["array", "null"],
                "items": TOOL,
                "maxItems": parsing.MOST_TOOLS,
            },
        ],
    },
    "arguments": {
        "description": "What the tool is called with; {slot: name} is the value of a slot.",
        "type": ["object", "null"],
        "maxProperties": parsing.MOST_INPUTS,
    },
    "into": {"description": "The slot that the result goes to.", "type": ["string", "null"]},
    "on_failure": {"anyOf": [_ways("The next step, if the tool fails."), {"type": "null"}]},
}
ID = {"description": "The name of the step.", "type": "string", "pattern": NAME}
NEXT = {"anyOf": [_ways("The next step, if it isn't the next in the list."), {"type": "null"}]}
SLOT_FIELDS: dict[str, Schema] = {
    "type": {"description": "What fits (text).", "enum": list(TYPES)},
    "ask": _text("The question.", 1_000),
    "options": {
        "description": "The options of a choice or multi slot.",
        "type": ["array", "null"],
        "items": {"type": ["string", "number"]},
        "minItems": 2,
        "maxItems": parsing.MOST_OPTIONS,
    },
    "min": _number("The least number, or the shortest text."),
    "max": _number("The greatest number, or the longest text."),
    "optional": _flag("Whether it can be skipped (false)."),
    "example": {"description": "Shown when an answer doesn't fit."},
}


def _step(verb: str) -> Schema:
    fields = {name: FIELDS[name] for name in parsing.OF_A_STEP[verb]}
    more = {} if verb in ("branch", "end") else {"next": NEXT}
    return {
        "type": "object",
        "properties": {"id": ID, verb: VERBS[verb], **fields, **more},
        "required": [verb],
        "additionalProperties": False,
    }


A_SLOT, A_STEP, A_TYPE, OF_THE_PERSON = OF_WORDS = ("A slot.", "A step.", "A type of answer.", "Of who runs it.")
PARTS: dict[str, Schema] = {
    "workflow": {"description": "Its short name, as in weekly-checkin.", "type": "string", "pattern": SLUG},
    "title": _text("What people read.", 80, is_needed=True),
    "about": _text("What it is for.", 300),
    "minutes": _number("About how long it takes.", 0, 600),
    "model": _text("The model that answers, if people can use it; otherwise their own.", 200),
    "knowledge": COLLECTIONS,
    "slots": {
        "description": "What is asked, by name.",
        "type": ["object", "null"],
        "propertyNames": {"pattern": NAME},
        "additionalProperties": {"type": "object", "properties": SLOT_FIELDS, "additionalProperties": False},
        "maxProperties": parsing.MOST_SLOTS,
    },
    "steps": {
        "description": "What happens, in order.",
        "type": "array",
        "items": {"oneOf": [_step(verb) for verb in parsing.OF_A_STEP]},
        "minItems": 1,
        "maxItems": parsing.MOST_STEPS,
    },
}
SCHEMA: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A workflow of Millrace",
    "type": "object",
    "properties": {name: PARTS[name] for name in parsing.KNOWN},
    "required": ["workflow", "title", "steps"],
    "additionalProperties": False,
}


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
class WordCompletion:
    """A suggested word and its description; `rest` is what follows the part already typed."""

    word: str
    rest: str
    about: str


@dataclass(frozen=True, slots=True)
class SuggestionRule:
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
    part = rest[: match.start()] if (match := SECTION.search(rest)) else rest
    return dict.fromkeys(SLOT.findall(part), A_SLOT)


def _steps(source: str, _above: str) -> Words:
    return dict.fromkeys(STEP.findall(source), A_STEP)


def _values(source: str, _above: str) -> Words:
    return {**_slots(source), **dict.fromkeys(OF_A_PERSON, OF_THE_PERSON)}


def _in_step(above: str) -> Words:
    """Returns the other keys of a step by its verb, or the verbs if it has none yet."""
    step = above[above.rfind("\n  - ") :]
    if not (verb := VERB.search(step)):
        return _described(VERBS)
    return _described({name: FIELDS[name] for name in parsing.OF_A_STEP[verb[1]]}, {"id": ID, "next": NEXT["anyOf"][0]})


RULES = (
    SuggestionRule(re.compile(r"\{\{\s*\Z"), _values, behind="}}"),
    SuggestionRule(re.compile(r"\b(?:collect|into|slot):\s*\Z"), _slots, "steps"),
    SuggestionRule(re.compile(r"\b(?:go|next|on_failure):\s*\Z"), _steps, "steps"),
    SuggestionRule(re.compile(r"\bif:\s*\Z|\bif:[^}]*\b(?:and|or|not)\s+\Z"), _slots, "steps"),
    SuggestionRule(re.compile(r"\btype:\s*\Z"), lambda *_: dict.fromkeys(TYPES, A_TYPE), "slots"),
    SuggestionRule(re.compile(r"^\Z"), lambda *_: _described(PARTS), behind=": "),
    SuggestionRule(re.compile(r"^\s*-\s+\Z"), lambda *_: _described({"id": ID}, VERBS), "steps", ": "),
    SuggestionRule(re.compile(r"^\s+\Z"), lambda _, above: _in_step(above), "steps", ": "),
    SuggestionRule(re.compile(r"^\s{3,}\Z|[{,]\s*\Z"), lambda *_: _described(SLOT_FIELDS), "slots", ": "),
)


# The sentences about all of these, which pages look up when they show them.
DESCRIPTIONS = [*_described(PARTS, VERBS, FIELDS, SLOT_FIELDS, {"id": ID, "next": NEXT["anyOf"][0]}).values(), *OF_WORDS]


def completions(source: str, at: int) -> list[WordCompletion]:
    """Returns the first few completions at this position."""
    source = source[:MOST_CHARS]
    above, _, line = source[: max(0, at)].rpartition("\n")
    line = line[-MOST_OF_A_LINE:]
    match = BEGUN.search(line)
    prefix = match[0] if match else ""
    return list(_fitting(source, above, line.removesuffix(prefix), prefix))[:MOST]


def _fitting(source: str, above: str, ahead: str, prefix: str) -> Iterator[WordCompletion]:
    part = (SECTION.findall(above) or [""])[-1]
    for rule in RULES:
        if rule.part in ("", part) and rule.line.search(ahead):
            for word, about in rule.words(source, above).items():
                if word.startswith(prefix) and word != prefix:
                    yield WordCompletion(word, word[len(prefix) :] + rule.behind, about)
            return
