"""Base classes and field types of all request bodies and responses of the API, and the grammars of its event streams."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, create_model

from webapp.base.inputs import LATER, Input, Line

Cursor = Annotated[str, StringConstraints(pattern=r"^([0-9a-z]{26})?$")]
Text = Annotated[str, StringConstraints(min_length=1)]
Money = Annotated[str | None, BeforeValidator(lambda dollars: f"{dollars:f}" if isinstance(dollars, Decimal) else dollars)]
Model = Annotated[Line, Field(description="The id of a model from `GET /api/v1/models`; empty for the current one.")]
# Some readers of OpenAPI don't know tuples.
Pair = Annotated[list[str], Field(min_length=2, max_length=2)]
CONFIRM = "The number of things that this deletes, as the answer 409 with the code `confirmation_needed` says it."


# A request body.
Body = Input


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
    typed: dict[str, Any] = {
        field: declared if isinstance(declared, tuple) else (declared, ...) for field, declared in fields.items()
    }
    return create_model(name, __config__=LATER, **typed)


def register(name: str, grammar: Grammar) -> str:
    """Registers a grammar for the OpenAPI document; operations refer to it by this name, as `stream`."""
    GRAMMARS[name] = grammar
    return name
