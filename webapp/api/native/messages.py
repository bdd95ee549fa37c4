"""/api/v1/.../messages: sending and changing messages, their files and ratings, and what is queued or suggested as the next."""

from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Annotated, Any, Literal

from flask import Blueprint, Response, request
from pydantic import Field, StringConstraints

from webapp.api.access import caller
from webapp.api.authors import Author, authors_of
from webapp.api.native.chats import ChatAnswer, answer_of
from webapp.api.native.generations import STARTS, GenerationAnswer, Sent, SentTogether, begun, sent_together
from webapp.api.native.tools import WITH_A_MESSAGE_CHARS, CallAnswer
from webapp.api.operations import idempotency_key, operation
from webapp.api.schemas import Answer, Body, Cursor, Model, Named, Query, Text
from webapp.api.sources import SourceAnswer, source_answers_by_message
from webapp.base.errors import Invalid
from webapp.base.inputs import AnyId, Line
from webapp.chat.attachments import service as attachment_service
from webapp.chat.attachments.views import served, visible_file
from webapp.chat.calls.lines import calls_by_message
from webapp.chat.files.attachments import MOST_FILES, joined
from webapp.chat.files.tables import StoredFile
from webapp.chat.messages import feedback, follow_up, sending, side_by_side, suggestion, versions
from webapp.chat.record import queries
from webapp.chat.record.access import own_chat, own_message, visible_chat, visible_message, writable_chat, writable_message
from webapp.chat.record.model_choice import MOST_BESIDE, without_command
from webapp.chat.record.tables import Message
from webapp.engine.engine import the_engine
from webapp.engine.tables import Generation
from webapp.people.accounts.guards import found
from webapp.web.uploads import expect_files
from webapp.workspace.list import paging

# A limit, as each message in a page lists the ids of all versions next to it.
MOST_VERSIONS = 500
bp = Blueprint("api_messages", __name__, url_prefix="/api/v1")


class MessageAnswer(Answer):
    id: str
    chat_id: str
    parent_id: str | None
    role: Literal["user", "assistant"]
    character_id: str | None = Field(description="Whose answer it is, in a chat with characters.")
    speaker: str = Field(description="The name of who says it in a group, as it was then; empty in other chats.")
    author: Author | None = Field(description="The person who wrote it, or edited this answer; null for a model's text.")
    content: str = Field(description="The raw text so far.")
    reasoning: str
    status: str = Field(description="`completed` for a person's message, otherwise the status of its last generation.")
    generation: GenerationAnswer | None = Field(description="The last model that wrote it.")
    sources: list[SourceAnswer] = Field(description="The passages that the answer was given, as far as you can see them.")
    calls: list[CallAnswer] = Field(description="The tools that the answer called, in order.")
    is_edited: bool = Field(description="Whether a person edited this answer.")
    is_hidden: bool = Field(description="Whether models are not sent this message.")
    is_kept: bool = Field(description="Whether it is kept in full: it is never folded.")
    versions: list[str] = Field(
        description="This message and its other versions, oldest first, of hundreds the newest 500; empty if it is the only one."
    )
    created_at: datetime
    deleted_at: datetime | None


class MessageList(Answer):
    messages: list[MessageAnswer]
    next_cursor: str | None = Field(description="Null on the last page. A page ends after a million characters, however few.")


class MessagesQuery(Query):
    cursor: Cursor = ""
    limit: int = Field(100, ge=1, le=200)
    show: Literal["path", "tree"] = Field("path", description="The current branch, or every message of every branch.")


BESIDE: Any = Field(
    [], description="Two to four models that answer side by side: all of them start, or none.", max_length=MOST_BESIDE
)


class NewMessage(Body):
    message: str = Field("", description="Its text; it can be empty where there are files, or for a character to speak next.")
    file_ids: list[AnyId] = Field([], description="Your files from `POST /api/v1/files`.", max_length=MOST_FILES)
    character_id: Cursor = Field(
        "", description="Which of several characters answers; without a message it speaks after what was said last."
    )
    model: Model = ""
    after: Cursor = Field("", description="The last message you saw; if the chat has continued since, a branch starts there.")
    models: list[Line] = BESIDE
    context_limit: int | None = Field(None, ge=0, le=200, description="How many earlier messages to send this time.")


class SentMessage(SentTogether):
    message: MessageAnswer | None = Field(None, description="The message that models answer side by side; else null.")


class Edited(Body):
    message: Text


class EditedQuestion(Edited):
    models: list[Line] = BESIDE


