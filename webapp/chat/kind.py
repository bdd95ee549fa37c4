"""What the engine needs to know of answers in chats."""

from dataclasses import replace

from sqlalchemy.orm import Session

from webapp.chat import follow_up, queries, service, sweeping, titles
from webapp.chat.asking import announce
from webapp.chat.projection import AnswerProjection
from webapp.chat.tables import Chat, Message
from webapp.extensions import db, utc_now
from webapp.generations.engine import the_engine
from webapp.generations.kinds import Kind
from webapp.generations.tables import Generation
from webapp.rendering import markdown
from webapp.rendering.markdown import Seam
from webapp.settings.retention import forget_old_entries
from webapp.streaming.events import Saved
from webapp.streaming.transcript import Transcript

WORDS = {"server_restart": "the server restarted here", "user": "stopped here"}


def seams_of(generations: list[Generation]) -> list[Seam]:
    """Where an answer was cut and goes on: one seam for each place, though several may have tried to go on from it.

    Of one that was complete and was asked to go on, nothing has to be said.
    """
    reasons = {generation.id: generation.reason for generation in generations}
    went_on = [(reasons.get(each.continues_id, ""), each) for each in generations if each.continues_id and each.text_offset]
    continued = {each.text_offset: _seam(reason, each) for reason, each in went_on if reason != "stop"}
    return list(continued.values())


def projection(generation: Generation) -> AnswerProjection:
    if is_closed(generation):
        return AnswerProjection("", generation.id)
    message = db.session.get_one(Message, generation.message_id)
    earlier = [each for each in queries.generations_of([message])[message.id] if each.id <= generation.id]
    return AnswerProjection(message.id, generation.id, beginning=message.content, seams=seams_of(earlier))


def finish(session: Session, generation: Generation, transcript: Transcript, picture: AnswerProjection) -> None:
    """Puts the text and its definitive rendering into the message; of a chat that was closed nothing but the cost is kept."""
    if is_closed(generation):
        generation.error, generation.notices, generation.attempts = "", [], []
        return
    message = session.get_one(Message, generation.message_id)
    message.content += transcript.text
    message.reasoning += transcript.reasoning
    message.html, message.html_version = picture.html, markdown.VERSION
    queries.chat_of(message).changed_at = utc_now()


def saved(generation: Generation) -> list[Saved]:
    return [Saved("message", generation.message_id, "assistant")] if generation.message_id else []


def changed(generation: Generation) -> None:
    if is_closed(generation):
        return
    message = db.session.get_one(Message, generation.message_id)
    # As it is now: what waits to be sent may have been stored while the end was being written.
    chat = db.session.get_one(Chat, message.chat_id, populate_existing=True)
    announce(chat, "message", message.id)
    if chat.is_temporary:
        sweeping.wake()
    titles.suggest_later(the_engine(), generation)
    follow_up.send_after(the_engine(), generation)


def go_on(generation: Generation) -> None:
    if not is_closed(generation):
        service.go_on(db.session.get_one(Message, generation.message_id))


def recover() -> None:
    """What a start makes good: follow-ups that were left waiting, chats whose time is over, entries that are old."""
    follow_up.send_left()
    if sweeping.sweep():
        sweeping.wake()
    forget_old_entries()


def is_closed(generation: Generation) -> bool:
    """Whether it belonged to a temporary chat that is gone."""
    return generation.message_id is None


def _seam(reason: str, generation: Generation) -> Seam:
    label = f"{WORDS.get(reason, 'it broke off here')} · continued"
    return Seam(generation.text_offset, label, generation.created_at)


CHAT = Kind("chat", projection, finish, saved, changed, go_on, recover)
# Answers of a character are answers; what a start makes good is made good once.
ROLEPLAY = replace(CHAT, name="roleplay", recover=None)
