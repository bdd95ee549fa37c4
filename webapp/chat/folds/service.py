"""What people do with the folds of a chat: they fold now, edit a fold's text, and unfold."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import delete, select, update

from webapp.base.db import db, write
from webapp.base.errors import Conflict, Invalid, NotFound
from webapp.characters.profiles import checked_text
from webapp.chat.folds import making, writing
from webapp.chat.folds.listing import folds_on
from webapp.chat.prompt.fold_due import LAST_MESSAGES, is_folded_alone, most_tokens_in, order_of, starts_in, stayed_below
from webapp.chat.prompt.path_folds import PathFold, is_foldable, limit_of, on_path
from webapp.chat.record import announcements, paths, queries
from webapp.chat.record.model_choice import current_model
from webapp.chat.record.tables import Chat, Story
from webapp.engine import generations
from webapp.models.tokens import estimate
from webapp.tools.folded import is_handle
from webapp.tools.folding import room_of

NOTHING = "Nothing to fold: the last messages of a chat stay as they are."
OF_AN_ANSWER = "An answer has folded this for its own requests. Only folds of messages can be edited and unfolded."
WRITTEN = "A later fold has a text that a person wrote, which would be lost. Unfold that one first."
GONE = "That fold is gone: this chat has changed."


def fold_now(chat: Chat, up_to: str = "", *, by: str) -> PathFold:
    """Folds what isn't yet, down to a message or before the last ones; returns the fold.

    That is the machine's extract, which gets a model's text as soon as there is one. `by` is the person whose limits apply.
    """
    generations.refuse_if_busy(chat.lane)
    ids = queries.ids_to(chat.head_id)
    folds = on_path(db.session(), chat, ids)
    begin = folds[-1].last + 1 if folds else 0
    path = paths.messages_to(ids[-1])[begin:] if ids and is_foldable(chat, limit_of(chat)) else []
    starts = starts_in(path)
    most = starts[-LAST_MESSAGES] if len(starts) > LAST_MESSAGES else 0
    there = [message.id for message in path[:most]]
    # Whole exchanges: a question isn't folded away from its answer.
    end = next(start for start in starts if start > there.index(up_to)) if up_to in there else 0 if up_to else most
    chosen = there[:end]
    if not any(map(is_folded_alone, path[: len(chosen)])):
        raise Conflict(NOTHING)
    id, model, room = chat.id, current_model(chat), room_of(current_model(chat), None)
    stayed = stayed_below(path, len(chosen), LAST_MESSAGES - 1)
    making.make(order_of(chat, ids[: begin + len(chosen)], folds, room, stayed))
    chat = db.session.get_one(Chat, id, populate_existing=True)
    new_folds = on_path(db.session(), chat, ids)
    if [fold.row.id for fold in new_folds] == [fold.row.id for fold in folds]:
        raise Conflict(GONE)
    writing.start(writing.again(chat, ids, new_folds[-1], most_tokens_in(room)), model, by=by)
    return new_folds[-1]


class BranchFold(NamedTuple):
    """A fold of messages, with the ids of its branch, and the folds of the branch that the chat shows."""

    fold: PathFold
    ids: Sequence[str]
    shown: Sequence[PathFold]


def edit(chat: Chat, fold_id: str, text: str) -> None:
    """Replaces the text of a fold by a person's own."""
    fold, text = of_chat(chat, fold_id).fold, checked_text(text, "text")
    if not text:
        raise Invalid("Write what models get instead, or unfold it.", field="text")
    with write() as session:
        values = {"text": text, "is_edited": True, "tokens_after": estimate(text)}
        session.execute(update(Story).where(Story.id == fold.row.id).values(values))


def unfold(chat: Chat, fold_id: str) -> None:
    """Deletes a fold, those that it has replaced and those after it, so that models get the messages again, if there is room."""
    (fold, ids, shown), id = of_chat(chat, fold_id), chat.id
    below = {*ids[fold.first :]}
    rows = db.session.execute(select(Story.id, Story.message_id).where(Story.chat_id == id))
    gone = {row.id: row.message_id for row in rows if row.message_id in below}
    if any(other.row.is_edited and other.row.id in gone and other.row.id != fold.row.id for other in shown):
        raise Conflict(WRITTEN)
    with write() as session:
        session.execute(delete(Story).where(Story.chat_id == id, Story.id.in_(gone)))
    for end in {*gone.values()}:
        announcements.notify(id, "message", end, ())


def of_chat(chat: Chat, fold_id: str) -> BranchFold:
    """Returns a fold of messages of the branch that the chat shows, or of another one."""
    ids = queries.ids_to(chat.head_id)
    shown = on_path(db.session(), chat, ids)
    if fold := next((fold for fold in shown if fold.row.id == fold_id), None):
        return BranchFold(fold, ids, shown)
    row = db.session.get(Story, fold_id)
    # One of the branch that is shown has been replaced.
    if row and row.chat_id == chat.id and row.message_id not in ids:
        ids = queries.ids_to(row.message_id)
        return BranchFold(PathFold(row, ids.index(row.first_id) if row.first_id else 0, len(ids) - 1), ids, shown)
    if is_handle(fold_id) and any(fold.id == fold_id for fold in folds_on(chat, chat.head_id)):
        raise Conflict(OF_AN_ANSWER)
    raise NotFound(GONE)
