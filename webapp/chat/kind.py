"""The kinds of generation in chats, as the engine needs them."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.base import topic_names
from webapp.base.database import rows
from webapp.base.database.statements import Prepared
from webapp.base.db import db, is_sqlite, utc_now
from webapp.base.errors import Unavailable
from webapp.base.heavy.threads import offload_now
from webapp.chat import erasing
from webapp.chat.attachments.answer_pictures import with_pictures
from webapp.chat.calls import service as call_service
from webapp.chat.calls.answering import source_with_tools
from webapp.chat.files import storage
from webapp.chat.files.reference import MARK
from webapp.chat.folds import writing
from webapp.chat.messages import end_notices, follow_up, renderings, sending, titles
from webapp.chat.messages.projection import CONTINUING, DRAWING, IDLE, AnswerProjection
from webapp.chat.messages.scripted import scripts_of_message
from webapp.chat.prompt import leading, remembering
from webapp.chat.prompt.answer_prompt import request_of
from webapp.chat.prompt.recorded_prompt import RecordedPrompt
from webapp.chat.proposals import proposing
from webapp.chat.record import paths, post_answer, queries
from webapp.chat.record.announcements import announce, list_owners, notify
from webapp.chat.record.seam_labels import seams_of
from webapp.chat.record.tables import ROLEPLAY as ROLEPLAY_NAME, Chat, Message
from webapp.engine import generations
from webapp.engine.chores import run_steps
from webapp.engine.duties.ends import LONG_CHARS
from webapp.engine.engine import Engine, the_engine
from webapp.engine.generation_text import GenerationText, started_of
from webapp.engine.kinds import GenerationFacts, Kind
from webapp.engine.live import EventSource, LiveGeneration
from webapp.engine.tables import NOT_HERE, Generation
from webapp.models.connections.models import the_models
from webapp.people.audit_retention import forget_old_entries
from webapp.rendering import markdown
from webapp.rendering.pictures import Pictures
from webapp.streaming.events import Saved
from webapp.streaming.transcript import Transcript
from webapp.tools import fuse
from webapp.tools.calls import events_of_calls

# Shorter answers that no one watched, such as those requested by API clients, are rendered only when they are shown, which is
# rare. A page renders forty of this length in one request, and stores the HTML.
DRAWN_LATER_CHARS = renderings.PAGE_CHARS // 40


def projection(
    generation: GenerationFacts, *, is_watched: bool = True, scripted: Callable[[str], str] | None = None
) -> AnswerProjection:
    growing, is_beside = partial(markdown.GrowingMarkdown, is_watched=is_watched), generation.column_number > 0
    pictures = partial(_pictures, the_engine(), topic_names.chat_in(generation.lane))
    if is_closed(generation) or not (generation.continues_id or generation.text_offset):
        id = generation.message_id or ""
        return AnswerProjection(
            id,
            generation.id,
            doing=DRAWING if the_models().draws(generation.model) else IDLE,
            growing=growing,
            scripted=scripted,
            pictures=pictures,
            is_beside=is_beside,
        )
    message = db.session.get(Message, generation.message_id)
    if not message:
        # The message was deleted in the meantime, so no one will see the projection.
        return AnswerProjection("", generation.id)
    earlier = [attempt for attempt in queries.generations_of([message])[message.id] if attempt.id <= generation.id]
    is_cut = any(attempt.id == generation.continues_id and attempt.reason == "server_restart" for attempt in earlier)
    # A column is a descriptor, which pyright doesn't see as its value in a protocol.
    cuts = seams_of(earlier)  # pyright: ignore[reportArgumentType]
    cited = renderings.citation_numbers(message)
    return AnswerProjection(
        message.id,
        generation.id,
        beginning=message.content,
        seams=[*cuts, *queries.call_places([message]).get(message.id, ())],
        doing=CONTINUING if is_cut else IDLE,
        cited=cited,
        growing=growing,
        scripted=scripted,
        pictures=pictures,
        is_beside=is_beside,
    )


def _pictures(engine: Engine, chat_id: str, text: str) -> Pictures:
    """Returns the pictures that a piece of an answer refers to, which were stored before it; usually without a query."""
    if MARK not in text:
        return {}
    try:
        with engine.in_app():
            return storage.pictures_in(chat_id, text)
    except (Unavailable, SQLAlchemyError):
        # Their names are shown until the answer is rendered again.
        return {}


def played(generation: GenerationFacts) -> AnswerProjection:
    """Returns the projection of a character's answer, which its scripts can change at the end."""
    if is_closed(generation):
        return projection(generation)
    return projection(generation, scripted=scripts_of_message(generation.message_id or ""))


