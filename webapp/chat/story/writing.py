"""Has a model continue the story so far in the background, so that messages are retold before they leave the history."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import insert, literal, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.base.db import db, utc_now
from webapp.base.errors import AppError, Conflict
from webapp.base.heavy.turns import wait_for_turn
from webapp.base.ids import new_id
from webapp.chat.prompt import path_story
from webapp.chat.prompt.assistant_context import has_history
from webapp.chat.prompt.builder import PromptBuilder
from webapp.chat.prompt.built_in import STORY_KEY
from webapp.chat.prompt.parts import ANSWER_TOKENS, CAUTION
from webapp.chat.prompt.path_story import MOST_CHARS
from webapp.chat.prompt.tokens import estimate
from webapp.chat.record.model_choice import named
from webapp.chat.record.post_answer import PostAnswer
from webapp.chat.record.tables import Chat, Message, Story
from webapp.chat.story import pieces
from webapp.chat.story.pieces import Piece
from webapp.engine import side_requests
from webapp.engine.engine import Engine
from webapp.engine.side_requests import SideRequest
from webapp.engine.tables import Generation
from webapp.models.connections.models import DEMO
from webapp.models.providers.base import ModelRequest
from webapp.prompts import active_prompts
from webapp.prompts.active_prompts import Rendered
from webapp.streaming.transcript import Transcript

PURPOSE = "story"
# Generous, because no one waits for it, and models that run at home are slow.
MOST_SECONDS = 120.0
# The most that one request retells, and the context length assumed for a model if it is unknown.
MOST_TOKENS, USUAL_LENGTH = 24_000, 8_192
# A story takes up to a sixteenth of the context window, and at most this many words.
SHARE, MOST_WORDS = 16, 600
ENDED = ("completed", "stopped")
log = logging.getLogger("chat:story")
# Running jobs by generation id. Only in memory, because requests contain text of the chat.
_jobs: dict[str, "StoryJob"] = {}


@dataclass(slots=True)
class StoryJob:
    """A running request for a story; `is_kept` is set when the story was stored."""

    chat_id: str
    piece: Piece
    side_request: SideRequest
    is_kept: bool = False


def carry_on_later(engine: Engine, generation: Generation, after: PostAnswer) -> None:
    """Has the story continued in a greenlet of its own; after a failure, the next answer triggers another try."""
    is_meant = generation.status in ENDED and not generation.is_demo and after.owner_id and generation.message_id
    if is_meant and path_story.is_kept(after.story, generation.kind) and not engine.is_closing:
        values = after.chat_id, generation.message_id or "", generation.model_asked
        engine.spawn(lambda: _carry_on(engine, *values))


def begin(engine: Engine, job: StoryJob) -> None:
    """Starts the request; raises an `AppError` if it can't run now."""
    _jobs[job.side_request.id] = job
    has_begun = False
    try:
        side_requests.request_again(job.side_request)
        has_begun = True
    except IntegrityError as error:
        raise Conflict("The story so far is already being written.") from error
    finally:
        if not has_begun:
            del _jobs[job.side_request.id]


def all_of(chat: Chat, model: str, person: str) -> StoryJob | None:
    """Returns a job for the next piece of everything that the story doesn't cover yet."""
    return _job(chat, model, person, partial(pieces.all_of, chat))


def lane(chat_id: str) -> str:
    return f"{PURPOSE}:{chat_id}"


def _carry_on(engine: Engine, chat_id: str, message_id: str, model: str) -> None:
    """Starts the request; errors are only logged, since the answer has ended and the next one triggers another try."""
    wait_for_turn()
    with engine.in_app():
        try:
            chat = db.session.get(Chat, chat_id)
            if chat and chat.owner_id and not chat.deleted_at and has_history(chat):
                find = partial(pieces.due, chat, message_id, model)
                if job := _job(chat, model, chat.owner_id, find):
                    begin(engine, job)
        except (AppError, SQLAlchemyError) as error:
            log.info("no story for %s: %s", chat_id, type(error).__name__)


def _job(chat: Chat, model: str, person: str, find: Callable[[int], Piece | None]) -> StoryJob | None:
    prompt = active_prompts.render(STORY_KEY)
    model = prompt.version.model or model
    if model.startswith(DEMO):
        return None
    length = named(model).context_length or USUAL_LENGTH
    answer = min(ANSWER_TOKENS, length // 4)
    found = find(min(MOST_TOKENS, int((length - answer) / CAUTION) - estimate(prompt.text)))
    if not found:
        return None
    request = _request(prompt, model, found, answer, words=min(MOST_WORDS, length // SHARE))
    return StoryJob(chat.id, found, SideRequest(PURPOSE, lane(chat.id), person, request, seconds=MOST_SECONDS))


def _request(prompt: Rendered, model: str, piece: Piece, answer_tokens: int, *, words: int) -> ModelRequest:
    before = f"The story so far:\n\n{piece.before.text}\n\n" if piece.before else ""
    instruction = f"{before}What was said next:\n\n{piece.words}\n\nThe story of both, in at most {words} words:"
    parameters = {"max_tokens": answer_tokens, **prompt.parameters}
    return PromptBuilder(prompt.sections).build(model, [("user", instruction)], **parameters)


def _finish(session: Session, generation: Generation, transcript: Transcript, _picture: Any) -> None:
    """Stores the story, unless the one it continues has changed or its last message is gone."""
    job, text = _jobs.get(generation.id), transcript.text.strip()[:MOST_CHARS]
    # The story can be deleted after its text is complete and before it is stored: it must not reappear then.
    is_wanted = generation.status == "completed" and not generation.stop_requested_at
    if not job or not text or not is_wanted:
        return
    before, message_id = job.piece.before, job.piece.message_id
    values = {"id": new_id(), "text": text, "model": generation.model_used or generation.model_asked, "created_at": utc_now()}
    columns = [literal(value, Story.__table__.c[name].type) for name, value in values.items()]
    there = select(Message.chat_id, Message.id, *columns)
    there = there.where(Message.id == message_id, Message.chat_id == job.chat_id)
    if before:
        same = select(Story.id).where(Story.id == before.id, Story.text == before.text)
        there = there.where(same.exists())
    else:
        there = there.where(~select(Story.id).where(Story.message_id == message_id).exists())
    statement = insert(Story).from_select(["chat_id", "message_id", *values], there, include_defaults=False)
    job.is_kept = session.scalar(statement.returning(Story.id)) is not None


def _changed(generation: Generation) -> None:
    _jobs.pop(generation.id, None)


STORY = side_requests.kind(PURPOSE, "Stories so far", _finish, _changed)
