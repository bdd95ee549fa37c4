"""Generates form fields from JSON Schemas, and converts submitted forms to values. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webapp.base.languages import gettext as _
from webapp.plans.types.schema import Schema, is_of_objects, kind_of, label

LONG_CHARS = 200


@dataclass(frozen=True, slots=True)
class PlanField:
    """One form field. `kind` is how it is shown: text, area, lines, range, number, date, choice, many or switch."""

    name: str
    label: str
    kind: str
    value: Any
    help: str = ""
    error: str = ""
    is_needed: bool = False
    choices: tuple[str, ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return "field-" + self.name.replace(".", "-")

    @property
    def text(self) -> str:
        if isinstance(self.value, list):
            return "\n".join(map(str, self.value))
        return "" if self.value is None else str(self.value)


@dataclass(frozen=True, slots=True)
class PlanFieldGroup:
    """A group of fields below a heading."""

    label: str
    fields: tuple["PlanField | PlanFieldGroup", ...]


def form(schema: Schema, value: Any, errors: Mapping[str, str], prefix: str = "") -> tuple[PlanField | PlanFieldGroup, ...]:
    """Returns the fields of an object; a list of objects has fields for its existing items."""
    needed = schema.get("required", ())
    return tuple(
        _field(part, name, (value or {}).get(name), errors, prefix, is_needed=name in needed)
        for name, part in schema.get("properties", {}).items()
    )


def single(schema: Schema, value: Any, errors: Mapping[str, str], name: str) -> tuple[PlanField | PlanFieldGroup, ...]:
    """Returns the fields for a part that can be something other than an object."""
    if kind_of(schema) == "object":
        return form(schema, value, errors)
    shown = errors if not errors else {"": next(iter(errors.values())), **errors}
    return (_field(schema, "value", value, {**shown, "value": shown.get("", "")}, "", label_of=label(schema, name)),)


def typed(schema: Schema, form: Mapping[str, Sequence[str]], before: Any, prefix: str = "") -> dict[str, Any]:
    """Converts the submitted fields of an object to a value; empty fields that aren't required are left out."""
    typed_values = {}
    for name, part in schema.get("properties", {}).items():
        value = _typed(part, form, (before or {}).get(name), prefix + name)
        if value is not None or name in schema.get("required", ()):
            typed_values[name] = value
    return typed_values


def typed_single(schema: Schema, form: Mapping[str, Sequence[str]], before: Any) -> Any:
    """Does the same as `typed`, for a part that can be something other than an object."""
    return typed(schema, form, before) if kind_of(schema) == "object" else _typed(schema, form, before, "value")


def _field(
    schema: Schema,
    name: str,
    value: Any,
    errors: Mapping[str, str],
    prefix: str,
    *,
    is_needed: bool = False,
    label_of: str = "",
) -> PlanField | PlanFieldGroup:
    words, path, items = label_of or label(schema, name), prefix + name, schema.get("items", {})
    if kind_of(schema) == "object":
        return PlanFieldGroup(words, form(schema, value, errors, f"{path}."))
    if is_of_objects(schema):
        rows = value if isinstance(value, list) else []
        paths = ((index, form(items, row, errors, f"{path}.{index}.")) for index, row in enumerate(rows))
        return PlanFieldGroup(
            words, tuple(PlanFieldGroup(f"{label(items, _('Part'))} {path + 1}", fields) for path, fields in paths)
        )
    kind, choices = _kind(schema)
    limits = {"min": schema.get("minimum"), "max": schema.get("maximum"), "maxlength": schema.get("maxLength")}
    limits = {rule: limit for rule, limit in limits.items() if limit is not None}
    return PlanField(path, words, kind, value, schema.get("description", ""), errors.get(path, ""), is_needed, choices, limits)


def _kind(schema: Schema) -> tuple[str, tuple[str, ...]]:
    kind, items = kind_of(schema), schema.get("items", {})
    if kind == "array":
        return ("many", tuple(map(str, items["enum"]))) if "enum" in items else ("lines", ())
    if "enum" in schema:
        return "choice", tuple(str(choice) for choice in schema["enum"] if choice is not None)
    if kind in ("integer", "number"):
        return ("range" if schema.get("x-view") == "slider" else "number"), ()
    if kind == "boolean":
        return "switch", ()
    if schema.get("format") == "date":
        return "date", ()
    return ("area" if schema.get("maxLength", LONG_CHARS + 1) > LONG_CHARS else "text"), ()


def _typed(schema: Schema, form: Mapping[str, Sequence[str]], before: Any, path: str) -> Any:
    kind, items = kind_of(schema), schema.get("items", {})
    if kind == "object":
        return typed(schema, form, before, f"{path}.")
    if is_of_objects(schema):
        return [typed(items, form, row, f"{path}.{index}.") for index, row in enumerate(before or [])]
    lines = [text.replace("\r\n", "\n").strip() for text in form.get(path, ())]
    if kind == "array":
        return list(lines if "enum" in items else _lines(lines))
    if kind == "boolean":
        return bool(lines)
    text = lines[0] if lines else ""
    if not text and "minLength" not in schema and kind == "string" and "enum" not in schema and "format" not in schema:
        return text if before is not None or "default" in schema else None
    return _number(text, kind) if kind in ("integer", "number") else text or None


def _lines(raw_lines: Sequence[str]) -> Iterator[str]:
    return (line.strip() for text in raw_lines for line in text.split("\n") if line.strip())


def _number(text: str, kind: str) -> int | float | str | None:
    """Returns a number, or the text unchanged if it is none, so that validation reports it."""
    try:
        return int(text) if kind == "integer" else float(text)
    except ValueError:
        return text or None
