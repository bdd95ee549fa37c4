"""Characters and personas. Pure."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from webapp.api.schemas.base import Answer, Body, Query

Name = Annotated[str, StringConstraints(min_length=1, max_length=120)]
LongText = Annotated[str, StringConstraints(max_length=20_000)]
Tags = Annotated[list[Annotated[str, StringConstraints(min_length=1, max_length=40)]], Field(max_length=12)]


class CharacterAnswer(Answer):
    id: str
    name: str
    description: str = Field(description="Who it is; told to the model word for word.")
    system_prompt: str
    post_history_prompt: str = Field(description="Told to the model right before the newest message.")
    greeting: str = Field(description="The first message of every new chat, as markdown.")
    tags: list[str]
    card: dict[str, Any] = Field(description="What an imported card says beside all this.")
    is_teams: bool = Field(description="Whether it belongs to the whole team, whose admins change it.")
    is_own: bool
    is_shared: bool = Field(description="Whether everybody in the team may chat with it.")
    avatar_url: str | None
    created_at: datetime
    changed_at: datetime


class CharacterList(Answer):
    characters: list[CharacterAnswer]


class CharactersQuery(Query):
    q: str = Field("", max_length=200, description="Words that must all stand in a name, a tag or a description.")
    tag: str = Field("", max_length=40)


class NewCharacter(Body):
    """It says something of itself in at least one of its texts."""

    name: Name
    description: LongText = ""
    system_prompt: LongText = ""
    post_history_prompt: LongText = ""
    greeting: LongText = ""
    tags: Tags = Field(default_factory=list)
    is_shared: bool = False
    card: dict[str, Any] = Field(default_factory=dict)


class CharacterChange(Body):
    """Only the fields that are there are changed."""

    name: Name | None = None
    description: LongText | None = None
    system_prompt: LongText | None = None
    post_history_prompt: LongText | None = None
    greeting: LongText | None = None
    tags: Tags | None = None
    is_shared: bool | None = None


class PersonaAnswer(Answer):
    id: str
    name: str
    description: str = Field(description="Who the person is; told to the model word for word.")
    is_default: bool = Field(description="Whether it is taken in new chats with characters.")
    is_teams: bool = Field(description="Whether it belongs to the whole team, whose admins change it.")
    avatar_url: str | None
    created_at: datetime


class PersonaList(Answer):
    personas: list[PersonaAnswer]


class NewPersona(Body):
    name: Name
    description: LongText = Field(min_length=1)
    is_default: bool = False


class PersonaChange(Body):
    """Only the fields that are there are changed."""

    name: Name | None = None
    description: LongText | None = None
    is_default: bool | None = None
