"""Base classes and field types of all request bodies and responses of the API. Pure."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

# Builds each validator on first use, in a few milliseconds: all of them would take three megabytes.
LATER = ConfigDict(frozen=True, defer_build=True)
# The id of something that may be hidden from the caller: an id of a wrong form is a 404 like any unknown one.
AnyId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{0,64}$")]
Cursor = Annotated[str, StringConstraints(pattern=r"^([0-9a-z]{26})?$")]
Text = Annotated[str, StringConstraints(min_length=1)]
Line = Annotated[str, StringConstraints(max_length=300)]
Model = Annotated[Line, Field(description="The id of a model from `GET /api/v1/models`; empty for the current one.")]


class Body(BaseModel):
    """A request body: types are strict, and unknown fields are rejected."""

    model_config = LATER | ConfigDict(strict=True, extra="forbid")


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


class Paged(Query):
    cursor: Cursor = Field("", description="`next_cursor` of the previous page; empty for the first page.")
    limit: int = Field(50, ge=1, le=200)