def unseen(generation: GenerationFacts) -> AnswerProjection:
    return projection(generation, is_watched=False)


def lock_chat(session: Session, generation: GenerationFacts) -> None:
    """Locks the chat before the generation, in the same order as a request for the next answer, to avoid a deadlock."""
    if not is_sqlite():
        LOCK.run(session, {"chat": topic_names.chat_in(generation.lane)})


def finish(session: Session, generation: Generation, transcript: Transcript, final: AnswerProjection | None) -> None:
    """Stores text and final HTML in the message; of a closed temporary chat only the cost is kept.

    Without its final projection the text is rendered when it is first shown.
    """
    if is_closed(generation):
        generation.error, generation.notices, generation.attempts = "", [], []
        return
    texts = {"text": transcript.text, "thought": transcript.reasoning}
    html, version = (final.html, markdown.VERSION) if final else ("", 0)
    values = {"message": generation.message_id, **texts, "html": html, "version": version}
    if is_sqlite() and len(transcript.text) > LONG_CHARS:
        # All its words are added to the full-text index, which takes a third of a second for two million characters.
        # A session would look for the application, which a thread does not know.
        offload_now(SQLAlchemyError, GROWN.run, session.connection(), values)
    else:
        GROWN.run(session, values)
    CHANGED.run(session, {"chat": generation.chat_id, "now": utc_now()})


def saved(generation: Generation) -> list[Saved]:
    return [Saved("message", generation.message_id, "assistant")] if generation.message_id else []


def changed(generation: Generation) -> None:
    """Notifies open pages, then starts what follows an ended answer: a title, a fold, the next queued message."""
    if is_closed(generation) or not (after := post_answer.post_answer_state(generation)):
        return
    notify(
        after.chat_id,
        "message",
        generation.message_id or "",
        list_owners(after.chat_id, after.owner_id, is_shared=after.is_shared),
    )
    if after.is_temporary:
        erasing.wake()
    end_notices.tell_of_end(the_engine(), generation, after)
    titles.suggest_later(the_engine(), generation, after)
    writing.look_later(the_engine(), generation, after)
    proposing.propose_later(the_engine(), generation, after)
    if after.is_remembered or leading.has_memory(after.prompt_key):
        remembering.wake()
    if after.has_follow_up:
        follow_up.send_after(the_engine(), generation)


def priced(generation: Generation) -> None:
    if chat := db.session.get(Chat, generation.chat_id):
        announce(chat, "message", generation.message_id or "")


def saved_text(generation: Generation) -> GenerationText | None:
    message = db.session.get(Message, generation.message_id) if generation.message_id else None
    return text_of_ended(generation, message) if message else None


def text_of_ended(generation: Generation, message: Message) -> GenerationText:
    """Returns what a generation that has ended produced: text, reasoning and sources."""
    sources = RecordedPrompt.from_record(generation.prompt).sources
    calls = tuple(events_of_calls(db.session(), message.id, generation.id)) if message.call_count else ()
    text, reasoning = text_of(generation, message), reasoning_of(generation, message)
    return GenerationText(started_of(generation), text, reasoning, sources, calls)


