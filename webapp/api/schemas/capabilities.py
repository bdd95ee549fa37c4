"""What a server and a caller can do. Pure."""

from pydantic import Field

from webapp.api.schemas.base import Answer


class DialectAnswer(Answer):
    name: str
    paths: list[str]


class LimitsAnswer(Answer):
    """0 means no limit."""

    answers_per_minute: int
    answers_at_once: int
    message_characters: int
    answer_characters: int
    streams_per_chat: int
    streams_per_user: int
    body_bytes: int


class Capabilities(Answer):
    version: str
    streaming: bool = Field(description="Whether answers come as they are written; otherwise whole, by the same events.")
    dialects: list[DialectAnswer]
    scopes: list[str] = Field(description="What the caller may do.")
    limits: LimitsAnswer
    models: int = Field(description="How many models may be chosen.")
    demo: bool = Field(description="Whether answers come from the demo, as no model is connected.")