class Rewritten(Edited):
    keep_following: bool = Field(
        False, description="Keep what follows: it is copied below the new version. Then a person's message can be edited, too."
    )


class MessageChanges(Body):
    is_hidden: bool | None = Field(None, description="Hide the message from models, or show it to them again.")
    is_kept: bool | None = Field(
        None, description="Keep it in full, so that it is never folded; such messages take half of the model's context at most."
    )


class Again(Body):
    model: Model = ""
    without_facts: list[AnyId] = Field([], description="Facts that it is not given this time.", max_length=1_000)


STARTS_SEVERAL: dict[str, Any] = {**STARTS, "answer": SentMessage}


@bp.get("/chats/<id>/messages")
@operation("List a chat's messages: the current branch, or all of them", scope="read", query=MessagesQuery, answer=MessageList)
def index(id: str, query: MessagesQuery) -> MessageList:
    page = {"path": paging.path, "tree": paging.tree}[query.show](visible_chat(id), after=query.cursor, limit=query.limit)
    return MessageList(messages=_answers_of(page.rows), next_cursor=page.next_cursor or None)


@bp.post("/chats/<id>/messages")
@operation("Send a message and start an answer, or several side by side", body=NewMessage, takes_key=True, **STARTS_SEVERAL)
def send(id: str, body: NewMessage) -> Sent | Response:
    options = sending.AnswerOptions(context_limit=body.context_limit)
    arguments = {"key": idempotency_key(), "model": body.model, "after": body.after, "speaker_id": body.character_id}
    chat, me = writable_chat(id), caller().id
    message, drawn_by = (body.message, "") if body.models else without_command(body.message)
    text = joined(message, attachment_service.blocks(me, body.file_ids))
    return _begun(sending.ask(chat, text, by=me, options=options, models=body.models, answered_by=drawn_by, **arguments))


@bp.get("/messages/<id>")
@operation("Show a message, including partial text", scope="read", answer=MessageAnswer)
def show(id: str) -> MessageAnswer:
    return _one(visible_message(id))


@bp.post("/messages/<id>/edit")
@operation(
    "Edit a message: creates a branch and a new answer, or several side by side",
    body=EditedQuestion,
    takes_key=True,
    **STARTS_SEVERAL,
)
def edit(id: str, body: EditedQuestion) -> Sent | Response:
    message, me = writable_message(id), caller().id
    return _begun(sending.edit(message, body.message, key=idempotency_key(), by=me, models=body.models))


@bp.post("/messages/<id>/rewrite")
@operation(
    "Edit an answer: creates a new version without calling a model",
    scope="chat",
    body=Rewritten,
    answer=MessageAnswer,
    status=201,
    errors=(409, 422),
)
def rewrite(id: str, body: Rewritten) -> MessageAnswer:
    store = versions.correct if body.keep_following else versions.rewrite
    return _one(store(writable_message(id), body.message, by=caller().id))


@bp.post("/messages/<id>/regenerate")
@operation("Regenerate an answer as a new version, or answer a message that has none", body=Again, **STARTS)
def again(id: str, body: Again) -> Sent | Response:
    message, me = writable_message(id), caller().id
    return begun(sending.regenerate(message, model=body.model, by=me, without_facts=body.without_facts))


@bp.post("/messages/<id>/continue")
@operation("Continue an answer in the same message: an interrupted one, or the last of its branch", **STARTS)
def go_on(id: str) -> Sent | Response:
    return begun(sending.continue_answer(writable_message(id), by=caller().id))


@bp.post("/messages/<id>/keep")
@operation("Keep one of the answers side by side: the chat continues from it", scope="chat", answer=MessageAnswer, errors=(409,))
def keep(id: str) -> MessageAnswer:
    side_by_side.keep(writable_message(id))
    return _one(visible_message(id))


@bp.post("/messages/<id>/show")
@operation("Switch to this version's branch", scope="chat", answer=MessageAnswer, errors=(409,))
def show_version(id: str) -> MessageAnswer:
    versions.show_version(writable_message(id))
    return _one(visible_message(id))


@bp.patch("/messages/<id>")
@operation(
    "Hide a message from models, or keep it in full", scope="chat", body=MessageChanges, answer=MessageAnswer, errors=(409, 422)
)
def update(id: str, body: MessageChanges) -> MessageAnswer:
    message = writable_message(id)
    if body.is_kept is None and body.is_hidden is None:
        raise Invalid("Say what to change: is_hidden or is_kept.")
    if body.is_kept is not None:
        versions.keep_in_full(message, is_kept=body.is_kept)
    if body.is_hidden is not None:
        versions.hide(writable_message(id), is_hidden=body.is_hidden)
    return _one(visible_message(id))


