"""Where a step leads, as the rows of its form: if an answer is so, to one step, otherwise to another. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from webapp.base.languages import gettext as _
from webapp.rendering.text import first_words
from webapp.workflows.definition.definition import END
from webapp.workflows.definition.parsing import MOST_OPTIONS
from webapp.workflows.definition.sentences import MOST_TITLE, ask_of
from webapp.workflows.editor.diagram import COMPARISON, SIGNS
from webapp.workflows.editor.yaml_edits import YamlEdits

# A comparison whose value stands in a field of its own, and a step that has no name yet: its place.
OPEN_COMPARISON, PLACE = re.compile(r"(\w+) (==|!=|>=|<=|>|<)"), re.compile(r"#(\d{1,3})")
# What each type of answer is compared by; those of a choice are its options, and of a yes or no both.
SIGNS_OF = {"number": ("==", ">", ">=", "<", "<="), "text": ("==",), "email": ("==",), "date": ("==",)}
FIELD = re.compile(r"next|(?:if|value|go)_\d{1,2}")
Slots = Mapping[Any, Any]
Group = tuple[str, tuple[tuple[str, str], ...]]


def values_of(ways: Sequence[Any], slots: Slots) -> dict[str, str]:
    """Returns the values of the rows; none if they hold something that a form can't show."""
    rows = [way for way in ways if isinstance(way, dict) and all(isinstance(part, str) for part in way.values())]
    otherwise = rows.pop()["go"] if rows and [*rows[-1]] == ["go"] else ""
    if len(rows) + bool(otherwise) != len(ways) or not all({*row} == {"if", "go"} for row in rows):
        return {}
    values = {"next": otherwise}
    for number, row in enumerate(rows):
        condition, value = _split(row["if"], slots)
        values |= {f"if_{number}": condition, f"value_{number}": value, f"go_{number}": row["go"]}
    return values


def paths_of(ways: Any) -> dict[str, tuple[str | int, ...]]:
    """Returns where the fields of the rows are, below the name of the ways."""
    if not isinstance(ways, list):
        return {"next": ()}
    paths = {f"{part}_{number}": (number, part) for number, way in enumerate(ways) for part in way}
    is_closed = ways and [*ways[-1]] == ["go"]
    return {**paths, "next": (len(ways) - 1, "go") if is_closed else ()}


def comparisons(slots: Slots) -> tuple[Group, ...]:
    """Returns what a row can ask, by question: the condition, and its words."""
    groups = ((_question(name, slot), tuple(_comparisons(str(name), slot))) for name, slot in slots.items())
    return tuple(group for group in groups if group[1])


def put(edits: YamlEdits, steps: Sequence[Any], index: int, values: Mapping[str, str], slots: Slots) -> None:
    """Writes what was entered in the rows: single values where there are as many ways as before."""
    name = "branch" if "branch" in steps[index] else "next"
    path, before = ("steps", index, name), steps[index].get(name)
    known = {_split(way["if"], slots): way["if"] for way in before if "if" in way} if isinstance(before, list) else {}
    ways = []
    for number in range(MOST_OPTIONS - 1):
        entered = (values.get(f"if_{number}", ""), values.get(f"value_{number}", ""))
        if entered[0]:
            condition = known.get(entered) or _condition(*entered, slots)
            ways.append({"if": condition, "go": _target(edits, steps, values.get(f"go_{number}") or END)})
    otherwise = _target(edits, steps, values.get("next", ""))
    if name == "branch" and not ways and not otherwise:
        otherwise = _target(edits, steps, f"#{index + 1}" if index + 1 < len(steps) else END)
    if name == "next" and not ways:
        if otherwise != (before or ""):
            edits.put(path, otherwise or None)
        return
    ways += [{"go": otherwise}] if otherwise else []
    if not isinstance(before, list) or [[*way] for way in before] != [[*way] for way in ways]:
        edits.put(path, ways)
        return
    for number, (way, old) in enumerate(zip(ways, before, strict=True)):
        for part in (part for part in way if way[part] != old[part]):
            edits.put((*path, number, part), way[part])


def _target(edits: YamlEdits, steps: Sequence[Any], target: str) -> str:
    """Returns the name of a step; one that has none yet, and is chosen by its place, gets one."""
    place = PLACE.fullmatch(target)
    step = steps[int(place[1])] if place and int(place[1]) < len(steps) else None
    if not isinstance(step, dict):
        return target
    if name := step.get("id") or step.get("collect"):
        return str(name)
    names = {str(step.get("id") or step.get("collect")) for step in steps if isinstance(step, dict)}
    number = int(place[1]) + 1 if place else 1
    name = next(name for number in range(number, number + len(steps) + 1) if (name := f"step_{number}") not in names)
    edits.put(("steps", steps.index(step), "id"), name)
    return name


def _question(name: Any, slot: Any) -> str:
    return first_words(ask_of(slot), MOST_TITLE) or str(name).replace("_", " ")


def _comparisons(name: str, slot: Any) -> Iterator[tuple[str, str]]:
    type = _type(slot)
    if type == "yes/no":
        yield name, _("yes")
        yield f"not {name}", _("no")
        return
    for option in slot.get("options") or () if type == "choice" else ():
        yield f"{name} == {_quoted(str(option))}", _("“%(words)s”", words=option)
    for sign in SIGNS_OF.get(type, ()):
        yield f"{name} {sign}", _("is …") if sign == "==" else _(SIGNS[sign], value="…")
    if isinstance(slot, dict) and slot.get("optional") is True and type != "number":
        yield f"not {name}", _("skipped")


def _type(slot: Any) -> str:
    type = slot.get("type", "text") if isinstance(slot, dict) else ""
    return type if isinstance(type, str) else ""


def _split(condition: str, slots: Slots) -> tuple[str, str]:
    """Returns a condition as the row has it: what is asked, and the value of its field."""
    match = COMPARISON.fullmatch(condition.strip())
    if not match or not match[3]:
        return condition.strip(), ""
    name, sign = match[3], match[4]
    value = next(value for value in match.groups()[4:] if value is not None)
    if _type(slots.get(name)) in SIGNS_OF:
        return f"{name} {sign}", value
    return f"{name} {sign} {_quoted(value)}", ""


def _condition(asked: str, value: str, slots: Slots) -> str:
    match = OPEN_COMPARISON.fullmatch(asked)
    if not match:
        return asked
    is_number = _type(slots.get(match[1])) == "number"
    value = value.replace(",", ".") if is_number or not value else _quoted(value)
    return f"{asked} {value}".strip()


def _quoted(words: str) -> str:
    return f"'{words}'" if '"' in words and "'" not in words and "\\" not in words else json.dumps(words, ensure_ascii=False)
