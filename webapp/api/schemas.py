"""What all bodies and answers of the API have in common. Pure."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

# A schema is built by the first call that needs it, in a few milliseconds: all of them would take three megabytes.
LATER = ConfigDict(frozen=True, defer_build=True)
Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-z]{26}$")]
# Of something that a caller may not know of: what looks like no id of ours is as little there as any other, and is a 404.
AnyId = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z_-]{0,64}$")]
Cursor = Annotated[str, StringConstraints(pattern=r"^([0-9a-z]{26})?$")]
Text = Annotated[str, StringConstraints(min_length=1)]
Line = Annotated[str, StringConstraints(max_length=300)]
Model = Annotated[Line, Field(description="The id of a model from `GET /api/v1/models`; empty for the current one.")]


class Body(BaseModel):
    """What a caller sends: every type is meant, and there are no other fields."""

    model_config = LATER | ConfigDict(strict=True, extra="forbid")


class Query(BaseModel):
    """Parameters of the query string; unknown ones are ignored."""

    model_config = LATER | ConfigDict(extra="ignore")


class Answer(BaseModel):
    """What a caller gets. Fields may be added, never taken away."""

    model_config = LATER

    @classmethod
    def of(cls, row: object, **more: Any) -> Self:
        """What a row says under the same names, and what it does not say or says otherwise."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields.keys() - more.keys()}, **more)


class Paged(Query):
    cursor: Cursor = Field("", description="`next_cursor` of the previous page; empty for the first page.")
    limit: int = Field(50, ge=1, le=200)
