"""Plan schemas: their extensions to JSON Schema, paths into plans, and the versions for models and forms. Pure."""

import copy
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from webapp.base.untrusted_json import JsonObject

Schema = JsonObject
HINTS = ("x-stream", "x-label", "x-view", "default", "examples")
VIEWS = ("summary", "card", "checklist", "table", "timeline", "slider")
NEXT_MONDAY = "next monday"
# Limits for a list and for a whole plan: parsing, validation and rendering take time per value, and checks for duplicates per
# pair of items.
MOST_ITEMS, MOST_VALUES = 500, 5_000
# A longer number is no list index; Python refuses to parse one with some thousands of digits.
NUMBER = re.compile(r"[0-9]{1,9}")


def dotted(path: tuple[str | int, ...]) -> str:
    """Joins a path into a plan to one string: `weeks.2.tasks.0`."""
    return ".".join(map(str, path))


def steps(path: str) -> list[str | int]:
    return [int(step) if NUMBER.fullmatch(step) else step for step in path.split(".") if step]


def is_within(path: str, outer: str) -> bool:
    """Returns whether a path is `outer` or leads into it."""
    return path == outer or path.startswith(f"{outer}.")


def is_path(path: tuple[str | int, ...]) -> bool:
    """Returns whether `steps(dotted(path))` gives the path back: a model can invent keys that are empty or contain dots."""
    return bool(path) and tuple(steps(dotted(path))) == path


def at(schema: Schema, path: str) -> Schema | None:
    """Returns the subschema for a path, or None if the schema has no such path."""
    sub_schema: Schema | None = schema
    for step in steps(path):
        if sub_schema is None:
            return None
        sub_schema = sub_schema.get("items") if isinstance(step, int) else sub_schema.get("properties", {}).get(step)
    return sub_schema


def value_at(value: Any, path: str) -> Any:
    """Returns the value at a path, or None."""
    for step in steps(path):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def values_in(value: Any) -> Iterator[Any]:
    """Yields the value and everything nested in it, at any depth."""
    ahead = [value]
    while ahead:
        value = ahead.pop()
        yield value
        if isinstance(value, dict | list):
            ahead += value.values() if isinstance(value, dict) else value


def put(value: Any, path: str, new: Any) -> bool:
    """Sets the value at a path, which can be the end of a list; returns whether there is such a path."""
    *above, last = steps(path)
    inside = value_at(value, dotted(tuple(above)))
    if isinstance(inside, dict) and isinstance(last, str):
        inside[last] = new
        return True
    if inside is None and isinstance(last, int) and last == 0 and above:
        return put(value, dotted(tuple(above)), [new])
    if not isinstance(inside, list) or not isinstance(last, int) or last > len(inside):
        return False
    inside[last : last + 1] = [new]
    return True


def without(value: JsonObject, path: str) -> JsonObject:
    """Returns a copy without the value at a path; parts that are not on the path are shared, not copied."""
    *above, last = steps(path)
    copy, inside = _copied_along(value, above)
    if isinstance(inside, dict):
        inside.pop(str(last), None)
    elif isinstance(inside, list) and isinstance(last, int):
        del inside[last:]
    return copy


def _copied_along(value: JsonObject, path: list[str | int]) -> tuple[JsonObject, Any]:
    """Returns the value with copies of the containers on the path, and the last of these copies."""
    result = dict(value)
    inside: Any = result
    for step in path:
        if value_at(inside, str(step)) is None:
            return result, None
        inside[step] = copy.copy(inside[step])
        inside = inside[step]
    return result, inside


def kind_of(schema: Schema) -> str:
    """Returns the type of a schema, ignoring null."""
    named = schema.get("type", "object" if "properties" in schema else "")
    return next((kind for kind in named if kind != "null"), "") if isinstance(named, list) else str(named)


def label(schema: Schema, name: str) -> str:
    words = name.replace("_", " ").replace("-", " ")
    return str(schema.get("x-label") or schema.get("title") or words[:1].upper() + words[1:])


def labels(schema: Schema) -> list[str]:
    """Returns the labels of an object's properties."""
    return [label(part, name) for name, part in schema.get("properties", {}).items()]


