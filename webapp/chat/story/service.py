"""The story so far of a chat: edited or deleted by a person, and continued by a model before messages leave the history."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from sqlalchemy import delete, insert, literal, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.base.database import rows
from webapp.base.db import db, utc_now, write
from webapp.base.errors import AppError, Conflict, Invalid, TooMany, Unavailable
from webapp.base.heavy.turns import by_turns, wait_for_turn
from webapp.base.ids import new_id
from webapp.characters.profiles import checked_text
from webapp.chat.folds import stretch
from webapp.chat.prompt import answer_prompt, path_story
from webapp.chat.prompt.builder import PromptBuilder
from webapp.chat.prompt.built_in import STORY_KEY
from webapp.chat.prompt.leading import includes_history
from webapp.chat.prompt.recorded_prompt import last_prompt
from webapp.chat.record import paths, queries
from webapp.chat.record.model_choice import model_named, model_to_ask
from webapp.chat.record.post_answer import PostAnswer
from webapp.chat.record.tables import Chat, Message, Story
from webapp.engine import generations, side_requests
from webapp.engine.engine import Engine, the_engine
from webapp.engine.tables import Generation
from webapp.models.connections.naming import DEMO
from webapp.models.fitting import answer_tokens, prompt_tokens
from webapp.models.providers.base import ModelRequest, RequestParameters
from webapp.models.tokens import PER_MESSAGE, estimate, share_of
from webapp.prompts import active_prompts
from webapp.streaming.transcript import Transcript

POLL_SECONDS, WAIT_SECONDS = 0.05, 30.0
CHANGED = "The story so far was changed elsewhere. Open it again."
LATE = "The model is taking longer than usual. The story is saved as soon as it is written, so check again in a minute."
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
LEAST_TOKENS = 200
# Marks where the middle of a message was cut out.
CUT = "\n[…]\n"
# Fractions of the room for the history: when it is filled to `FULL`, the oldest messages are retold until `KEPT` remains word
# for word. The difference is headroom for messages added while the model writes the story.
FULL, KEPT = 2 / 3, 1 / 2


def story_of(chat: Chat) -> path_story.PathStory | None:
    """Returns the story that applies to the branch that the chat shows."""
    return path_story.of_path(db.session(), chat.id, queries.ids_to(chat.head_id))


def is_offered(chat: Chat) -> bool:
    return bool(chat.owner_id) and includes_history(chat)


def is_writable(chat: Chat) -> bool:
    """Returns whether the chat's model can write a story, which the demo model can't."""
    return is_offered(chat) and not chat.model.startswith(DEMO)


def save(chat: Chat, text: str, *, was: str | None = None) -> None:
    """Stores a person's text as the story if the present one still has the mark `was`; an empty text deletes it."""
    _refuse_without_history(chat)
    text, id, path = checked_text(text, "text"), chat.id, queries.ids_to(chat.head_id)
    # The story can't cover an answer that is still being written.
    running = {generation.message_id for generation in generations.active_generations(chat.lane)}
    ids = [message_id for message_id in path if message_id not in running]
    if not ids:
        raise Invalid("Nothing has been said in this chat yet.", field="text")
    with write() as session:
        rows.locked(session, Chat, id)
        now = path_story.of_path(session, id, path)
        if was is not None and was != (now.mark if now else ""):
            raise Conflict(CHANGED)
        if not text:
            _delete(id, path)
        elif not now:
            session.add(Story(chat_id=id, message_id=ids[-1], text=text, is_edited=True))
        elif text != now.text:
            story = session.get_one(Story, now.id)
            story.text, story.is_edited = text, True


def forget(chat: Chat) -> None:
    """Deletes all stories on the branch that the chat shows, and stops one being written."""
    id, path = chat.id, queries.ids_to(chat.head_id)
    side_requests.stop(_lane(id))
    with write() as session:
        rows.locked(session, Chat, id)
        _delete(id, path)


def write_now(chat: Chat, *, by: str) -> bool:
    """Has the model retell everything not covered yet, for up to half a minute; returns whether it wrote anything.

    Blocks until then. `by` is the person whose limits apply.
    """
    _refuse_without_history(chat)
    if not is_writable(chat):
        raise Invalid("The demo can't write the story so far. Choose another model, or write it yourself.")
    engine, id, has_written = the_engine(), chat.id, False
    generations.refuse_if_busy(chat.lane)
    until = engine.now() + WAIT_SECONDS
    while engine.now() < until and (job := _job(chat, model_to_ask(chat), by, partial(rest_of, chat))):
        try:
            _begin(job)
        except TooMany:
            if not has_written:
                raise
            return True
        # Releases the database connection while waiting for the model.
        db.session.rollback()
        while job.side_request.id in engine.live and engine.now() < until:
            engine.pause(POLL_SECONDS)
        if not job.is_kept:
            raise Unavailable(LATE if job.side_request.id in engine.live else "The model gave no answer. Please try again.")
        has_written, chat = True, db.session.get_one(Chat, id)
    if not has_written and not story_of(chat):
        raise Invalid("Nothing has been said in this chat yet.")
    return has_written