@bp.delete("/messages/<id>")
@operation("Delete a message and everything after it", scope="chat", status=204, errors=(409, 422))
def delete(id: str) -> None:
    versions.delete(own_message(id))


@bp.post("/messages/<id>/restore")
@operation("Restore a deleted message and switch to it", scope="chat", answer=MessageAnswer, errors=(409,))
def restore(id: str) -> MessageAnswer:
    versions.restore(own_message(id, even_deleted=True))
    return _one(visible_message(id))


@bp.post("/messages/<id>/erase")
@operation("Permanently delete a deleted message and everything deleted with it", scope="chat", status=204, errors=(409,))
def erase(id: str) -> None:
    message = own_message(id, even_deleted=True)
    versions.erase(found(message if message.deleted_at else None))


def _begun(first: Generation) -> Sent | Response:
    """Returns what was started, or the events of a single answer if the client accepts an event stream: several can't be one."""
    if not first.column_number:
        answer = begun(first)
        return SentMessage(**dict(answer)) if isinstance(answer, Sent) else answer
    together = sent_together(first)
    return SentMessage(**dict(together), message=_one(visible_message(together.question_id or "")))


def _answers_of(rows: Sequence[Message]) -> list[MessageAnswer]:
    """Returns messages of one chat in the order given, each with the text written so far."""
    generations, versions = queries.generations_with_texts(rows), queries.siblings_of(rows)
    sources, authors, calls = source_answers_by_message(rows), authors_of(rows), calls_by_message(rows)
    answers = CallAnswer.from_rows([*chain.from_iterable(calls.values())], most_chars=WITH_A_MESSAGE_CHARS)
    by_id = {answer.id: answer for answer in answers}
    return [
        _answer(
            row,
            generations.get(row.id, []),
            versions.get(row.id, []),
            sources.get(row.id, []),
            authors.get(row.id),
            [by_id[call.id] for call in calls.get(row.id, [])],
        )
        for row in rows
    ]


def _one(row: Message) -> MessageAnswer:
    return _answers_of([row])[0]


def _answer(
    row: Message,
    generations: Sequence[Generation],
    versions: Sequence[str],
    sources: list[SourceAnswer],
    author: Author | None,
    calls: list[CallAnswer],
) -> MessageAnswer:
    last = generations[-1] if generations else None
    is_unnamed = row.role == "assistant" and not row.speaker_name
    return MessageAnswer.of(
        row,
        character_id=queries.chat_of(row).character_id if is_unnamed else row.speaker_id,
        speaker=row.speaker_name,
        author=author,
        content=queries.text_so_far(the_engine(), row) if last and last.is_active else row.content,
        status=last.status if last else "completed",
        generation=GenerationAnswer.from_row(last) if last else None,
        versions=list(versions)[-MOST_VERSIONS:],
        sources=sources,
        calls=calls,
    )


feedback_bp = Blueprint("api_feedback", __name__, url_prefix="/api/v1/messages/<id>/feedback")


class FeedbackAnswer(Answer):
    is_good: bool | None = Field(description="Your rating; null if you haven't rated this answer.")
    reason: str


class NewFeedback(Body):
    is_good: bool
    reason: Annotated[str, StringConstraints(max_length=feedback.MOST_CHARS)] = ""


@feedback_bp.get("", endpoint="show")
@operation("Show your rating of an answer", scope="read", answer=FeedbackAnswer)
def show_rating(id: str) -> FeedbackAnswer:
    return _rating(id)


@feedback_bp.put("")
@operation(
    "Rate an answer, instead of an earlier rating", scope="chat", body=NewFeedback, answer=FeedbackAnswer, errors=(409, 422)
)
def rate(id: str, body: NewFeedback) -> FeedbackAnswer:
    feedback.rate(caller().id, own_message(id), is_good=body.is_good, reason=body.reason)
    return _rating(id)


@feedback_bp.delete("")
@operation("Delete your rating of an answer", scope="chat", status=204)
def take_back(id: str) -> None:
    feedback.remove_rating(caller().id, own_message(id))


def _rating(id: str) -> FeedbackAnswer:
    rating = feedback.feedback_by_message(caller().id, [own_message(id).id]).get(id)
    return FeedbackAnswer(is_good=rating.is_good if rating else None, reason=rating.reason if rating else "")


