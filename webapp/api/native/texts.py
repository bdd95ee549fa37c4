"""/api/v1/chats/ID/texts and /api/v1/texts: texts beside a chat, their versions, and changes of their parts."""

from datetime import datetime
from typing import Any, Literal

from flask import Blueprint, Response
from pydantic import Field
from werkzeug.utils import get_content_type

from webapp.api.access import caller
from webapp.api.operations import STARTS, operation
from webapp.api.schemas import Answer, Query
from webapp.base.db import db
from webapp.base.inputs import AnyId, Input
from webapp.chat.attachments.service import MOST_TEXT_BYTES
from webapp.chat.record import queries as chat_queries
from webapp.chat.record.access import visible_chat, writable_chat
from webapp.chat.record.tables import Chat
from webapp.people.accounts.guards import found
from webapp.web.downloads import written
from webapp.workspace.texts import changing, export_pages, queries, service
from webapp.workspace.texts.access import visible_text, writable_text
from webapp.workspace.texts.changing import WishInput
from webapp.workspace.texts.parts import WHOLE
from webapp.workspace.texts.queries import TextVersion
from webapp.workspace.texts.service import MOST_NAME, TextInput

# JSON can escape each character.
MOST_BYTES = 3 * MOST_TEXT_BYTES
bp = Blueprint("api_texts", __name__, url_prefix="/api/v1")
MadeBy = Literal["call", "message", "hand", "change"]


class NewText(Input):
    """Either a message that the text is opened from, or its name and words."""

    message_id: AnyId | None = Field(None, description="A message of the chat that the text is opened from.")
    part: str = Field(WHOLE, max_length=20, description="What of the message: `whole`, or `table-1`, `code-2` by their order.")
    name: str = Field("", max_length=MOST_NAME, description="Of a new text: its name, such as `plan.md`.")
    text: str = Field("", description="Of a new text: its words.")


class TextVersionAnswer(Answer):
    version: int
    made_by: MadeBy = Field(description="A call, the message it was opened from, a person, or a change that was accepted.")
    by: str = Field(description="The name of the person who made it, or for whom it was made.")
    created_at: datetime


class TextChangeAnswer(Answer):
    """The change that was asked for; a text has one at most."""

    state: Literal["running", "ready", "ended"] = Field(description="A change that is `ready` can be accepted.")
    start: int
    end: int
    version: int = Field(description="The version that the places are of.")
    wish: str
    new_part: str = Field(description="What is to stand between the places; empty while it is being written.")
    note: str = Field(description="Why it ended, unless it is complete.")
    generation_id: str | None


class TextSummary(TextVersionAnswer):
    id: str
    chat_id: str
    name: str


class TextAnswer(TextSummary):
    text: str
    change: TextChangeAnswer | None
    versions: list[TextVersionAnswer] = Field(description="Newest first.")


class TextList(Answer):
    texts: list[TextSummary]


class VersionQuery(Query):
    version: int | None = Field(None, ge=1, le=10**9, description="An earlier version; by default the newest.")


class FormatQuery(Query):
    format: Literal["md", "docx", "pdf", "html", "file"] = Field("md", description="`file` is the text as it is.")


@bp.get("/chats/<id>/texts")
@operation("List the texts beside a chat", scope="read", answer=TextList)
def index(id: str) -> TextList:
    chat = visible_chat(id)
    return TextList(texts=[TextSummary.model_validate(_summary(text)) for text in queries.texts_of(chat.id, caller().id)])


@bp.post("/chats/<id>/texts")
@operation(
    "Open a text beside a chat",
    scope="chat",
    body=NewText,
    answer=TextAnswer,
    status=201,
    errors=(409, 422, 429),
    most_bytes=MOST_BYTES,
)
def create(id: str, body: NewText) -> TextAnswer:
    chat, me = writable_chat(id), caller()
    if body.message_id:
        message = found(chat_queries.message_in(chat, body.message_id))
        return _answer(service.open_message(message, body.part, by=me))
    return _answer(service.create(chat.id, body.name, body.text, by=me))


@bp.get("/texts/<id>")
@operation("Show a text with its versions", scope="read", query=VersionQuery, answer=TextAnswer)
def show(id: str, query: VersionQuery) -> TextAnswer:
    return _answer(visible_text(id).text_id, query.version)


@bp.patch("/texts/<id>")
@operation(
    "Save a text as its next version", scope="chat", body=TextInput, answer=TextAnswer, errors=(409, 422), most_bytes=MOST_BYTES
)
def update(id: str, body: TextInput) -> TextAnswer:
    service.save(writable_text(id), body, by=caller())
    return _answer(id)


@bp.delete("/texts/<id>")
@operation("Delete a text with all its versions", scope="chat", status=204)
def delete(id: str) -> None:
    service.delete(writable_text(id).text_id)


@bp.post("/texts/<id>/change")
@operation("Have a part of a text rewritten", scope="chat", body=WishInput, answer=TextAnswer, status=202, errors=STARTS)
def change(id: str, body: WishInput) -> TextAnswer:
    now = writable_text(id)
    changing.change(db.session.get_one(Chat, now.chat_id), now, body, by=caller())
    return _answer(id)


@bp.post("/texts/<id>/change/accept")
@operation("Accept a change", scope="chat", answer=TextAnswer, errors=(409,))
def accept(id: str) -> TextAnswer:
    changing.accept(writable_text(id), by=caller())
    return _answer(id)


@bp.delete("/texts/<id>/change")
@operation("Dismiss a change, and stop it if it is being written", scope="chat", status=204)
def dismiss(id: str) -> None:
    changing.dismiss(writable_text(id).text_id)


@bp.get("/texts/<id>/export")
@operation("Export a text", scope="read", query=FormatQuery, media="*/*", errors=(422,))
def export(id: str, query: FormatQuery) -> Response:
    now = visible_text(id)
    content, own_ending, media_type = export_pages.exported(now, query.format)
    name = f"{now.name.rpartition('.')[0]}.{own_ending}"
    return written(content, get_content_type(media_type, "utf-8"), name=name)


def _summary(row: TextVersion) -> dict[str, Any]:
    about = {"id": row.text_id, "chat_id": row.chat_id, "name": row.name, "version": row.number}
    return {**about, "made_by": row.made_by, "by": row.by, "created_at": row.at}


def _answer(id: str, number: int | None = None) -> TextAnswer:
    me = caller()
    version = found(queries.version(id, number, me.id) if number else queries.newest(id, me.id))
    versions = [TextVersionAnswer.model_validate(_summary(row)) for row in queries.versions_of(id, me.id)]
    row = queries.change_of(id)
    return TextAnswer(
        **_summary(version),
        text=version.text(),
        versions=versions,
        change=TextChangeAnswer.of(row, new_part=changing.new_part(row, me) if row.written else "") if row else None,
    )
