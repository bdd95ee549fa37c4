"""The API's response to a request that starts a generation."""

from typing import Any

from flask import Response
from pydantic import Field

from webapp.api.native.events import EVENTS, CanonicalEncoder
from webapp.api.operations import wants_stream
from webapp.api.problems import stream_url
from webapp.api.schemas import Answer
from webapp.api.streaming.streams import stream
from webapp.base.db import db
from webapp.chat.record.tables import Message
from webapp.engine.tables import Generation


class Sent(Answer):
    """The generation that was started. The answer is written whether or not a client reads it."""

    chat_id: str
    message_id: str = Field(description="The answer in progress.")
    character_id: str | None = Field(description="In a group, whose answer it is.")
    question_id: str | None = Field(description="The message being answered.")
    generation_id: str
    status: str
    stream_url: str = Field(description="Its event stream, with a ticket in the URL for clients that can't send headers.")


STARTS: dict[str, Any] = {"scope": "chat", "answer": Sent, "status": 202, "errors": (409, 429), "stream": EVENTS}


def begun(generation: Generation) -> Sent | Response:
    """Returns the generation that was started, or its events if the client accepts an event stream."""
    return stream(generation, CanonicalEncoder()) if wants_stream() else sent(generation)


def sent(row: Generation) -> Sent:
    answer = db.session.get_one(Message, row.message_id)
    return Sent(
        chat_id=answer.chat_id,
        message_id=answer.id,
        character_id=answer.speaker_id,
        question_id=answer.parent_id,
        generation_id=row.id,
        status=row.status,
        stream_url=stream_url(row.id),
    )
