"""The parts of a plan as pages show them: sections, cards and tasks, for any plan type. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from webapp.base import languages
from webapp.base.languages import gettext as _
from webapp.plans.pages.fields import PlanField, PlanFieldGroup, single
from webapp.plans.plan_about import PlanAbout
from webapp.plans.types.schema import Schema, at, day, is_of_objects, kind_of, label, sections, value_at

Fields = tuple[PlanField | PlanFieldGroup, ...]


@dataclass(frozen=True, slots=True)
class Editing:
    """The part whose form is open, the submitted values and their errors."""

    path: str
    errors: Mapping[str, str] = field(default_factory=dict)
    given: Any = None


@dataclass(frozen=True, slots=True)
class Task:
    path: str
    title: str
    meta: str
    why: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class PlanCard:
    """An item of a list of objects; without `is_there`, only a placeholder is shown."""

    path: str
    label: str
    heading: str = ""
    when: str = ""
    tasks: tuple[Task, ...] = ()
    details: tuple[tuple[str, str], ...] = ()
    is_there: bool = False
    fields: Fields = ()

    @property
    def id(self) -> str:
        return "part-" + self.path.replace(".", "-")


@dataclass(frozen=True, slots=True)
class PlanSection:
    """A section of a plan; `view` is text, list, tasks, cards or table; `state` is there, live or waiting."""

    path: str
    label: str
    view: str
    state: str
    text: str = ""
    items: tuple[str, ...] = ()
    tasks: tuple[Task, ...] = ()
    cards: tuple[PlanCard, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    fields: Fields = ()

    @property
    def id(self) -> str:
        return f"part-{self.path}"


@dataclass(frozen=True, slots=True)
class PartsBuilder:
    """Builds the parts of one plan from its content, its inputs, the ticked tasks and the part being edited."""

    about: PlanAbout
    content: dict[str, Any]
    inputs: dict[str, Any]
    ticked: frozenset[str]
    is_running: bool
    editing: Editing | None = None

    def section(self, name: str, part: Schema) -> PlanSection:
        value, words = self.content.get(name), label(part, name)
        state = "there" if value is not None else "waiting"
        fields = self._fields(name, part, value)
        if is_of_objects(part):
            return self._of_objects(name, part, value if isinstance(value, list) else [], state)
        if kind_of(part) == "array":
            rows = value if isinstance(value, list) else []
            if part.get("x-view") == "checklist":
                return PlanSection(name, words, "tasks", state, tasks=self._tasks(name, rows), fields=fields)
            return PlanSection(name, words, "list", state, items=tuple(map(text_of, rows)), fields=fields)
        if kind_of(part) == "object":
            card = self._card(name, part, value, words)
            return PlanSection(name, words, "cards", state, cards=(card,))
        return PlanSection(name, words, "text", state, text=text_of(value), fields=fields)

    def card(self, path: str) -> PlanCard:
        name, _, number = path.partition(".")
        items = (at(self.about["plan"], name) or {}).get("items", {})
        return self._card(path, items, value_at(self.content, path), f"{label(items, 'Part')} {int(number) + 1}")

    def finished(self, name: str, count: int) -> int:
        """Returns how many items of the main list have all required fields; one that is being written can lack some."""
        items = (at(self.about["plan"], name) or {}).get("items", {}) if name else {}
        needed = items.get("required", ())
        return sum(all(field in (value_at(self.content, f"{name}.{index}") or {}) for field in needed) for index in range(count))

    def _of_objects(self, name: str, part: Schema, rows: list[Any], state: str) -> PlanSection:
        words, items = label(part, name), part["items"]
        if part.get("x-view") == "table":
            columns = tuple(label(schema, key) for key, schema in sections(items))
            table = tuple(tuple(text_of(row.get(key)) for key, _ in sections(items)) for row in rows if isinstance(row, dict))
            return PlanSection(name, words, "table", state, columns=columns, rows=table, fields=self._fields(name, part, rows))
        count = max(len(rows), int(part.get("minItems", 0)) if self.is_running else 0)
        return PlanSection(name, words, "cards", state, cards=tuple(self.card(f"{name}.{index}") for index in range(count)))

    def _card(self, path: str, part: Schema, value: Any, words: str) -> PlanCard:
        is_whole = isinstance(value, dict) and all(name in value for name in part.get("required", ()))
        if not is_whole:
            return PlanCard(path, words)
        lists = {
            name: schema for name, schema in sections(part) if kind_of(schema) == "array" and isinstance(value.get(name), list)
        }
        texts = [(name, schema) for name, schema in sections(part) if name in value and name not in lists]
        heading = next((name for name, schema in texts if kind_of(schema) == "string"), "")
        tasks = [task for name in lists for task in self._tasks(f"{path}.{name}", value[name])]
        checks = [name for name, schema in texts if schema.get("x-view") == "checklist"]
        tasks += [self._task(f"{path}.{name}", value[name]) for name in checks]
        details = tuple((label(schema, name), text_of(value[name])) for name, schema in texts if name not in (heading, *checks))
        when = self._when(path, value, lists)
        return PlanCard(
            path, words, text_of(value.get(heading)), when, tuple(tasks), details, True, self._fields(path, part, value)
        )

    def _tasks(self, path: str, rows: list[Any]) -> tuple[Task, ...]:
        return tuple(self._task(f"{path}.{number}", row) for number, row in enumerate(rows))

    def _task(self, path: str, value: Any) -> Task:
        if not isinstance(value, dict):
            return Task(path, text_of(value), "", "", path in self.ticked)
        part = at(self.about["plan"], path) or {}
        texts = [
            name for name, schema in sections(part) if kind_of(schema) == "string" and "enum" not in schema and name in value
        ]
        title = next(iter(texts), "")
        meta = " · ".join(_short(name, field) for name, field in value.items() if name not in texts)
        return Task(
            path, text_of(value.get(title)), meta, " ".join(text_of(value[name]) for name in texts[1:]), path in self.ticked
        )

    def _when(self, path: str, value: dict[str, Any], lists: Mapping[str, Schema]) -> str:
        """Returns an item's days and its total time, such as `6 – 12 October · 2 h 10`."""
        minutes = [row["minutes"] for name in lists for row in value[name] if isinstance(row, dict) and "minutes" in row]
        total = sum(minute for minute in minutes if isinstance(minute, int))
        return " · ".join(filter(None, (self._days(path), _lasting(total) if total else "")))

    def _days(self, path: str) -> str:
        calendar, (name, _dot, number) = self.about.get("calendar") or {}, path.partition(".")
        start = day(self.inputs.get(calendar.get("start", "")))
        if start is None or name != calendar.get("list") or not number:
            return ""
        days = int(calendar.get("days_each") or 1)
        first = start + timedelta(days=int(number) * days)
        last = first + timedelta(days=days - 1)
        months = languages.current().formats.months
        until = {"day": last.day, "month": months[last.month - 1]}
        if days == 1:
            return _("%(day)s %(month)s", **until)
        if first.month == last.month:
            return _("%(first)s – %(day)s %(month)s", first=first.day, **until)
        month = months[first.month - 1]
        return _("%(first)s %(first_month)s – %(day)s %(month)s", first=first.day, first_month=month, **until)

    def _fields(self, path: str, part: Schema, value: Any) -> Fields:
        editing = self.editing
        if not editing or path != editing.path:
            return ()
        return single(part, value if editing.given is None else editing.given, editing.errors, path)


def text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(text_of, value))
    if isinstance(value, dict):
        return " · ".join(map(text_of, value.values()))
    return (_("yes") if value else _("no")) if isinstance(value, bool) else str(value)


def _lasting(minutes: int) -> str:
    return f"{minutes // 60} h {minutes % 60:02}" if minutes >= 60 else f"{minutes} min"


def _short(name: str, value: Any) -> str:
    if name == "minutes":
        return f"{value} min"
    words = text_of(value)
    return words[:3] if words.endswith("day") else words
