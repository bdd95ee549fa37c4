"""What a plan's schema says beyond JSON Schema, and what models and forms need of it. Pure."""

import copy
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

Schema = dict[str, Any]
HINTS = ("x-stream", "x-label", "x-view", "default", "examples")
VIEWS = ("summary", "card", "checklist", "table", "timeline", "slider")
NEXT_MONDAY = "next monday"
# What a list, and a whole plan, may hold: reading, checking and drawing take time for each, and for pairs of what is in a list.
MOST_ITEMS, MOST_VALUES = 500, 5_000
# What has more is no place in a list; Python refuses to read some thousands.
PLACE_DIGITS = 9


def dotted(path: tuple[str | int, ...]) -> str:
    """A place in a plan as one word: `weeks.2.tasks.0`."""
    return ".".join(map(str, path))


def steps(path: str) -> list[str | int]:
    return [int(step) if _is_number(step) else step for step in path.split(".") if step]


def is_within(path: str, place: str) -> bool:
    """Whether it is this place or lies in it."""
    return path == place or path.startswith(f"{place}.")


def is_place(path: tuple[str | int, ...]) -> bool:
    """Whether its word leads back to it: a model may give its keys names that no schema has, with dots in them or empty."""
    return bool(path) and tuple(steps(dotted(path))) == path


def at(schema: Schema, path: str) -> Schema | None:
    """The part of the schema that a place has to follow; None when there is no such place."""
    found: Schema | None = schema
    for step in steps(path):
        if found is None:
            return None
        found = found.get("items") if isinstance(step, int) else found.get("properties", {}).get(step)
    return found


def value_at(value: Any, path: str) -> Any:
    """What stands at a place; None when nothing does."""
    for step in steps(path):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def values_in(value: Any) -> Iterator[Any]:
    """The value and all that is in it, however deep."""
    ahead = [value]
    while ahead:
        value = ahead.pop()
        yield value
        if isinstance(value, dict | list):
            ahead += value.values() if isinstance(value, dict) else value


def put(value: Any, path: str, new: Any) -> bool:
    """Puts something at a place, at most at the end of a list; says whether there is such a place."""
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


def without(value: dict[str, Any], path: str) -> dict[str, Any]:
    """The value without what stands at a place; what does not lead there is not copied."""
    *above, last = steps(path)
    left, inside = _copied_along(value, above)
    if isinstance(inside, dict):
        inside.pop(str(last), None)
    elif isinstance(inside, list) and isinstance(last, int):
        del inside[last:]
    return left


def _copied_along(value: dict[str, Any], path: list[str | int]) -> tuple[dict[str, Any], Any]:
    """The value with copies of what stands on the path and of nothing else, and the last of these copies."""
    left = dict(value)
    inside: Any = left
    for step in path:
        if value_at(inside, str(step)) is None:
            return left, None
        inside[step] = copy.copy(inside[step])
        inside = inside[step]
    return left, inside


def kind_of(schema: Schema) -> str:
    """The type, without the permission to be null."""
    named = schema.get("type", "object" if "properties" in schema else "")
    return next((each for each in named if each != "null"), "") if isinstance(named, list) else str(named)


def label(schema: Schema, name: str) -> str:
    words = name.replace("_", " ").replace("-", " ")
    return str(schema.get("x-label") or schema.get("title") or words[:1].upper() + words[1:])


def is_whole(schema: Schema) -> bool:
    """Whether it is shown when it is finished, not while it is written."""
    return schema.get("x-stream", "live" if kind_of(schema) == "string" else "whole") == "whole" or "enum" in schema


def is_of_objects(schema: Schema) -> bool:
    return kind_of(schema) == "array" and kind_of(schema.get("items", {})) == "object"


def is_of_cards(schema: Schema) -> bool:
    """Whether it is shown as cards: objects, unless they are the rows of a table."""
    return kind_of(schema) == "object" or (is_of_objects(schema) and schema.get("x-view") != "table")


def sections(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """What a plan is made of, in the order in which it is written."""
    yield from schema.get("properties", {}).items()


def main_list(schema: Schema) -> str:
    """The list whose items are counted: its weeks, its days."""
    lists = [name for name, each in sections(schema) if kind_of(each) == "array" and kind_of(each.get("items", {})) == "object"]
    counted = (name for name in lists if schema["properties"][name].get("x-view") in ("timeline", "card"))
    return next(counted, next(iter(lists), ""))


def element_of(path: tuple[str | int, ...]) -> str:
    """What is saved or asked for as a whole: a section, or an item of one that is a list."""
    return dotted(path[:2] if len(path) > 1 and isinstance(path[1], int) else path[:1])


def expected(schema: Schema) -> int:
    """How many items the main list will have, as far as that is known."""
    items = at(schema, main_list(schema)) or {}
    return int(items.get("minItems", 0))


def upstream(schema: Schema) -> Schema:
    """The schema as strict servers take it: no hints, every property required, the optional ones nullable."""
    strict = {name: value for name, value in schema.items() if name not in HINTS}
    if "items" in strict:
        strict["items"] = upstream(strict["items"])
    if "properties" in strict:
        required = set(strict.get("required", ()))
        strict["properties"] = {
            name: upstream(each) if name in required else _nullable(upstream(each)) for name, each in strict["properties"].items()
        }
        strict |= {"required": list(strict["properties"]), "additionalProperties": False}
    return strict


def received(value: Any, schema: Schema) -> Any:
    """The other way: without the nulls of optional properties, and without what the schema does not know."""
    if isinstance(value, list):
        return [received(each, schema.get("items", {})) for each in value]
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    required, known = schema.get("required", ()), schema["properties"]
    kept = {name: each for name, each in value.items() if name in known and (each is not None or name in required)}
    return {name: received(kept[name], known[name]) for name in known if name in kept}


def missing(value: dict[str, Any], schema: Schema) -> list[str]:
    """The sections, and the items of lists, that a plan needs and has not."""
    needed = schema.get("required", ())
    found: list[str] = []
    for name, each in sections(schema):
        rows, least = value.get(name), int(each.get("minItems", 0))
        is_needed = rows is None and name in needed
        if isinstance(rows, list) or (is_needed and least and kind_of(each.get("items", {})) == "object"):
            found += [f"{name}.{place}" for place in range(len(rows or ()), least)]
        elif is_needed:
            found.append(name)
    return found


def asked_for(schema: Schema, paths: list[str]) -> Schema:
    """The schema of an answer that gives these places alone, each under its own name."""
    parts = {path: part for path in paths if (part := at(schema, path))}
    return {"type": "object", "properties": parts, "required": list(parts), "additionalProperties": False}


def defaults(schema: Schema, today: date) -> dict[str, Any]:
    """The initial values of a form."""
    return {name: _default(each, today) for name, each in sections(schema) if "default" in each}


def day(text: Any) -> date | None:
    """The day that is written there, if one is."""
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


def _is_number(step: str) -> bool:
    return step.isascii() and step.isdigit() and len(step) <= PLACE_DIGITS
