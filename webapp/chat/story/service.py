"""Actions on a chat's story so far: edit it, have the model write it, and delete it."""

from collections.abc import Sequence

from sqlalchemy import delete, select

from webapp.base.database import rows
from webapp.base.db import db, write
from webapp.base.errors import Conflict, Invalid, TooMany, Unavailable
from webapp.characters.profiles import checked_text
from webapp.chat.prompt import path_story
from webapp.chat.prompt.leading import has_history
from webapp.chat.prompt.path_story import PathStory
from webapp.chat.record import queries
from webapp.chat.record.model_choice import answerer
from webapp.chat.record.tables import Chat, Story
from webapp.chat.story import writing
from webapp.engine import service, side_requests
from webapp.engine.engine import the_engine
from webapp.models.connections.models import DEMO

POLL_SECONDS, WAIT_SECONDS = 0.05, 30.0
CHANGED = "The story so far was changed elsewhere. Open it again."
LATE = "The model takes longer than usual. The story is kept as soon as it is written, so look again in a minute."


def story_of(chat: Chat) -> PathStory | None:
    """Returns the story that applies to the branch that the chat shows."""
    return path_story.of_path(db.session(), chat.id, _path(chat))


def is_offered(chat: Chat) -> bool:
    return bool(chat.owner_id) and has_history(chat)


def is_writable(chat: Chat) -> bool:
    """Returns whether the chat's model can write a story, which the demo model can't."""
    return is_offered(chat) and not chat.model.startswith(DEMO)


def save(chat: Chat, text: str, *, was: str | None = None) -> None:
    """Stores a person's text as the story if the present one still has the mark `was`; an empty text deletes it."""
    _refuse_without_history(chat)
    text, id, path, running = checked_text(text, "text"), chat.id, _path(chat), service.running_in(chat.lane)
    # The story can't cover an answer that is still being written.
    ids = [each for each in path if not running or each != running.message_id]
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
    id, path = chat.id, _path(chat)
    side_requests.stop(writing.lane(id))
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
    service.refuse_if_busy(chat.lane)
    until = engine.now() + WAIT_SECONDS
    while engine.now() < until and (job := writing.all_of(chat, answerer(chat), by)):
        try:
            writing.begin(engine, job)
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


def _path(chat: Chat) -> Sequence[str]:
    return queries.ids_to(chat.head_id) if chat.head_id else []


def _refuse_without_history(chat: Chat) -> None:
    if not is_offered(chat):
        raise Invalid("Chats that send no history have no story so far.")


def _delete(chat_id: str, path: Sequence[str]) -> None:
    there, session = frozenset(path), db.session()
    found = session.execute(select(Story.id, Story.message_id).where(Story.chat_id == chat_id)).all()
    gone = [id for id, message_id in found if message_id in there]
    session.execute(delete(Story).where(Story.id.in_(gone)).execution_options(synchronize_session=False))
