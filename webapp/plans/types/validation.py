"""Validates values against JSON Schemas; each error has a path and a sentence. Nothing is fetched."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from webapp.base.errors import Invalid
from webapp.base.heavy.turns import by_turns
from webapp.base.untrusted_json import JsonObject
from webapp.plans.types.schema import MOST_ITEMS, MOST_VALUES, VIEWS, Schema, dotted, steps, values_in

if TYPE_CHECKING:
    # Imported late at run time, so that only servers that make plans load it.
    from jsonschema.exceptions import ValidationError

# Keywords that could make validation slow or refer to other schemas; no plan needs them.
FORBIDDEN = {"$ref", "$dynamicRef", "$defs", "definitions", "pattern", "patternProperties", "propertyNames", "if", "not"}
FORBIDDEN |= {"allOf", "anyOf", "oneOf", "$schema", "$id", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems"}
# What jsonschema imports, in an order in which none takes long.
PARTS_OF_JSONSCHEMA = ("attrs", "referencing", "jsonschema_specifications", "jsonschema")
DEEPEST = 8
# The maximum number of subschemas: each takes time to validate.
MOST_PARTS = 400
MOST_FAULTS = 500
SENTENCES = {
    "minLength": "Enter at least {0} characters.",
    "maxLength": "Enter at most {0} characters.",
    "minItems": "Choose at least {0}.",
    "maxItems": "Choose at most {0}.",
    "minimum": "It must be {0} or more.",
    "maximum": "It must be {0} or less.",
    "format": "That isn't a valid {0}.",
    "uniqueItems": "Each can appear only once.",
}
KINDS = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "yes or no", "array": "a list"}


@dataclass(frozen=True, slots=True)
class PlanFault:
    """An error at a path, with its sentence."""

    path: str
    message: str


class Rejected(Invalid):
    """Raised for invalid values, with a sentence for each field."""

    def __init__(self, faults: list[PlanFault]) -> None:
        super().__init__("Some of the values are invalid.", field=faults[0].path)
        self.paths = {fault.path: fault.message for fault in reversed(faults)}
        self.fields = {fault.path.partition(".")[0]: fault.message for fault in reversed(faults)}

    def details(self) -> JsonObject:
        return {"fields": self.fields}


@cache
def load() -> None:
    """Imports jsonschema in pieces: it is large, and would otherwise be imported in the transaction that saves a plan."""
    for name in by_turns(PARTS_OF_JSONSCHEMA):
        import_module(name)


def faults(value: Any, schema: Schema) -> list[PlanFault]:
    """Returns the errors of a value in the order of their paths; of a value too large to validate, only that."""
    if too_large := list(_too_large(value)):
        return too_large
    # Imported late, so that a server without plans doesn't load it.
    from jsonschema import Draft202012Validator, FormatChecker
    from referencing import Registry  # imported late for the same reason

    validator = Draft202012Validator(schema, registry=Registry(), format_checker=FormatChecker(("date",)))
    faults = (fault for error in validator.iter_errors(value) for fault in _faults(error))
    first_faults = dict.fromkeys(islice(faults, MOST_FAULTS))
    names = list(schema.get("properties", {}))
    return sorted(first_faults, key=lambda fault: _order(fault, names))


def is_valid(value: Any, schema: Schema) -> bool:
    return not faults(value, schema)


def check(value: Any, schema: Schema) -> None:
    """Raises `Rejected` if the value has errors, with a sentence for each field."""
    if errors := faults(value, schema):
        raise Rejected(errors)


def check_schema(schema: Any, where: str) -> None:
    """Raises `Invalid` if plans can't use this schema."""
    if not isinstance(schema, dict) or schema.get("type") != "object" or not schema.get("properties"):
        raise Invalid(f"“{where}” must be an object schema with properties.", field="source")
    _refuse_the_large(schema, where)
    _refuse_the_forbidden(schema, where, 0)
    # Imported late for the same reason.
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise Invalid(f"“{where}” isn't a valid JSON Schema: {error.message[:200]}", field="source") from error


def _too_large(value: Any) -> Iterator[PlanFault]:
    """Yields an error for each section that is too large to validate."""
    values_left = MOST_VALUES
    for name, section in value.items() if isinstance(value, dict) else (("", value),):
        for nested in values_in(section):
            values_left -= 1
            if values_left < 0 or (isinstance(nested, list) and len(nested) > MOST_ITEMS):
                yield PlanFault(name, "This is too large.")
                break


def _refuse_the_large(schema: Schema, where: str) -> None:
    parts = list(islice(values_in(schema), MOST_PARTS * 10))
    least = [part.get("minItems") for part in parts if isinstance(part, dict)]
    if len(parts) == MOST_PARTS * 10 or sum(isinstance(part, dict) for part in parts) > MOST_PARTS:
        raise Invalid(f"“{where}” has too many parts. The limit is {MOST_PARTS}.", field="source")
    if any(isinstance(count, int | float) and count > MOST_ITEMS for count in least):
        raise Invalid(f"“{where}” requires more than {MOST_ITEMS} items in a list.", field="source")


def _order(fault: PlanFault, names: list[str]) -> tuple[int, list[int]]:
    name, *rest = steps(fault.path) or [""]
    return names.index(str(name)) if name in names else -1, [step for step in rest if isinstance(step, int)]


def _faults(error: "ValidationError") -> list[PlanFault]:
    path, expected = tuple(error.absolute_path), cast(Any, error.validator_value)
    if error.validator == "required" and isinstance(error.instance, dict):
        return [PlanFault(dotted((*path, name)), "This field is required.") for name in expected if name not in error.instance]
    if error.validator == "minItems" and isinstance(error.instance, list):
        lacking = range(len(error.instance), int(expected))
        return [PlanFault(dotted((*path, index)), "This field is missing.") for index in lacking]
    return [PlanFault(dotted(path), _sentence(error))]


def _sentence(error: "ValidationError") -> str:
    rule, named = str(error.validator), cast(Any, error.validator_value)
    if rule == "minLength" and named == 1:
        return "Enter at least one character."
    if rule in SENTENCES:
        return SENTENCES[rule].format(named)
    if rule == "enum":
        return f"Choose one of: {', '.join(map(str, named))}."
    if rule == "type":
        return f"It must be {KINDS.get(named, named) if isinstance(named, str) else 'of another kind'}."
    return error.message[:200]


def _refuse_the_forbidden(schema: Any, where: str, depth: int) -> None:
    if not isinstance(schema, dict) or depth > DEEPEST:
        raise Invalid(f"“{where}” can't be resolved as a schema.", field="source")
    if wrong := FORBIDDEN & set(schema):
        raise Invalid(f"“{where}” uses {', '.join(sorted(wrong))}, which plans don't support.", field="source")
    if schema.get("x-view", VIEWS[0]) not in VIEWS or schema.get("x-stream", "live") not in ("live", "whole"):
        raise Invalid(f"“{where}” has an unknown x-view or x-stream.", field="source")
    for name, part in (schema.get("properties") or {}).items():
        if not isinstance(name, str) or not name.isidentifier():
            raise Invalid(f"“{where}.{name}” isn't a valid name: use letters, digits and _ only.", field="source")
        _refuse_the_forbidden(part, f"{where}.{name}", depth + 1)
    if "items" in schema:
        _refuse_the_forbidden(schema["items"], f"{where}[]", depth + 1)
