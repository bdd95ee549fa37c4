"""Checks a call's arguments against the tool's schema, in bounded time whatever the schema says. Pure.

What a schema says of types, required and allowed fields, choices, lengths and ranges is checked. Patterns, references and
combinations are left to the tool: they could take any time, and what they refuse it refuses itself.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

MOST_CHARS, MOST_VALUES, DEEPEST = 1_000_000, 10_000, 24
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


class BadArguments(Exception):
    """The arguments are no JSON object, or don't fit the schema; the message is for the model."""


def parsed_arguments(text: str) -> dict[str, Any]:
    """Returns the arguments that a model wrote; nothing is an empty object. Raises `BadArguments`."""
    if len(text) > MOST_CHARS:
        raise BadArguments(f"The arguments are longer than {MOST_CHARS} characters.")
    try:
        value = decoded(text)
    except (ValueError, RecursionError) as error:
        raise BadArguments(f"The arguments are not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadArguments("The arguments must be a JSON object.")
    if sum(1 for _ in _values(value, 0)) > MOST_VALUES:
        raise BadArguments(f"The arguments have more than {MOST_VALUES} values.")
    return value


def decoded(text: str) -> Any:
    """Returns the value in a text of JSON; raises `ValueError` or `RecursionError`, also for what can't be sent on or stored."""
    value = json.loads(text or "{}", parse_constant=_number, parse_float=_number)
    if "\\u" in text:
        # Half of a character, which is in no text.
        json.dumps(value, ensure_ascii=False).encode()
    return value


def check_arguments(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Raises `BadArguments` with the first thing that doesn't fit."""
    for fault in _faults(arguments, schema, "", 0):
        raise BadArguments(fault)


def _number(text: str) -> float:
    if not isfinite(number := float(text)):
        raise ValueError(f"{text[:20]} is not a number")
    return number


def _values(value: Any, depth: int) -> Iterator[Any]:
    if depth > DEEPEST:
        raise BadArguments(f"The arguments are nested more than {DEEPEST} deep.")
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in inner:
        yield from _values(part, depth + 1)


def _faults(value: Any, schema: Any, path: str, depth: int) -> Iterator[str]:
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return
    name = path or "The arguments"
    if not _has_type(value, schema.get("type")):
        yield f"{name} must be {_words(schema['type'])}."
        return
    choices = schema.get("enum")
    if isinstance(choices, list) and value not in choices:
        yield f"{name} must be one of {json.dumps(choices[:20], ensure_ascii=False)}."
    if isinstance(value, str):
        yield from _sized(name, len(value), schema, "minLength", "maxLength", "characters")
    elif isinstance(value, list):
        yield from _sized(name, len(value), schema, "minItems", "maxItems", "items")
        for index, part in enumerate(value):
            yield from _faults(part, schema.get("items"), f"{path}[{index}]", depth + 1)
    elif isinstance(value, dict):
        yield from _fields(value, schema, path, depth)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _sized(name, value, schema, "minimum", "maximum", "")


def _fields(value: Mapping[str, Any], schema: Mapping[str, Any], path: str, depth: int) -> Iterator[str]:
    properties = schema.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    required = schema.get("required")
    for name in required if isinstance(required, list) else ():
        if name not in value:
            yield f"{_joined(path, name)} is missing."
    for name, part in value.items():
        if name in known:
            yield from _faults(part, known[name], _joined(path, name), depth + 1)
        elif schema.get("additionalProperties") is False:
            yield f"{_joined(path, name)} is unknown."


def _sized(name: str, size: float, schema: Mapping[str, Any], least: str, most: str, unit: str) -> Iterator[str]:
    for key, is_outside, words in ((least, size.__lt__, "at least"), (most, size.__gt__, "at most")):
        limit = schema.get(key)
        if isinstance(limit, int | float) and is_outside(limit) is True:
            yield f"{name} must have {words} {limit} {unit}." if unit else f"{name} must be {words} {limit}."


def _has_type(value: Any, types: Any) -> bool:
    names: Sequence[Any] = types if isinstance(types, list) else [types]
    known = [TYPES[name] for name in names if isinstance(name, str) and name in TYPES]
    if not known:
        return True
    if isinstance(value, bool):
        return (bool,) in known
    is_whole = isinstance(value, float) and value.is_integer() and (int,) in known
    return is_whole or any(isinstance(value, kinds) for kinds in known)


def _words(types: Any) -> str:
    return " or ".join(map(str, types)) if isinstance(types, list) else f"of the type {types}"


def _joined(path: str, name: Any) -> str:
    return f"{path}.{name}" if path else str(name)