def _refuse_without_history(chat: Chat) -> None:
    if not is_offered(chat):
        raise Invalid("Chats that send no history have no story so far.")


def _delete(chat_id: str, path: Sequence[str]) -> None:
    there, session = frozenset(path), db.session()
    stories = session.execute(select(Story.id, Story.message_id).where(Story.chat_id == chat_id, path_story.IS_STORY)).all()
    gone = [id for id, message_id in stories if message_id in there]
    session.execute(delete(Story).where(Story.id.in_(gone)).execution_options(synchronize_session=False))


@dataclass(frozen=True, slots=True)
class HistoryLimit:
    """The room for a chat's history in a prompt, in tokens and messages; None is no limit."""

    tokens: int | None = None
    messages: int | None = None

    @property
    def is_endless(self) -> bool:
        return self.tokens is None and self.messages is None

    def holds(self, tokens: int, messages: int, share: float) -> bool:
        limits = ((tokens, self.tokens), (messages, self.messages))
        return all(most is None or used <= most * share for used, most in limits)


@dataclass(frozen=True, slots=True)
class StoryPiece:
    """The text down to a message that is to be retold; `before` is the story that it continues."""

    message_id: str
    words: str
    before: path_story.PathStory | None


@dataclass(slots=True)
class StoryJob:
    """A running request for a story; `is_kept` is set when the story was stored."""

    chat_id: str
    piece: StoryPiece
    side_request: side_requests.SideRequest
    is_kept: bool = False


def carry_on_later(engine: Engine, generation: Generation, after: PostAnswer) -> None:
    """Has the story continued in a greenlet of its own; after a failure, the next answer triggers another try."""
    is_meant = generation.status in ENDED and not generation.is_demo and after.owner_id and generation.message_id
    if is_meant and path_story.is_kept(after.story, generation.kind) and not engine.is_closing:
        values = after.chat_id, generation.message_id or "", generation.model_asked
        engine.spawn(lambda: _carry_on(engine, *values))


def _begin(job: StoryJob) -> None:
    """Starts the request; raises an `AppError` if it can't run now."""
    with ExitStack() as undo:
        _jobs[job.side_request.id] = job
        undo.callback(_jobs.pop, job.side_request.id, None)
        try:
            side_requests.request_again(job.side_request)
        except IntegrityError as error:
            raise Conflict("The story so far is already being written.") from error
        undo.pop_all()


def _lane(chat_id: str) -> str:
    return f"{PURPOSE}:{chat_id}"


def _carry_on(engine: Engine, chat_id: str, message_id: str, model: str) -> None:
    """Starts the request; errors are only logged, since the answer has ended and the next one triggers another try."""
    wait_for_turn()
    with engine.in_app():
        try:
            chat = db.session.get(Chat, chat_id)
            if not chat or not chat.owner_id or chat.deleted_at or not includes_history(chat):
                return
            if job := _job(chat, model, chat.owner_id, partial(due, chat, message_id, model)):
                _begin(job)
        except (AppError, SQLAlchemyError) as error:
            log.info("no story for %s: %s", chat_id, type(error).__name__)