def is_whole(schema: Schema) -> bool:
    """Returns whether a part is shown only when it is finished."""
    return schema.get("x-stream", "live" if kind_of(schema) == "string" else "whole") == "whole" or "enum" in schema


def is_of_objects(schema: Schema) -> bool:
    return kind_of(schema) == "array" and kind_of(schema.get("items", {})) == "object"


def is_of_cards(schema: Schema) -> bool:
    """Returns whether a part is shown as cards: objects, unless they are rows of a table."""
    return kind_of(schema) == "object" or (is_of_objects(schema) and schema.get("x-view") != "table")


def sections(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Yields the sections of a plan in the order in which they are written."""
    yield from schema.get("properties", {}).items()


def main_list(schema: Schema) -> str:
    """Returns the name of the list whose items measure progress, such as weeks or days."""
    lists = [name for name, part in sections(schema) if is_of_objects(part)]
    counted = (name for name in lists if schema["properties"][name].get("x-view") in ("timeline", "card"))
    return next(counted, next(iter(lists), ""))


def element_of(path: tuple[str | int, ...]) -> str:
    """Returns the unit of saving and requesting that contains a path: a section, or an item of a section that is a list."""
    return dotted(path[:2] if len(path) > 1 and isinstance(path[1], int) else path[:1])


def expected(schema: Schema) -> int:
    """Returns the number of items the main list will have, or 0 if unknown."""
    items = at(schema, main_list(schema)) or {}
    return int(items.get("minItems", 0))


def upstream(schema: Schema) -> Schema:
    """Returns the schema for servers with strict mode: no hints, every property required, optional ones nullable."""
    strict = {name: value for name, value in schema.items() if name not in HINTS}
    if "items" in strict:
        strict["items"] = upstream(strict["items"])
    if "properties" in strict:
        required = set(strict.get("required", ()))
        strict["properties"] = {
            name: upstream(part) if name in required else _nullable(upstream(part)) for name, part in strict["properties"].items()
        }
        strict |= {"required": list(strict["properties"]), "additionalProperties": False}
    return strict


def received(value: Any, schema: Schema) -> Any:
    """Reverses `upstream` for a value: removes nulls of optional properties, and properties that the schema lacks."""
    if isinstance(value, list):
        return [received(item, schema.get("items", {})) for item in value]
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    required, properties = schema.get("required", ()), schema["properties"]
    typed_values = {name: part for name, part in value.items() if name in properties and (part is not None or name in required)}
    return {name: received(typed_values[name], properties[name]) for name in properties if name in typed_values}


def missing(value: JsonObject, schema: Schema) -> list[str]:
    """Returns the required sections and list items that a plan lacks."""
    needed = schema.get("required", ())
    paths: list[str] = []
    for name, part in sections(schema):
        rows, least = value.get(name), int(part.get("minItems", 0))
        is_needed = rows is None and name in needed
        if isinstance(rows, list) or (is_needed and least and kind_of(part.get("items", {})) == "object"):
            paths += [f"{name}.{index}" for index in range(len(rows or ()), least)]
        elif is_needed:
            paths.append(name)
    return paths


def reduced_to(schema: Schema, paths: list[str]) -> Schema:
    """Returns the schema of an answer that has only the values at these paths, each as a property named by its path."""
    parts = {path: part for path in paths if (part := at(schema, path))}
    return {"type": "object", "properties": parts, "required": list(parts), "additionalProperties": False}


def defaults(schema: Schema, today: date) -> JsonObject:
    """Returns the initial values of a form."""
    return {name: _default(part, today) for name, part in sections(schema) if "default" in part}


def day(text: Any) -> date | None:
    """Parses an ISO date; returns None if it is invalid."""
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def _default(schema: Schema, today: date) -> Any:
    if schema["default"] == NEXT_MONDAY:
        return (today + timedelta(days=7 - today.weekday())).isoformat()
    return copy.deepcopy(schema["default"])


def _nullable(schema: Schema) -> Schema:
    loose = dict(schema)
    if isinstance(named := schema.get("type"), str):
        loose["type"] = [named, "null"]
    if "enum" in schema and None not in schema["enum"]:
        loose["enum"] = [*schema["enum"], None]
    return loose
