"""The inputs of a plan in a workflow: answers, converted to what the fields of the plan type expect. Pure."""

from collections.abc import Mapping
from typing import Any

from webapp.workflows.definition.definition import Definition, Step
from webapp.workflows.definition.texts import PLACE, shown
from webapp.workflows.running.interpreter import text_for
from webapp.workflows.state import State


def inputs(
    definition: Definition, state: State, step: Step, people: Mapping[str, str], fields: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns a value for each field that has one; the others keep their defaults."""
    found: dict[str, Any] = {}
    for name, schema in fields.items():
        text = step.inputs.get(name, "")
        alone = PLACE.fullmatch(text.strip())
        value = state.slots.get(alone.group(1)) if alone else None
        value = text_for(definition, state, text, people) if value is None else value
        if value not in (None, "", []):
            found[name] = _fitting(value, str(schema.get("type", "string")))
    return found


def _fitting(value: Any, type: str) -> Any:
    """Converts a value to a list of lines, a number or a text, if the field's type is one of these; the type validates it."""
    if type == "array" and not isinstance(value, list):
        return [line.strip() for line in shown(value).splitlines() if line.strip()]
    if type in ("integer", "number") and isinstance(value, str):
        return _number(value)
    return shown(value) if type == "string" else value


def _number(text: str) -> Any:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return text
    return int(number) if number.is_integer() else number
