"""Field types and base classes that the schemas of all dialects share."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _trimmed(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


Said = Annotated[
    str,
    # Before the trimming, so that pydantic reports the lengths as characters: after a validator, its errors speak of "items
    # after validation".
    Field(min_length=1, description="At least 1 character after trimming, at most `message_characters` of the capabilities."),
    BeforeValidator(_trimmed),
]
Id = Annotated[str, Field(max_length=64)]


class DialectRequest(BaseModel):
    """A request body; unknown fields are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore", defer_build=True)


class DialectResponse(BaseModel):
    """A response."""

    model_config = ConfigDict(defer_build=True)


class DialectNotice(DialectResponse):
    code: str
    message: str


Reason = Annotated[
    str,
    Field(description="Why the answer ended: `stop`, `length`, `user`, or what cut it off, such as `cut` or `stall`."),
]


class PlainError(DialectResponse):
    error: str
    code: str
