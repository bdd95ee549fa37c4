"""What people do with the folds of a chat: they fold now, edit a fold's text, and unfold."""

from collections.abc import Sequence

from sqlalchemy import delete, update

from webapp.base.db import db, write
from webapp.base.errors import Conflict, Invalid, NotFound
from webapp.characters.profiles import checked_text
from webapp.chat.folds import making
from webapp.chat.prompt.fold_due import LAST_MESSAGES, FoldOrder, most_tokens_in
from webapp.chat.prompt.path_folds import PathFold, is_foldable, limit_of, on_path
from webapp.chat.record import paths, queries
from webapp.chat.record.tables import Chat, Story
from webapp.engine import generations
from webapp.models.connections import contexts
from webapp.models.tokens import estimate
from webapp.tools.folding import FoldRoom

NOTHING = "Nothing to fold: the last messages of a chat stay as they are."
GONE = "That fold is gone: this chat has changed."


def fold_now(chat: Chat, up_to: str = "") -> PathFold:
    """Folds what isn't yet, down to a message or before the last ones; returns the fold."""
    generations.refuse_if_busy(chat.lane)
    ids = queries.ids_to(chat.head_id)
    folds = on_path(db.session(), chat, ids)
    begin = folds[-1].last + 1 if folds else 0
    path = paths.messages_to(ids[-1])[begin:] if ids and is_foldable(chat, limit_of(chat)) else []
    starts = [place for place, message in enumerate(path) if message.role == "user" and message.is_sent]
    most = starts[-LAST_MESSAGES] if len(starts) > LAST_MESSAGES else 0
    there = [message.id for message in path[:most]]
    chosen = there[: there.index(up_to) + 1] if up_to in there else [] if up_to else there
    if not chosen:
        raise Conflict(NOTHING)
    id, room = chat.id, FoldRoom.of(contexts.length(chat.model), None, 100)
    making.make(FoldOrder(id, tuple(chosen), is_from_root=not begin, most_tokens=most_tokens_in(room)))
    new_folds = on_path(db.session(), db.session.get_one(Chat, id, populate_existing=True), ids)
    if len(new_folds) == len(folds):
        raise Conflict(GONE)
    return new_folds[-1]


def edit(chat: Chat, fold_id: str, text: str) -> None:
    """Replaces the text of a fold by a person's own."""
    fold, text = of_chat(chat, fold_id), checked_text(text, "text")
    if not text:
        raise Invalid("Write what models get instead, or unfold it.", field="text")
    with write() as session:
        values = {"text": text, "is_edited": True, "tokens_after": estimate(text)}
        session.execute(update(Story).where(Story.id == fold.row.id).values(values))


def unfold(chat: Chat, fold_id: str) -> None:
    """Deletes a fold and those after it, so that models get the messages again, as far as there is room."""
    folds, id = _shown_folds(chat), chat.id
    first = _one_of(folds, fold_id).first
    ids = [fold.row.id for fold in folds if fold.first >= first]
    with write() as session:
        session.execute(delete(Story).where(Story.chat_id == id, Story.id.in_(ids)))


def of_chat(chat: Chat, fold_id: str) -> PathFold:
    """Returns a fold of messages of the branch that the chat shows."""
    return _one_of(_shown_folds(chat), fold_id)


def _shown_folds(chat: Chat) -> Sequence[PathFold]:
    return on_path(db.session(), chat, queries.ids_to(chat.head_id))


def _one_of(folds: Sequence[PathFold], id: str) -> PathFold:
    fold = next((fold for fold in folds if fold.row.id == id), None)
    if fold is None:
        raise NotFound(GONE)
    return fold