def text_of(generation: Generation, message: Message) -> str:
    """Returns the text of a generation that has ended."""
    continued = select(func.min(Generation.text_offset)).where(Generation.continues_id == generation.id)
    return message.content[generation.text_offset : db.session.scalar(continued)]


def reasoning_of(generation: Generation, message: Message) -> str:
    """Returns the generation's reasoning if no other generation of the message continues it or is continued by it."""
    continued = select(Generation.id).where(Generation.continues_id == generation.id).limit(1)
    is_alone = not generation.continues_id and db.session.scalar(continued) is None
    return message.reasoning if is_alone else ""


def continue_interrupted(generation: Generation) -> None:
    # A picture may have been paid for: only a person asks for another.
    if not is_closed(generation) and not the_models().draws(generation.model_asked):
        sending.continue_answer(db.session.get_one(Message, generation.message_id))


def resume(generation: Generation, transcript: Transcript) -> EventSource:
    """Returns the source of an answer that waited for a person, from its calls as they are decided."""
    engine, message = the_engine(), db.session.get_one(Message, generation.message_id)
    request = request_of(generation, paths.messages_within(db.session(), message.id))
    chat, person = db.session.get_one(Chat, message.chat_id), generation.user_id or ""
    ladder = with_pictures(partial(generations.ladder, engine, person=person), engine, chat.id, person)
    return source_with_tools(engine, chat, message, generation, request, ladder, transcript=transcript)


def parked(live: LiveGeneration) -> None:
    """Tells open pages that an answer waits for a person; one who has decided just now is not waited for."""
    if live.message_id and (message := db.session.get(Message, live.message_id)):
        announce(chat := db.session.get_one(Chat, message.chat_id), "message", message.id)
        end_notices.tell_of_wait(the_engine(), live, chat)
        call_service.wake()
        call_service.go_on_if_decided(the_engine(), message.id)


def limited(session: Session, live: LiveGeneration, limit: str) -> None:
    if live.message_id:
        fuse.blow(session, live.message_id, limit)


def recover() -> None:
    """Work to do after a start: unsent follow-ups, answers that wait, expired chats, old entries, HTML of an older renderer."""
    run_steps((follow_up.send_remaining, renderings.wake, remembering.wake, _tend, _sweep, forget_old_entries))


def _tend() -> None:
    if call_service.tend():
        call_service.wake()


def _sweep() -> None:
    if erasing.sweep():
        erasing.wake()


def is_closed(generation: GenerationFacts) -> bool:
    """Returns whether the generation belonged to a temporary chat that has been deleted."""
    return generation.message_id is None


_chat, _message = rows.table(Chat), rows.table(Message)
LOCK = Prepared(select(_chat.c.id).where(_chat.c.id == bindparam("chat")).with_for_update(key_share=True))
CHANGED = Prepared(update(_chat).where(_chat.c.id == bindparam("chat")).values(changed_at=bindparam("now")))
# Appends to a message's text and reasoning.
GROWN = Prepared(
    update(_message)
    .where(_message.c.id == bindparam("message"))
    .values(
        content=_message.c.content + bindparam("text"),
        reasoning=_message.c.reasoning + bindparam("thought"),
        html=bindparam("html"),
        html_version=bindparam("version"),
    )
)
CHAT = Kind(
    name="chat",
    words="Chats",
    projection=projection,
    finish=finish,
    saved=saved,
    changed=changed,
    text=saved_text,
    continue_interrupted=continue_interrupted,
    resume=resume,
    parked=parked,
    limited=limited,
    recover=recover,
    priced=priced,
    unseen=unseen,
    drawn_later_chars=DRAWN_LATER_CHARS,
    lock=lock_chat,
)
# A character's answers are handled like any others. `recover` runs once, for `CHAT`.
ROLEPLAY = replace(CHAT, name=ROLEPLAY_NAME, words="Characters", projection=played, recover=None)
# Generations of imported chats are only records: none of them ever runs.
IMPORTED = replace(CHAT, name=NOT_HERE, words="Imported chats", continue_interrupted=None, recover=None)
