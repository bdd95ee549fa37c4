"""Values against schemas, each fault with its place and a sentence; nothing is ever fetched."""

from dataclasses import dataclass
from typing import Any, cast

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry

from webapp.errors import Invalid
from webapp.plans.schema import VIEWS, Schema, dotted, steps

# What could make a check slow, or lead elsewhere: no plan needs it.
FORBIDDEN = {"$ref", "$dynamicRef", "$defs", "definitions", "pattern", "patternProperties", "propertyNames", "if", "not"}
FORBIDDEN |= {"allOf", "anyOf", "oneOf", "$schema", "$id", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems"}
DEEPEST = 8
FORMATS = FormatChecker(("date",))
SENTENCES = {
    "minLength": "Write at least {0} characters.",
    "maxLength": "Write at most {0} characters.",
    "minItems": "At least {0} are needed.",
    "maxItems": "At most {0} are possible.",
    "minimum": "It must be {0} or more.",
    "maximum": "It must be {0} or less.",
    "format": "That is not a {0}.",
    "uniqueItems": "Each may be there only once.",
}
KINDS = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "yes or no", "array": "a list"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a place, in words."""

    path: str
    message: str


class Rejected(Invalid):
    """Several things are wrong at once: a sentence for each field."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("Some of what was given does not fit.", field=faults[0].path)
        self.places = {fault.path: fault.message for fault in reversed(faults)}
        self.fields = {fault.path.partition(".")[0]: fault.message for fault in reversed(faults)}

    def details(self) -> dict[str, Any]:
        return {"fields": self.fields}


def faults(value: Any, schema: Schema) -> list[Fault]:
    """Everything that is wrong with a value, in the order of its places."""
    validator = Draft202012Validator(schema, registry=Registry(), format_checker=FORMATS)
    found = dict.fromkeys(fault for error in validator.iter_errors(value) for fault in _faults(error))
    names = list(schema.get("properties", {}))
    return sorted(found, key=lambda fault: _order(fault, names))


def check(value: Any, schema: Schema) -> None:
    """Raises `Rejected` with a sentence for each field that is wrong."""
    if found := faults(value, schema):
        raise Rejected(found)


def check_schema(schema: Any, where: str) -> None:
    """Refuses, in words, a schema that plans cannot be made of."""
    if not isinstance(schema, dict) or schema.get("type") != "object" or not schema.get("properties"):
        raise Invalid(f"“{where}” must be an object schema with properties.", field="source")
    _refuse_the_forbidden(schema, where, 0)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise Invalid(f"“{where}” is not a JSON Schema: {error.message[:200]}", field="source") from error


def _order(fault: Fault, names: list[str]) -> tuple[int, list[int]]:
    name, *rest = steps(fault.path) or [""]
    return names.index(str(name)) if name in names else -1, [step for step in rest if isinstance(step, int)]


def _faults(error: ValidationError) -> list[Fault]:
    path, expected = tuple(error.absolute_path), cast(Any, error.validator_value)
    if error.validator == "required" and isinstance(error.instance, dict):
        return [Fault(dotted((*path, name)), "This is needed.") for name in expected if name not in error.instance]
    if error.validator == "minItems" and isinstance(error.instance, list):
        lacking = range(len(error.instance), int(expected))
        return [Fault(dotted((*path, place)), "This is missing.") for place in lacking]
    return [Fault(dotted(path), _sentence(error))]


def _sentence(error: ValidationError) -> str:
    rule, named = str(error.validator), cast(Any, error.validator_value)
    if rule in SENTENCES:
        return SENTENCES[rule].format(named)
    if rule == "enum":
        return f"Choose one of: {', '.join(map(str, named))}."
    if rule == "type":
        return f"It must be {KINDS.get(named, named) if isinstance(named, str) else 'of another kind'}."
    return error.message[:200]


def _refuse_the_forbidden(schema: Any, where: str, depth: int) -> None:
    if not isinstance(schema, dict) or depth > DEEPEST:
        raise Invalid(f"“{where}” is not a schema that can be followed here.", field="source")
    if wrong := FORBIDDEN & set(schema):
        raise Invalid(f"“{where}” uses {', '.join(sorted(wrong))}, which plans cannot use.", field="source")
    if schema.get("x-view", VIEWS[0]) not in VIEWS or schema.get("x-stream", "live") not in ("live", "whole"):
        raise Invalid(f"“{where}” has an x-view or x-stream that is unknown.", field="source")
    for name, each in (schema.get("properties") or {}).items():
        if not isinstance(name, str) or not name.isidentifier():
            raise Invalid(f"“{where}.{name}” is not a name that can be used: letters, digits and _ only.", field="source")
        _refuse_the_forbidden(each, f"{where}.{name}", depth + 1)
    if "items" in schema:
        _refuse_the_forbidden(schema["items"], f"{where}[]", depth + 1)
