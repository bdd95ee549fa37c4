"""What people, programs and files enter: a model declares each field once, with its type, bounds and sentence.

A form shows its fields (`webapp/web/forms.py`), the API takes it as a body, and a service gets it checked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from functools import partial
from types import NoneType
from typing import Annotated, Any, Self, TypeVar, get_args

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    StringConstraints,
    ValidationError,
    WrapValidator,
    create_model,
)
from pydantic.fields import FieldInfo

from webapp.base.errors import Invalid
from webapp.base.words import number, plural

# Builds each validator on first use, in a few milliseconds: all of them would take three megabytes.
LATER = ConfigDict(frozen=True, defer_build=True)
TEXT_CHARS = 20_000
T = TypeVar("T")


class Input(BaseModel):
    """What is entered for something: types are strict, unknown fields are rejected, and null is the same as leaving one out."""

    model_config = LATER | ConfigDict(strict=True, extra="forbid")

    @classmethod
    def entered(cls, values: Mapping[str, Any]) -> Self:
        """Returns the checked input; numbers can be text, as in forms. Raises `Invalid` with the first wrong field."""
        try:
            return cls.model_validate(dict(values), strict=False)
        except ValidationError as error:
            raise _refusal(error) from error

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Has a null in each field that is left out with it use the default.

        A validator before the types are read would hand them Python's values, of which JSON's text is no date and no decimal.
        """
        model = fields_schema = handler(source)
        while fields_schema["type"] != "model-fields":
            fields_schema = fields_schema["schema"]
        for name in cls._left_out():
            default = fields_schema["fields"][name]["schema"]
            given = {"type": "no-info", "function": partial(_or_default, cls.model_fields[name])}
            default["schema"] = {
                "type": "function-after",
                "function": given,
                "schema": {"type": "nullable", "schema": default["schema"]},
            }
        return model

    @classmethod
    def _left_out(cls) -> set[str]:
        """Returns the fields that have a default and are never null themselves."""
        fields = cls.model_fields.items()
        return {name for name, field in fields if not field.is_required() and NoneType not in get_args(field.annotation)}


class Changes(Input):
    """Updates only the fields that are sent."""

    @property
    def given(self) -> dict[str, Any]:
        """The fields that were sent."""
        return self.model_dump(exclude_none=True)

    def over(self, row: object) -> dict[str, Any]:
        """Returns the fields that were sent, and the row's attributes of the same names for the others."""
        return {name: getattr(row, name) for name in type(self).model_fields} | self.given


def changes(
    name: str, whole: type[Input], hint: str = "", *, but: Sequence[str] = (), about: Mapping[str, str] | None = None, **more: Any
) -> type[Changes]:
    """Returns an input that changes another one: its fields without `but`, each optional, and `more`.

    `about` has the descriptions that differ, and `hint` what else callers should know.
    """
    described = about or {}
    optional: dict[str, Any] = {}
    for key, model_field in whole.model_fields.items():
        if key not in but:
            own = Field(description=None if key in described else model_field.description)
            annotated = Annotated.__class_getitem__((model_field.annotation, *model_field.metadata, own))  # type: ignore[attr-defined]
            optional[key] = (annotated | None, Field(None, description=described.get(key) or None))
    optional |= {key: (type | None, None) for key, type in more.items()}
    return create_model(name, __base__=Changes, __doc__=f"{Changes.__doc__} {hint}".strip(), **optional)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The sentence for a value that the bounds before it in an `Annotated` don't allow; `fault` narrows it to one of them."""

    sentence: str
    fault: str = field(default="", kw_only=True)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return WrapValidator(self.validated).__get_pydantic_core_schema__(source, handler)

    def validated(self, value: Any, validate: Callable[[Any], Any]) -> Any:
        try:
            return validate(value)
        except ValidationError as error:
            fault = error.errors()[0]["type"]
            # A sentence of an inner validator stays, and programs that send another type are told which one it must be.
            if fault == "value_error" or fault.endswith("_type") or (self.fault and fault != self.fault):
                raise
            raise ValueError(self.sentence) from error


@dataclass(frozen=True, slots=True)
class OneLine(Refusal):
    """A text of one line, without spaces around it; the sentence is for any other text."""

    max_length: int
    min_length: int = 0

    def validated(self, value: Any, validate: Callable[[Any], Any]) -> Any:
        line = Refusal.validated(self, " ".join(value.split()) if isinstance(value, str) else value, validate)
        if not self.allows(line):
            raise ValueError(self.sentence)
        return line

    def allows(self, line: str) -> bool:
        return self.min_length <= len(line) <= self.max_length and line.isprintable()


@dataclass(frozen=True, slots=True)
class Whole:
    """The bounds of a whole number; its refusal names both."""

    least: int
    most: int

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        bounded = Annotated.__class_getitem__((source, Field(ge=self.least, le=self.most)))  # type: ignore[attr-defined]
        refusal = Refusal(f"Enter a whole number from {self.least:,} to {self.most:,}.")
        return refusal.__get_pydantic_core_schema__(bounded, handler)


def checked_by(rule: Callable[[T], Any]) -> AfterValidator:
    """Returns the validator that applies a rule which raises `Invalid`."""

    def check(value: T) -> Any:
        try:
            return rule(value)
        except Invalid as refusal:
            raise ValueError(refusal.message) from refusal

    return AfterValidator(check)


def storable(text: str) -> str:
    """Returns a text that every database can store, with LF line endings: forms send CRLF."""
    return text.replace("\r\n", "\n").replace("\0", "\ufffd").encode("utf-8", "replace").decode().strip()


def _or_default(field: FieldInfo, value: Any) -> Any:
    return field.get_default(call_default_factory=True) if value is None else value


# For a text of several lines.
Prose = BeforeValidator(lambda text: storable(text) if isinstance(text, str) else text)
LongText = Annotated[str, StringConstraints(max_length=TEXT_CHARS), Prose]
NAME = OneLine("Enter a name of up to 120 characters.", 120, 1)
Name = Annotated[str, StringConstraints(min_length=1, max_length=120), NAME]
# The id of something that may be hidden from the caller: an id of a wrong form is a 404 like any unknown one.
AnyId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{0,64}$")]
# In UTC, as SQLite stores no time zone.
Moment = Annotated[AwareDatetime, AfterValidator(lambda moment: moment.astimezone(UTC))]
# A line of which a rule of its own says what it may be.
Line = Annotated[str, StringConstraints(max_length=300)]


def _refusal(error: ValidationError) -> Invalid:
    first = error.errors(include_url=False)[0]
    return Invalid(_sentence(first), field=str(next(iter(first["loc"]), "")))


def _sentence(fault: Mapping[str, Any]) -> str:
    bounds = fault.get("ctx", {})
    match fault["type"]:
        case "string_too_long":
            over = plural(len(fault["input"]) - bounds["max_length"], "character")
            return f"That is {over} too long. The limit is {number(bounds['max_length'])}."
        case "decimal_parsing" | "float_parsing" | "finite_number":
            return "Enter a number."
        case "greater_than":
            return f"Enter a number greater than {bounds['gt']:g}."
        case "literal_error":
            return f"Choose one of: {bounds['expected']}."
        case _:
            return f"{fault['msg'].removeprefix('Value error, ').rstrip('.')}."
