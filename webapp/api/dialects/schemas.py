"""What the dialects have in common of what their clients send and get."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MOST_CHARS = 32_000


def _trimmed(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


Said = Annotated[
    str,
    # Before the trimming, so that they are of text: behind it a refusal counts "items after validation".
    Field(min_length=1, max_length=MOST_CHARS, description="1 to 32 000 characters after trimming."),
    BeforeValidator(_trimmed),
]
Id = Annotated[str, Field(max_length=64)]


class Taken(BaseModel):
    """What a client sends; unknown fields are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore")


class Given(BaseModel):
    """What a client gets."""


class Notice(Given):
    code: str
    message: str


class PlainError(BaseModel):
    error: str
    code: str
