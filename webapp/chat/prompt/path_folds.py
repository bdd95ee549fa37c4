"""The folds of a conversation that apply to a path: they cover it from its beginning, one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp.base.words import number, plural
from webapp.chat.prompt import path_story
from webapp.chat.prompt.leading import includes_history
from webapp.chat.record.paths import PathMessage
from webapp.chat.record.tables import Chat, Story
from webapp.models.prompt_sections import Section
from webapp.streaming.events import FOLDED_NOTICE, Notice
from webapp.tools.folded import handle

IS_FOLD = Story.kind == "conversation"
# Directly before the history, as a turn of their own: the system message before them stays as it is when they are made.
RANK = 190


@dataclass(frozen=True, slots=True)
class PathFold:
    """A fold with the places of its first and last message on the path."""

    row: Story
    first: int
    last: int

    @property
    def section(self) -> Section:
        """The fold as a part of the prompt: a paragraph that begins with its handle, and what it stands for."""
        row = self.row
        what = ", ".join([plural(row.messages, "message"), *([plural(row.calls, "call")] if row.calls else [])])
        text = f"[{handle(row.number)}: {what}]\n{row.text}"
        return Section(f"Fold {row.number}", text=text, origin=handle(row.number), role="user", rank=RANK)


def on_path(session: Session, chat: Chat, ids: Sequence[str]) -> tuple[PathFold, ...]:
    """Returns the folds that apply to a path, the oldest first; without a query for a chat that has never had one."""
    if not chat.fold_count:
        return ()
    places = {id: place for place, id in enumerate(ids)}
    rows = session.scalars(select(Story).where(Story.chat_id == chat.id, IS_FOLD)).all()
    there = [row for row in rows if row.message_id in places and (not row.first_id or row.first_id in places)]
    folds, at = list[PathFold](), 0
    # Of those that begin at one place, the one that covers most: a later one has replaced those before.
    while beginning := [row for row in there if (places[row.first_id] if row.first_id else 0) == at]:
        row = max(beginning, key=lambda row: (places[row.message_id], row.number))
        folds.append(PathFold(row, at, places[row.message_id]))
        at = places[row.message_id] + 1
    return tuple(folds)


def limit_of(chat: Chat, history_limit: int | None = None) -> int | None:
    """Returns how many messages of the history a prompt has at most, `history_limit` before the chat's own; None for all."""
    limit = chat.history_limit if history_limit is None else history_limit
    return limit if includes_history(chat) else 0


def is_foldable(chat: Chat, limit: int | None) -> bool:
    """Returns whether the chat's history is folded: one with a limit isn't, nor is one that a story retells."""
    return limit is None and not path_story.is_sent(chat)


def told_of_new(folds: Sequence[PathFold], path: Sequence[PathMessage]) -> tuple[int, ...]:
    """Returns what is said of a fold that was made for the answer at the end of a path; empty if none was.

    That is how many messages it has, and the tokens before and after.
    """
    # Ids grow with time: it was made after the answer before.
    is_new = bool(folds) and folds[-1].row.id > path[-3].id
    row = folds[-1].row if is_new else None
    return (row.messages, row.tokens_before, row.tokens_after) if row else ()


def folded_notice(messages: int, before: int, after: int) -> Notice:
    """Returns the line that says of an answer that messages were folded before it; the numbers are for other languages."""
    message = f"{plural(messages, 'message')} folded · {number(before)} → {plural(after, 'token')}"
    return Notice(FOLDED_NOTICE, message, f"{messages} {before} {after}")


def drop(session: Session, chat: Chat, *, but_on: Sequence[str] = ()) -> None:
    """Deletes the folds of a chat of which a message has changed, but those on this path: they are made again where needed."""
    stay = [fold.row.id for fold in on_path(session, chat, but_on)] if but_on else []
    gone = delete(Story).where(Story.chat_id == chat.id, IS_FOLD, Story.id.not_in(stay))
    session.execute(gone.execution_options(synchronize_session=False))
