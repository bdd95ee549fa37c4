"""Opens folds of a conversation for a model that answers in it."""

from collections.abc import Iterator

from sqlalchemy import select

from webapp.base.db import db
from webapp.base.words import plural
from webapp.chat.folds import stretch
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Story
from webapp.tools.calls import CallRecord, calls_of
from webapp.tools.folded import RECALL
from webapp.tools.folding import room_of
from webapp.tools.recall import Folded

# What is read of a fold to open it: the rest is longer than any model's context.
MOST_CHARS = 1_000_000


def opened(chat_id: str, model: str, number: int) -> Folded | None:
    """Returns what the fold with this number stands for, for a model; None if it is gone."""
    fold = db.session.scalars(select(Story).where(Story.chat_id == chat_id, Story.number == number)).first()
    if not fold:
        return None
    chat = db.session.get_one(Chat, chat_id)
    said, outside = plural(fold.messages, "message"), tuple(fold.outside.splitlines())
    text, chars = list[str](), 0
    for piece in _pieces(chat, fold):
        text.append(piece)
        if (chars := chars + len(piece)) > MOST_CHARS:
            break
    whole = "\n\n".join(text)
    return Folded(said, whole, room_of(model, None).part_chars(whole), outside)


def _pieces(chat: Chat, fold: Story) -> Iterator[str]:
    """Yields the messages of a fold, each below what its calls returned, as far as everyone who reads the chat may see that."""
    ids = queries.ids_to(fold.message_id)
    ids = ids[ids.index(fold.first_id) if fold.first_id in ids else 0 :]
    names, with_calls = stretch.names(chat), stretch.call_counts(ids) if fold.calls else {}
    for message in stretch.read(chat, ids):
        if message.id in with_calls:
            yield from (_returned(call) for call in calls_of(db.session(), message.id))
        if line := stretch.line(message, names):
            yield line


def _returned(call: CallRecord) -> str:
    # What quotes documents or comes from a person's own tool server is not for everyone who reads the chat. What was opened
    # again stands for itself, here or behind a handle.
    is_private = call.private_to or any(source["document_id"] for source in call.sources)
    is_for_all = not (is_private or call.tool == RECALL)
    return f"{call.said_by_arguments}\n{call.in_full}" if is_for_all else call.title
