"""The JSON Schema of a definition, for editors that complete and validate with one; `reading` checks everything else. Pure."""

from typing import Any

from webapp.workflows.definition import parsing
from webapp.workflows.definition.parsing import (
    KNOWN,
    MOST_COLLECTIONS,
    MOST_INPUTS,
    MOST_OPTIONS,
    MOST_SLOTS,
    MOST_STEPS,
    MOST_TEXT,
    OF_A_STEP,
)
from webapp.workflows.definition.slots import TYPES

Schema = dict[str, Any]
NAME, SLUG = f"^{parsing.NAME.pattern}$", f"^{parsing.SLUG.pattern}$"


def _text(about: str, most: int = MOST_TEXT, *, is_needed: bool = False) -> Schema:
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
    return {"description": about, "anyOf": [{"type": "string"}, {**ways, "maxItems": MOST_OPTIONS}]}


COLLECTIONS = {
    "description": "Names of collections that are searched.",
    "type": ["array", "null"],
    "items": {"type": "string", "minLength": 1, "maxLength": 200},
    "minItems": 1,
    "maxItems": MOST_COLLECTIONS,
}
HAND_OVER = {
    "type": "object",
    "properties": {"say": _text("What is said."), "hand_over": _text("A group of people.", 100, is_needed=True)},
    "required": ["hand_over"],
    "additionalProperties": False,
}
VERBS: dict[str, Schema] = {
    "say": _text("Says it.", is_needed=True),
    "collect": {"description": "Asks for this slot.", "type": "string"},
    "chat": _text("Has a model speak: its task.", is_needed=True),
    "generate": {"description": "Has a plan of this type written.", "type": "string", "pattern": "^[a-z][a-z0-9_-]{1,39}$"},
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
    "personalize": _flag("Whether the model is told what the person says of themselves (true)."),
    "with": {"description": "What the plan's fields are filled with.", "type": ["object", "null"], "maxProperties": MOST_INPUTS},
}
ID = {"description": "The name of the step.", "type": "string", "pattern": NAME}
NEXT = {"anyOf": [_ways("The next step, if it isn't the next in the list."), {"type": "null"}]}
SLOT_FIELDS: dict[str, Schema] = {
    "type": {"description": "What fits (text).", "enum": list(TYPES)},
    "ask": _text("The question.", 1_000),
    "options": {
        "description": "What can be chosen, in choice and multi.",
        "type": ["array", "null"],
        "items": {"type": ["string", "number"]},
        "minItems": 2,
        "maxItems": MOST_OPTIONS,
    },
    "min": _number("The least number, or the shortest text."),
    "max": _number("The greatest number, or the longest text."),
    "optional": _flag("Whether it can be skipped (false)."),
    "example": {"description": "Shown when an answer doesn't fit."},
}


def _step(verb: str) -> Schema:
    fields = {name: FIELDS[name] for name in OF_A_STEP[verb]}
    more = {} if verb in ("branch", "end") else {"next": NEXT}
    return {
        "type": "object",
        "properties": {"id": ID, verb: VERBS[verb], **fields, **more},
        "required": [verb],
        "additionalProperties": False,
    }


PARTS: dict[str, Schema] = {
    "workflow": {"description": "Its short name, as in weekly-checkin.", "type": "string", "pattern": SLUG},
    "title": _text("What people read.", 80, is_needed=True),
    "about": _text("What it is for.", 300),
    "minutes": _number("About how long it takes.", 0, 600),
    "knowledge": COLLECTIONS,
    "slots": {
        "description": "What is asked, by name.",
        "type": ["object", "null"],
        "propertyNames": {"pattern": NAME},
        "additionalProperties": {"type": "object", "properties": SLOT_FIELDS, "additionalProperties": False},
        "maxProperties": MOST_SLOTS,
    },
    "steps": {
        "description": "What happens, in order.",
        "type": "array",
        "items": {"oneOf": [_step(verb) for verb in OF_A_STEP]},
        "minItems": 1,
        "maxItems": MOST_STEPS,
    },
}
SCHEMA: Schema = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A workflow of Millrace",
    "type": "object",
    "properties": {name: PARTS[name] for name in KNOWN},
    "required": ["workflow", "title", "steps"],
    "additionalProperties": False,
}
