"""Models, settings and connections. Pure."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from webapp.api.schemas.base import Answer, Body, Line

Value = bool | int | float | str | list[str]


class ModelAnswer(Answer):
    id: str
    name: str
    is_default: bool
    connection: str
    context_length: int | None
    prompt_price: str | None = Field(description="US dollars per million tokens, as decimal text; null when nobody says.")
    completion_price: str | None


class ModelList(Answer):
    models: list[ModelAnswer]


class SettingAnswer(Answer):
    name: str
    title: str
    sentence: str
    kind: str
    value: Value | None = Field(description="What is in effect; null for a secret.")
    source: Literal["stored", "environment", "default"]
    choices: list[str]
    least: float | None
    most: float | None
    changed_at: datetime | None
    changed_by: str | None


class SettingList(Answer):
    settings: list[SettingAnswer]


class SettingValue(Body):
    value: Value


class ConnectionAnswer(Answer):
    slug: str
    name: str
    kind: str
    base_url: str
    default_model: str
    continuation: str
    is_enabled: bool
    is_built_in: bool
    key_source: Literal["stored", "environment", "none"]
    key_last_four: str
    models: int = Field(description="How many models it lists.")
    checked_at: datetime | None
    check_result: str
    is_working: bool | None = Field(description="What the last test found; null before the first.")


class ConnectionList(Answer):
    connections: list[ConnectionAnswer]


class NewConnection(Body):
    kind: Literal["openai", "anthropic", "openrouter"]
    name: Line
    base_url: Line = ""
    key: str = Field("", max_length=1000, description="Is kept encrypted and never given back.")
    default_model: Line = ""
    continuation: Literal["prefill", "prefix", "instruct"] = "instruct"


class ConnectionChange(Body):
    """Only the fields that are there are changed. Another address needs the key again."""

    name: Line | None = None
    base_url: Line | None = None
    key: str | None = Field(None, max_length=1000)
    default_model: Line | None = None
    continuation: Literal["prefill", "prefix", "instruct"] | None = None
    is_enabled: bool | None = None


class NewKey(Body):
    key: str = Field(min_length=1, max_length=1000)
