"""Exports a plan as Markdown, JSON or iCalendar. Pure."""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from webapp.base.untrusted_json import JsonObject
from webapp.plans.plan_about import PlanAbout
from webapp.plans.types.schema import Schema, day, is_of_objects, kind_of, label, sections

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DAYS_OF_WEEK = len(WEEKDAYS)
LONGEST_LINE = 74


def as_json(content: JsonObject) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def as_markdown(title: str, schema: Schema, content: JsonObject, ticked: frozenset[str] = frozenset()) -> str:
    """Returns the plan as Markdown, section by section, with checkboxes for its tasks."""
    lines = [f"# {_line(title)}", ""]
    for name, part in sections(schema):
        if name != "title" and name in content:
            lines += _section(name, part, content[name], ticked)
    return "\n".join(lines).rstrip() + "\n"


def as_calendar(plan_id: str, title: str, about: PlanAbout, content: JsonObject, inputs: JsonObject, *, now: datetime) -> str:
    """Returns an iCalendar (RFC 5545) with an all-day event for each dated task; it is empty if the type has no dates."""
    stamp = f"{now:%Y%m%dT%H%M%SZ}"
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Millrace//Plans//EN", f"X-WR-CALNAME:{_escaped(title)}"]
    for index, (on, task) in enumerate(dated(about, content, inputs)):
        lines += ["BEGIN:VEVENT", f"UID:{plan_id}-{index}@millrace", f"DTSTAMP:{stamp}", f"DTSTART;VALUE=DATE:{on:%Y%m%d}"]
        lines += [f"SUMMARY:{_escaped(_name_of(task, about))}"]
        lines += [f"DESCRIPTION:{_escaped(words)}"] if (words := _rest_of(task)) else []
        lines += ["END:VEVENT"]
    return "".join(f"{folded}\r\n" for line in [*lines, "END:VCALENDAR"] for folded in _folded(line))


def dated(about: PlanAbout, content: JsonObject, inputs: JsonObject) -> Iterator[tuple[date, JsonObject]]:
    """Yields the tasks and their dates, by the `calendar` of the plan type."""
    calendar = about.get("calendar") or {}
    start, step = day(inputs.get(str(calendar.get("start")))), int(calendar.get("days_each") or 1)
    if start is None:
        return
    for index, item in enumerate(content.get(calendar.get("list", ""), ())):
        if (date.max - start).days < index * step + DAYS_OF_WEEK:
            # Dates beyond `date.max` can't be represented.
            return
        first = start + timedelta(days=index * step)
        for task in item.get(calendar["tasks"], ()) if "tasks" in calendar else [item]:
            if isinstance(task, dict):
                yield _on_weekday(first, task.get(calendar.get("weekday", ""))), task


def _section(name: str, part: Schema, value: Any, ticked: frozenset[str]) -> list[str]:
    if is_of_objects(part):
        items = part["items"]
        lines = [line for index, item in enumerate(value) for line in _item(f"{name}.{index}", items, item, index + 1, ticked)]
        return [f"## {_line(label(part, name))}", "", *lines]
    return [f"## {_line(label(part, name))}", "", *_written(part, value, name, ticked), ""]


def _item(path: str, part: Schema, value: JsonObject, number: int, ticked: frozenset[str]) -> list[str]:
    fields = [(name, schema, value[name]) for name, schema in sections(part) if name in value]
    heading = next((field for _, schema, field in fields if kind_of(schema) == "string"), "")
    lines = [f"### {label(part, 'Part')} {number}: {_line(heading)}", ""]
    for name, schema, field in fields:
        if field is heading:
            continue
        if kind_of(schema) == "array":
            lines += [*_written(schema, field, f"{path}.{name}", ticked), ""]
        else:
            box = f"- {_box(f'{path}.{name}', ticked)}" if schema.get("x-view") == "checklist" else ""
            lines += [f"{box}{_line(label(schema, name))}: {_line(str(field))}", ""]
    return lines


def _written(part: Schema, value: Any, path: str, ticked: frozenset[str]) -> list[str]:
    if isinstance(value, list):
        boxes = [_box(f"{path}.{number}", ticked) if part.get("x-view") == "checklist" else "" for number in range(len(value))]
        return [f"- {box}{_one_line(item)}" for box, item in zip(boxes, value, strict=True)]
    return [_one_line(value)]


def _box(path: str, ticked: frozenset[str]) -> str:
    return f"[{'x' if path in ticked else ' '}] "


def _one_line(value: Any) -> str:
    if isinstance(value, dict):
        return _line(" · ".join(_one_line(item) for item in value.values()))
    return _line(", ".join(map(str, value)) if isinstance(value, list) else str(value))


def _line(text: str) -> str:
    return " ".join(text.split())


def _name_of(task: JsonObject, about: PlanAbout) -> str:
    named = task.get((about.get("calendar") or {}).get("title", "title"))
    return _line(str(named if named is not None else next(iter(task.values()), "")))


def _rest_of(task: JsonObject) -> str:
    fields = [(name, value) for name, value in task.items() if name not in ("title", "topic", "day")]
    return "\n".join(f"{label({}, name)}: {_one_line(value)}" for name, value in fields)


def _on_weekday(first: date, weekday: Any) -> date:
    if weekday not in WEEKDAYS:
        return first
    return first + timedelta(days=(WEEKDAYS.index(weekday) - first.weekday()) % 7)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """Folds a line into lines of at most 75 bytes, as the standard requires; continuation lines begin with a space."""
    taken = ""
    for char in line:
        if len((taken + char).encode()) > LONGEST_LINE:
            yield taken
            taken = " "
        taken += char
    yield taken
