"""Has a model write a fold in the background, and checks what comes back; if it fails twice, the machine's extract is the fold.

That happens after an answer, when the next request would pass the mark, so that no one waits. An extract that was made because
there was no time gets a model's text after the answer that needed it.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.base.db import db, write
from webapp.base.errors import AppError
from webapp.base.heavy.turns import wait_for_turn
from webapp.chat.folds import making
from webapp.chat.folds.checks import completed, fault
from webapp.chat.prompt import answer_prompt, fold_due, path_folds
from webapp.chat.prompt.builder import PromptBuilder
from webapp.chat.prompt.built_in import FOLD_KEY, STORY_KEY
from webapp.chat.prompt.fold_due import FoldOrder
from webapp.chat.prompt.recorded_prompt import RecordedPrompt, last_prompt
from webapp.chat.record import paths
from webapp.chat.record.post_answer import PostAnswer
from webapp.chat.record.tables import Chat
from webapp.engine import side_requests
from webapp.engine.engine import Engine, the_engine
from webapp.engine.tables import Generation
from webapp.models.connections import contexts
from webapp.models.connections.naming import DEMO
from webapp.models.fitting import answer_tokens, prompt_tokens
from webapp.models.providers.base import ModelRequest, RequestParameters
from webapp.models.tokens import PER_MESSAGE, estimate
from webapp.prompts import active_prompts
from webapp.settings.service import setting
from webapp.streaming.transcript import Transcript
from webapp.tools.folding import room_of

# A second text is asked for if the first can't be the fold.
TRIES = 2
# Generous, because no one waits for it, and models that run at home are slow.
MOST_SECONDS = 120.0
POLL_SECONDS = 0.1
# How long an answer waits for a fold that is being made, if it has no room without it.
WAIT_SECONDS = 20.0
ENDED = ("completed", "stopped")
# After an answer, a chat is looked at from this part of the mark on: only estimates are at hand, and they can be too low.
NEAR, CHARS_PER_TOKEN = 0.7, 4
# A model needs words to say it shorter; a text that is checked gets what it lacks, which needs room, too.
LEAST_WORDS, WORDS_PER_TOKEN = 60, 0.5
log = logging.getLogger("chat:folds")
# Running jobs by generation id. Only in memory, because requests contain text of the chat.
_jobs: dict[str, "FoldJob"] = {}


@dataclass(slots=True)
class FoldJob:
    """A running request for a fold: `is_made` is set when its text was stored, `is_stopped` when the chat has changed."""

    material: making.Material
    prompt_version: int
    is_made: bool = False
    is_stopped: bool = False


def look_later(engine: Engine, generation: Generation, after: PostAnswer) -> None:
    """Has a fold made in a greenlet of its own if the next request will need one; without a query where there is room."""
    is_meant = generation.status in ENDED and after.owner_id and not engine.is_closing
    if is_meant and generation.message_id and _is_near(generation, after):
        values = after.chat_id, generation.message_id, generation.model_asked
        engine.spawn(lambda: _look(engine, *values))


def start(order: FoldOrder, model: str, *, by: str) -> None:
    """Has a model write a fold in a greenlet of its own; `by` is the person whose limits apply."""
    engine = the_engine()

    def run() -> None:
        with engine.in_app():
            _make(engine, order, model, by=by)

    engine.spawn(run)


def wait(chat_id: str, seconds: float) -> bool:
    """Waits for a fold that a model is writing; returns whether one was."""
    engine = the_engine()
    until, has_waited = engine.now() + seconds, False
    while engine.now() < until and fold_due.is_folding(chat_id):
        # Releases the database connection while waiting for the model.
        db.session.rollback()
        engine.pause(POLL_SECONDS)
        has_waited = True
    return has_waited


def _is_near(generation: Generation, after: PostAnswer) -> bool:
    """Returns whether the next request can need a fold."""
    tokens, record = generation.input_tokens or 0, after.prompt or {}
    if record.get("folded"):
        return True
    chars: int = sum(message[1] for message in record.get("messages", ()))
    mark = room_of(generation.model_asked, record.get("parameters", {}).get("max_tokens")).mark
    return max(tokens, chars // CHARS_PER_TOKEN) + (generation.output_tokens or 0) > NEAR * mark


def _look(engine: Engine, chat_id: str, message_id: str, model: str) -> None:
    """Makes the fold that is due; errors are only logged, since the answer has ended and the next one triggers another try."""
    wait_for_turn()
    with engine.in_app():
        try:
            chat = db.session.get(Chat, chat_id)
            if chat and chat.owner_id and not chat.deleted_at and (order := _due(chat, message_id, model)):
                _make(engine, order, model, by=chat.owner_id)
        except (AppError, SQLAlchemyError) as error:
            log.info("no fold for %s: %s", chat_id, type(error).__name__)


def _due(chat: Chat, message_id: str, model: str) -> FoldOrder | None:
    prompt, limit = last_prompt(message_id), path_folds.limit_of(chat)
    if not path_folds.is_foldable(chat, limit):
        return None
    path = paths.messages_to(message_id)
    room = answer_prompt.fold_room(model, prompt.parameters, len(chat.tools))
    ids = [message.id for message in path]
    folds = path_folds.on_path(db.session(), chat, ids)
    newest = folds[-1] if folds else None
    # An extract gets another text after the answer that needed it; what no one here has made is checked.
    not_by_a_model = ("", making.EXTRACT) if prompt.folded else ("",)
    if newest and not newest.row.is_edited and newest.row.made_by in not_by_a_model:
        return again(chat, ids, newest, fold_due.most_tokens_in(room))
    around, costs = _around(prompt, path), fold_due.costs_of(path_folds.standing(path, folds))
    is_full = around + sum(costs) > room.mark or (limit is not None and sum(map(bool, costs)) > limit)
    # The next message is the last of those that stay.
    return fold_due.due(chat, path, folds, around, room, limit, last=fold_due.LAST_MESSAGES - 1) if is_full else None


def again(chat: Chat, path: Sequence[str], fold: path_folds.PathFold, most_tokens: int) -> FoldOrder:
    """Returns the order for another text in place of that of a fold on a path of these ids."""
    ids = tuple(path[fold.first : fold.last + 1])
    before = path_folds.on_path(db.session(), chat, path, without=fold.row.id) if not fold.first else ()
    earlier = [one for one in before if one.last <= fold.last]
    row, unchecked = fold.row, "" if fold.row.made_by else fold.row.text
    order = FoldOrder(chat.id, row.kind, ids, not fold.first, most_tokens, **fold_due.replacing(row.kind, earlier))
    return replace(order, replaces=row.id, unchecked=unchecked)


def _around(prompt: RecordedPrompt, path: list[paths.PathMessage]) -> int:
    """Returns the tokens that the next request will have beside the path, if its message is as long as the last one."""
    newest = next((message.content for message in reversed(path) if message.role == "user"), "")
    return sum(section.tokens + PER_MESSAGE for section in prompt.sections) + estimate(newest) + PER_MESSAGE


def _make(engine: Engine, order: FoldOrder, model: str, *, by: str) -> None:
    if not (material := making.read(order)):
        return
    if order.unchecked and _can_stay(material):
        return
    request, version = _request(material, model)
    is_busy = request is not None and _is_written(engine, FoldJob(material, version), request, by=by)
    if not is_busy and (order.unchecked or not order.replaces):
        making.store_extract(material)


def _can_stay(material: making.Material) -> bool:
    """Stores the text of a fold that was never checked with what it lacks; returns whether it can be one."""
    whole, why = _checked(material.order.unchecked, material, was_cut=False)
    if not why:
        with write() as session:
            making.store(session, material, whole, made_by=making.MODEL)
    return not why


def _is_written(engine: Engine, job: FoldJob, request: ModelRequest, *, by: str) -> bool:
    """Asks the model, twice if need be; returns whether it has written the fold, or someone else is about to."""
    for _ in range(TRIES):
        order = job.material.order
        side_request = side_requests.SideRequest(
            fold_due.PURPOSE, fold_due.lane(order.chat_id), by, request, seconds=MOST_SECONDS
        )
        _jobs[side_request.id] = job
        try:
            side_requests.request_again(side_request)
            # The request ends by itself; a little later, its lane is free.
            wait(order.chat_id, MOST_SECONDS + WAIT_SECONDS)
        except IntegrityError:
            return True
        except AppError as error:
            log.info("no model folds %s: %s", order.chat_id, type(error).__name__)
            return False
        finally:
            _jobs.pop(side_request.id, None)
        if job.is_made:
            making.announce(job.material.order)
        if job.is_made or job.is_stopped or engine.is_closing:
            return True
    return False


def _request(material: making.Material, asked: str) -> tuple[ModelRequest | None, int]:
    """Returns the request for a fold's text, and the version of the prompt; none if no model can write it."""
    prompt = active_prompts.render(STORY_KEY if material.order.style == "story" else FOLD_KEY)
    model = str(setting("context.model")).strip() or prompt.version.model or asked
    if model.startswith(DEMO):
        return None, 0
    order, length = material.order, contexts.length(model)
    before = "".join(f"{text}\n\n" for text in order.earlier)
    # Indented, so that no message can pose as another one.
    said = "\n\n".join(f"{one.who}: {one.text}".replace("\n", "\n  ") for one in material.new)
    words = max(LEAST_WORDS, int(order.most_tokens * WORDS_PER_TOKEN))
    beginning = f"What is kept of the beginning:\n\n{before}" if before else ""
    instruction = f"{beginning}What was said next:\n\n{said}\n\nThe short form of all that, in at most {words} words:"
    if estimate(instruction) + estimate(prompt.text) > prompt_tokens(length, None):
        return None, 0
    parameters: RequestParameters = {"max_tokens": answer_tokens(length, None), **prompt.parameters}
    return PromptBuilder(prompt.sections).build(model, [("user", instruction)], **parameters), prompt.version.number


