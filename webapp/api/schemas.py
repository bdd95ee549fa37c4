"""Base classes and field types of all request bodies and responses of the API, and the grammars of its event streams. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import NoneType
from typing import Annotated, Any, Self, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    create_model,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue

# Builds each validator on first use, in a few milliseconds: all of them would take three megabytes.
LATER = ConfigDict(frozen=True, defer_build=True)
# The id of something that may be hidden from the caller: an id of a wrong form is a 404 like any unknown one.
AnyId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{0,64}$")]
Cursor = Annotated[str, StringConstraints(pattern=r"^([0-9a-z]{26})?$")]
Text = Annotated[str, StringConstraints(min_length=1)]
Line = Annotated[str, StringConstraints(max_length=300)]
Money = Annotated[str | None, BeforeValidator(lambda dollars: f"{dollars:f}" if isinstance(dollars, Decimal) else dollars)]
Model = Annotated[Line, Field(description="The id of a model from `GET /api/v1/models`; empty for the current one.")]


class Body(BaseModel):
    """A request body: types are strict, unknown fields are rejected, and null is the same as leaving a field out."""

    model_config = LATER | ConfigDict(strict=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, sent: Any) -> Any:
        """Leaves out the fields that are null, if they have a default and null has no meaning of its own."""
        if not isinstance(sent, dict) or None not in sent.values():
            return sent
        return {name: value for name, value in sent.items() if value is not None or name not in cls._left_out()}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        found = handler(schema)
        properties = handler.resolve_ref_schema(found)["properties"]
        for name in cls._left_out() & properties.keys():
            kept = {key: properties[name].pop(key) for key in ("title", "description", "default") if key in properties[name]}
            properties[name] = {"anyOf": [properties[name], {"type": "null"}], **kept}
        return found

    @classmethod
    def _left_out(cls) -> set[str]:
        """Returns the fields that have a default and are never null themselves."""
        fields = cls.model_fields.items()
        return {name for name, field in fields if not field.is_required() and NoneType not in get_args(field.annotation)}


class Query(BaseModel):
    """Parameters of the query string; unknown ones are ignored."""

    model_config = LATER | ConfigDict(extra="ignore")


class Answer(BaseModel):
    """A response. Later versions can add fields, but never remove one."""

    model_config = LATER

    @classmethod
    def of(cls, row: object, **more: Any) -> Self:
        """Makes a response from the row's attributes with the same names; `more` adds or replaces values."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields.keys() - more.keys()}, **more)


class Named(Answer):
    """What has an id and a name."""

    id: str
    name: str


class Paged(Query):
    cursor: Cursor = Field("", description="`next_cursor` of the previous page; empty for the first page.")
    limit: int = Field(50, ge=1, le=200)


@dataclass(frozen=True)
class Grammar:
    """`order` is a regular expression over event names; the name is in `event:` if `is_named`, else in `data.type`.

    `texts` lists data that is not JSON.
    """

    order: str
    events: Mapping[str, type[BaseModel]]
    sentence: str = ""
    is_named: bool = True
    texts: tuple[str, ...] = ()
    end: str = field(default="The connection closes after the last event.")


GRAMMARS: dict[str, Grammar] = {}


def shape(name: str, /, **fields: Any) -> Any:
    """Returns a schema that only describes what is sent; a field is its type, or its type and what it is when left out."""
    typed: dict[str, Any] = {field: known if isinstance(known, tuple) else (known, ...) for field, known in fields.items()}
    return create_model(name, **typed)


def register(name: str, grammar: Grammar) -> str:
    """Registers a grammar for the OpenAPI document; operations refer to it by this name, as `stream`."""
    GRAMMARS[name] = grammar
    return name