files_bp = Blueprint("api_files", __name__, url_prefix="/api/v1/files")


class FileAnswer(Named):
    kind: Literal["image", "text", "document"] = Field(
        description="A document is kept as its text or, if it is long, as it is: then answers quote passages of it."
    )
    media_type: str
    bytes: int
    width: int = Field(description="Of an image, in pixels; else 0.")
    height: int


@files_bp.post("", endpoint="create")
@operation(
    "Upload a PNG, JPEG, WebP or GIF image, a document or a text, to be sent in a message",
    scope="chat",
    upload_field="file",
    answer=FileAnswer,
    status=201,
    errors=(413, 422),
    named={"message": "file"},
)
def upload() -> FileAnswer:
    expect_files(attachment_service.most_bytes())
    sent_file = request.files.get("file")
    if not sent_file or not sent_file.filename:
        raise Invalid("Send a file in the field `file`.", field="file")
    file: StoredFile = attachment_service.upload(caller().id, sent_file.filename, sent_file.stream)
    return FileAnswer.of(file)


@files_bp.get("/<id>", endpoint="show")
@operation("Get a file that you sent, or that was sent in a chat you can see", scope="read", media="*/*")
def show_file(id: str) -> Response:
    return served(visible_file(id))


follow_ups_bp = Blueprint("api_follow_ups", __name__, url_prefix="/api/v1/chats/<id>/follow-up")


class NewFollowUp(Body):
    message: Text
    model: Model = ""
    character_id: Cursor = Field("", description="Which of several characters answers.")


class Reworded(Body):
    message: Text


@follow_ups_bp.put("")
@operation(
    "Queue a message, to be sent when the answers before it are complete",
    scope="chat",
    body=NewFollowUp,
    answer=ChatAnswer,
    errors=(409,),
)
def queue(id: str, body: NewFollowUp) -> ChatAnswer:
    chat = writable_chat(id)
    # Of those side by side, one that is named answers alone.
    named = {"answered_by" if chat.models else "model": body.model}
    message, drawn_by = without_command(body.message)
    named |= {"answered_by": drawn_by} if drawn_by else {}
    follow_up.queue(chat, message, by=caller().id, speaker_id=body.character_id, **named)
    return answer_of(writable_chat(id))


@follow_ups_bp.delete("", endpoint="remove")
@operation("Remove every queued message; for others than the chat's owner, their own", scope="chat", status=204)
def remove_queued(id: str) -> None:
    follow_up.remove_all(writable_chat(id), by=caller().id)


@follow_ups_bp.patch("/<waiting>", endpoint="edit")
@operation("Edit a queued message of your own", scope="chat", body=Reworded, answer=ChatAnswer, errors=(409,))
def edit_queued(id: str, waiting: str, body: Reworded) -> ChatAnswer:
    follow_up.edit(writable_chat(id), waiting, body.message, by=caller().id)
    return answer_of(writable_chat(id))


@follow_ups_bp.delete("/<waiting>", endpoint="remove_one")
@operation("Remove a queued message: your own, or any in a chat of yours", scope="chat", status=204, errors=(409,))
def remove_one_queued(id: str, waiting: str) -> None:
    follow_up.remove(writable_chat(id), waiting, by=caller().id)


@follow_ups_bp.post("/send", endpoint="send")
@operation("Send the next queued message now; in a chat with `models`, all of them answer it", **STARTS_SEVERAL)
def send_queued(id: str) -> Sent | Response:
    return _begun(follow_up.send(writable_chat(id)))


suggestions_bp = Blueprint("api_suggestions", __name__, url_prefix="/api/v1/chats/<id>/suggestion")


class Beginning(Body):
    message: str = Field("", description="What has been written of it; the suggestion begins with that.")


class Suggestion(Answer):
    message: str = Field(
        description="The suggested message. It is kept as the draft of this chat and not sent. Stopped: what was given."
    )


@suggestions_bp.post("")
@operation(
    "Suggest a person's next message in a chat with a character",
    scope="chat",
    body=Beginning,
    answer=Suggestion,
    errors=(409, 429, 503),
)
def suggest(id: str, body: Beginning) -> Suggestion:
    return Suggestion(message=suggestion.suggest(own_chat(id), body.message))


@suggestions_bp.delete("", endpoint="stop")
@operation("Stop the suggestion that is being written, if there is one", scope="chat", status=204)
def stop_suggestion(id: str) -> None:
    suggestion.stop(own_chat(id))
