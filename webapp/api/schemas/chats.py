"""Chats, messages and what is sent. Pure."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from webapp.api.schemas.base import Answer, Body, Cursor, Line, Paged, Query, Text
from webapp.api.schemas.generations import GenerationAnswer

Model = Annotated[Line, Field(description="The id of a model of `GET /api/v1/models`; empty: the one in use.")]


class ChatAnswer(Answer):
    id: str
    kind: str
    title: str
    model: str
    right: Literal["own", "write", "view"] = Field(description="What the caller may do in it.")
    is_running: bool = Field(description="Whether an answer is being written in it.")
    is_temporary: bool
    character_id: str | None
    persona_id: str | None
    pre_prompt: str
    system_prompt: str
    post_prompt: str
    history_limit: int | None = Field(description="How many earlier messages a model is sent; null: all that fit.")
    temperature: float | None = Field(description="How freely the model chooses its words; null: the setting for everybody.")
    max_tokens: int | None = Field(description="The longest answer; null: the setting for everybody, beyond which none goes.")
    head_id: str | None = Field(description="The last message of the branch that the chat shows.")
    follow_up: str = Field(description="The message that waits to be sent; empty when none does.")
    pinned_at: datetime | None
    archived_at: datetime | None
    deleted_at: datetime | None
    created_at: datetime
    changed_at: datetime


class ChatList(Answer):
    chats: list[ChatAnswer]
    next_cursor: str | None


class ChatsQuery(Paged):
    show: Literal["open", "archived", "deleted", "all"] = "open"


class NewChat(Body):
    title: Line = ""
    model: Model = ""
    message: str = Field("", description="The first message: it is sent at once. Empty: none.")
    context_limit: int | None = Field(None, ge=0, le=200)
    character_id: Cursor = Field("", description="Who greets in it; the first message is sent when the greeting is there.")
    persona_id: Cursor = Field("", description="Who you are to the character; empty: your default persona.")
    is_temporary: bool = Field(False, description="Not kept. Such a chat begins with its first message.")


class ChatChange(Body):
    """Only the fields that are there are changed."""

    title: Line | None = None
    model: Line | None = None
    persona_id: Cursor | None = Field(None, description="Who you are in it; null or empty: nobody in particular.")
    is_pinned: bool | None = None
    is_archived: bool | None = None
    pre_prompt: str | None = None
    system_prompt: str | None = None
    post_prompt: str | None = None
    history_limit: int | None = Field(None, ge=0, le=100_000)
    temperature: float | None = Field(None, ge=0, le=2)
    max_tokens: int | None = Field(None, ge=1, le=10**7)


class MessageAnswer(Answer):
    id: str
    chat_id: str
    parent_id: str | None
    role: Literal["user", "assistant"]
    content: str = Field(description="The raw text, as far as it is written.")
    reasoning: str
    status: str = Field(description="`completed` for a person's message, else that of its last generation.")
    generation: GenerationAnswer | None = Field(description="The last one that wrote in it.")
    is_edited: bool = Field(description="Whether an answer is a person's version of one.")
    versions: list[str] = Field(description="This message and those beside it, oldest first; empty when it is the only one.")
    created_at: datetime
    deleted_at: datetime | None


class MessageList(Answer):
    messages: list[MessageAnswer]
    next_cursor: str | None


class MessagesQuery(Query):
    cursor: Cursor = ""
    limit: int = Field(100, ge=1, le=200)
    show: Literal["path", "tree"] = Field("path", description="The branch that the chat shows, or every message of every branch.")


class NewMessage(Body):
    message: Text
    model: Model = ""
    after: Cursor = Field("", description="The message that was seen last: when the chat has gone on, a branch begins there.")
    context_limit: int | None = Field(None, ge=0, le=200, description="How many earlier messages are sent this time.")


class Edited(Body):
    message: Text


class Again(Body):
    model: Model = ""


class Sent(Answer):
    """What was begun. The answer is written whether anybody reads it or not."""

    chat_id: str
    message_id: str = Field(description="The answer that is being written.")
    question_id: str | None = Field(description="The message that is answered.")
    generation_id: str
    status: str
    stream_url: str = Field(description="Its events, with a ticket in the address, for clients that can send no header.")


class NewChatAnswer(Answer):
    chat: ChatAnswer
    sent: Sent | None


class FollowUp(Body):
    message: Text
    model: Model = ""


class Brought(Answer):
    """What became of a file: what is new, what was here already, what cannot be kept and why."""

    chats: int
    messages: int
    known: int
    refused: list[tuple[str, str]]
    refused_count: int
    trouble: str
