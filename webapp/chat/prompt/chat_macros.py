"""Macros that insert facts about the chat into a prompt: its last messages, their numbers and times, and versions."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import func, select

from webapp.base.db import db, utc_now
from webapp.characters.macros.dates import lasted
from webapp.chat.prompt.context import PromptContext
from webapp.chat.record.tables import Message
from webapp.engine.tables import Generation

NEVER = "just now"


def macro_values(context: PromptContext) -> Callable[[str], str | None]:
    """Returns a function that resolves a macro by name; the database is queried only when a macro needs it."""

    def word(name: str) -> str | None:
        return WORDS[name](context) if name in WORDS else None

    return word


def _last(context: PromptContext, *roles: str) -> str:
    return next((content for role, content in reversed(context.messages) if not roles or role in roles), "")


def _last_id(context: PromptContext) -> str:
    return str(len(context.messages) - 1) if context.messages else ""


def _first_id(context: PromptContext) -> str:
    """Returns the number of the first message that was sent for the previous answer."""
    answers = [id for id, (role, _) in zip(context.ids, context.messages, strict=False) if role == "assistant"][-1:]
    query = select(Generation.prompt).where(Generation.message_id.in_(answers)).order_by(Generation.id.desc()).limit(1)
    kept = (db.session.scalar(query) or {}).get("messages") if answers else None
    places = {id: place for place, id in enumerate(context.ids)}
    return str(places.get(kept[0][0], "")) if kept else ""


def _versions(context: PromptContext) -> int:
    """Returns how many earlier versions this answer has."""
    is_sibling = Message.parent_id == context.ids[-1] if context.ids else Message.id == ""
    query = select(func.count()).where(is_sibling, Message.role == "assistant", Message.deleted_at.is_(None))
    return db.session.scalar(query.where(Message.id < context.answer_id)) or 0


def _idle(context: PromptContext) -> str:
    """Returns the time since the person's previous message, not counting the latest."""
    turns = zip(context.ids[:-1], context.messages, strict=False)
    before = [id for id, (role, _) in turns if role == "user"][-1:]
    moment: datetime | None = db.session.scalar(select(Message.created_at).where(Message.id.in_(before))) if before else None
    return lasted(utc_now() - moment) if moment else NEVER


WORDS: dict[str, Callable[[PromptContext], str]] = {
    "lastmessage": _last,
    "lastusermessage": lambda context: _last(context, "user"),
    "lastcharmessage": lambda context: _last(context, "assistant"),
    "lastmessageid": _last_id,
    "firstincludedmessageid": _first_id,
    "lastswipeid": lambda context: str(_versions(context)),
    "currentswipeid": lambda context: str(_versions(context) + 1),
    "idleduration": _idle,
    "summary": lambda context: context.story(),
    "maxprompt": lambda context: str(context.most_tokens or ""),
    "model": lambda context: context.model,
}