def _finish(session: Session, generation: Generation, transcript: Transcript, _projection: object) -> None:
    """Stores the text as the fold if it can be one; otherwise the greenlet that waits for it tries again."""
    job = _jobs.get(generation.id)
    if job and generation.stop_requested_at:
        job.is_stopped = True
    if not job or generation.status != "completed" or generation.stop_requested_at:
        return
    material = job.material
    whole, why = _checked(transcript.text, material, was_cut=generation.reason != "stop")
    if why:
        log.info("a model's fold of %s is no fold: %s", material.order.chat_id, why)
        return
    model = generation.model_used or generation.model_asked
    making.store(session, material, whole, made_by=making.MODEL, model=model, prompt_version=job.prompt_version)
    job.is_made = True


def _checked(text: str, material: making.Material, *, was_cut: bool) -> tuple[str, str]:
    """Returns a text with what it lacks, and why that can't be the fold; empty if it can."""
    whole = completed(text.strip(), material.kept)
    is_too_long = len(whole) > material.chars // making.SHORTER or estimate(whole) > material.order.most_tokens * 2
    why = fault(text, material.kept, original_chars=material.chars, was_cut=was_cut)
    return whole, why or ("too long" if is_too_long else "")


def _changed(_generation: Generation) -> None:
    """Nothing follows: the greenlet that has asked for it waits."""


FOLD = side_requests.kind(fold_due.PURPOSE, "Folds", _finish, _changed)