def _job(chat: Chat, model: str, person: str, find: Callable[[int], StoryPiece | None]) -> StoryJob | None:
    prompt = active_prompts.render(STORY_KEY)
    model = prompt.version.model or model
    if model.startswith(DEMO):
        return None
    length = model_named(model).context_length or USUAL_LENGTH
    piece = find(min(MOST_TOKENS, prompt_tokens(length, None) - estimate(prompt.text)))
    if not piece:
        return None
    request = _request(prompt, model, piece, answer_tokens(length, None), words=min(MOST_WORDS, length // SHARE))
    return StoryJob(chat.id, piece, side_requests.SideRequest(PURPOSE, _lane(chat.id), person, request, seconds=MOST_SECONDS))


def _request(
    prompt: active_prompts.RenderedPrompt, model: str, piece: StoryPiece, answer_tokens: int, *, words: int
) -> ModelRequest:
    before = f"The story so far:\n\n{piece.before.text}\n\n" if piece.before else ""
    instruction = f"{before}What was said next:\n\n{piece.words}\n\nThe story of both, in at most {words} words:"
    parameters: RequestParameters = {"max_tokens": answer_tokens, **prompt.parameters}
    return PromptBuilder(prompt.sections).build(model, [("user", instruction)], **parameters)


def _finish(session: Session, generation: Generation, transcript: Transcript, _projection: object) -> None:
    """Stores the story, unless the one it continues has changed or its last message is gone."""
    job, text = _jobs.get(generation.id), transcript.text.strip()[: path_story.MOST_CHARS]
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
        there = there.where(~select(Story.id).where(Story.message_id == message_id, path_story.IS_STORY).exists())
    statement = insert(Story).from_select(["chat_id", "message_id", *values], there, include_defaults=False)
    job.is_kept = session.scalar(statement.returning(Story.id)) is not None


def _changed(generation: Generation) -> None:
    _jobs.pop(generation.id, None)


STORY = side_requests.kind(PURPOSE, "Stories so far", _finish, _changed)


def due(chat: Chat, message_id: str, model: str, tokens: int) -> StoryPiece | None:
    """Returns what to retell of the branch that ends with this answer; None if its history still leaves enough room."""
    room = _room(chat, message_id, model)
    if room.is_endless:
        return None
    ids = queries.ids_to(message_id)
    before = path_story.of_path(db.session(), chat.id, ids)
    rest = ids[before.count if before else 0 :]
    stays = count_kept(by_turns(_newest_first(message_id, len(rest))), room)
    return None if stays is None else piece_of(chat, rest[: len(rest) - stays], before, tokens)


def rest_of(chat: Chat, tokens: int) -> StoryPiece | None:
    """Returns what the story doesn't cover yet on the branch that the chat shows, as far as it fits one request."""
    ids = queries.ids_to(chat.head_id)
    before = path_story.of_path(db.session(), chat.id, ids)
    return piece_of(chat, ids[before.count if before else 0 :], before, tokens)


def piece_of(chat: Chat, ids: Sequence[str], before: path_story.PathStory | None, tokens: int) -> StoryPiece | None:
    """Returns as many of these messages as fit the token limit; a longer single message is cut in the middle."""
    names, lines, last = stretch.names(chat), list[str](), ""
    tokens = max(LEAST_TOKENS, tokens - (estimate(before.text) if before else 0))
    for message in stretch.read(chat, ids):
        line = stretch.line(message, names)
        cost = estimate(line) + PER_MESSAGE
        if cost > tokens:
            if lines:
                break
            half = max(1, (int(len(line) * tokens / cost) - len(CUT)) // 2)
            line = f"{line[:half]}{CUT}{line[-half:]}"
        tokens, last = tokens - cost, message.id
        lines += [line] if line else []
    return StoryPiece(last, "\n\n".join(lines), before) if lines else None


def _room(chat: Chat, message_id: str, model: str) -> HistoryLimit:
    """Returns the room for the history besides the other sections that the answer's prompt contained."""
    prompt = last_prompt(message_id)
    budget = answer_prompt.budget_tokens(model_named(model), prompt.parameters)
    around = sum(section.tokens + PER_MESSAGE for section in prompt.sections)
    return HistoryLimit(max(1, budget - around) if budget else None, chat.history_limit)


def _newest_first(message_id: str, most: int) -> Iterator[tuple[str, int]]:
    """Yields role and tokens of up to `most` messages, from this one upwards."""
    for read in paths.pieces_upwards(message_id):
        # Releases the database connection before other greenlets run.
        db.session.rollback()
        share = share_of(sum(len(message.content) for message in read))
        for message in reversed(read[-most:] if most else []):
            yield message.role, estimate(message.content, share) + PER_MESSAGE if message.is_sent else 0
        if (most := most - len(read)) <= 0:
            return


def count_kept(newest_first: Iterable[tuple[str, int]], room: HistoryLimit) -> int | None:
    """Returns how many messages, given by role and tokens, stay word for word; None if all of them can.

    Whole exchanges stay: those that leave enough room, and the newest if it fits.
    """
    tokens = messages = stays = 0
    for count, (role, cost) in enumerate(newest_first, 1):
        tokens, messages = tokens + cost, messages + bool(cost)
        if not room.holds(tokens, messages, FULL):
            return stays
        if role == "user" and (not stays or room.holds(tokens, messages, KEPT)):
            stays = count
    return None
