"""Cuts the text of one generation out of its message, by offsets."""

from sqlalchemy import func, select

from webapp.base.db import db
from webapp.chat.record.tables import Message
from webapp.engine.generation_text import GenerationText, started_of
from webapp.engine.tables import Generation


def of(generation: Generation, message: Message) -> GenerationText:
    """Returns what a generation that has ended produced: text, reasoning and sources."""
    sources = tuple(generation.prompt.get("sources", ()))
    return GenerationText(started_of(generation), text_of(generation, message), reasoning_of(generation, message), sources)


def text_of(generation: Generation, message: Message) -> str:
    """Returns the text of a generation that has ended."""
    continued = select(func.min(Generation.text_offset)).where(Generation.continues_id == generation.id)
    return message.content[generation.text_offset : db.session.scalar(continued)]


def reasoning_of(generation: Generation, message: Message) -> str:
    """Returns the generation's reasoning if no other generation of the message continues it or is continued by it."""
    continued = select(Generation.id).where(Generation.continues_id == generation.id).limit(1)
    is_alone = not generation.continues_id and db.session.scalar(continued) is None
    return message.reasoning if is_alone else ""
