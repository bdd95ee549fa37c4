"""Answers side by side: which models write them, keeping one of them, stopping all."""

from collections.abc import Sequence

from sqlalchemy import select

from webapp.base.database import rows
from webapp.base.db import db, write
from webapp.base.errors import Conflict
from webapp.chat.messages.versions import ELSEWHERE
from webapp.chat.record import announcements, queries
from webapp.chat.record.model_choice import choice_in, models_to_ask
from webapp.chat.record.post_answer import IS_SHARED
from webapp.chat.record.presets import preset_of
from webapp.chat.record.tables import Chat, Message
from webapp.engine import generations
from webapp.engine.engine import the_engine
from webapp.engine.tables import Generation
from webapp.models.connections.effective import is_own


def choose(chat: Chat, models: Sequence[str]) -> None:
    """Has these models answer the chat's next messages side by side, or only its own model, without any."""
    models = models_to_ask(models, chat)
    with write():
        chat.models, chat.model = models, choice_in(chat, models).model
    announcements.announce(chat, "chat", chat.id)


def keep(message: Message) -> None:
    """Makes an answer in a column the path, and its model the chat's; the others stay its versions.

    Those that are still being written are stopped first; the one that is kept is not.
    """
    chat, id, number = queries.chat_of(message), message.id, queries.chat_of(message).column_of(message.id)
    if not number:
        if chat.head_id == id:
            return
        raise Conflict("This answer is no longer side by side with others.")
    last, seen = queries.last_generation(message), list(chat.column_ids)
    # The chat keeps a model that its owner can use.
    can_stay = last is not None and (last.user_id == chat.owner_id or not is_own(last.model_asked))
    model, preset = last.model_asked if last and can_stay else chat.model, preset_of(chat)
    generations.stop_and_wait(
        *(running for running in generations.active_generations(chat.lane) if running.column_number != number)
    )
    with write() as session:
        chat = db.session.get_one(Chat, chat.id)
        rows.locked(session, Chat, chat.id)
        if chat.column_ids != seen or chat.head_id not in seen:
            raise Conflict(ELSEWHERE)
        # A preset with another model would not ask this one.
        preset_id = None if preset and preset.model not in ("", model) else chat.preset_id
        values = {"head_id": id, "model": model, "preset_id": preset_id, "column_ids": [one if one == id else "" for one in seen]}
        rows.change(session, chat, returning=IS_SHARED, **values)
    announcements.announce(chat, "thread", id)


def stop_all(chat: Chat) -> None:
    """Stops all answers of a chat that wait to start or are being written."""
    the_engine().admission.line.stop(chat.lane)
    for running in generations.active_generations(chat.lane):
        generations.stop(running)


def generations_beside(first: Generation) -> list[Generation]:
    """Returns the generations that were started together with this one, by column; those that try one again are others.

    One that answers alone is the only one: a key can be repeated with other models.
    """
    if not first.column_number:
        return [first]
    question = select(Message.parent_id).where(Message.id == first.message_id).scalar_subquery()
    query = select(Generation).join(Message, Message.id == Generation.message_id).where(Message.parent_id == question)
    query = query.where(Generation.column_number > 0, Generation.continues_id.is_(None)).order_by(Generation.id.desc())
    by_column = {generation.column_number: generation for generation in db.session.scalars(query)}
    return [by_column[number] for number in sorted(by_column)]
