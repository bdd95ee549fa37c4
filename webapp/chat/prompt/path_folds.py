"""The folds that apply to a path: they cover it from its beginning, one after the other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from webapp.base.words import number, plural
from webapp.chat.prompt.leading import includes_history
from webapp.chat.record.paths import PathMessage
from webapp.chat.record.tables import ROLEPLAY, Chat, FoldKind, Story
from webapp.models.prompt_sections import Section
from webapp.settings.service import setting
from webapp.streaming.events import FOLDED_NOTICE, Notice
from webapp.tools.folded import handle

# Of a fold's text.
MOST_CHARS = 20_000
# Directly before the history, as a turn of their own: the system message before them stays as it is when they are made.
RANK = 190


@dataclass(frozen=True, slots=True)
class PathFold:
    """A fold with the places of its first and last message on the path."""

    row: Story
    first: int
    last: int

    @property
    def messages(self) -> int:
        """How many messages it stands for; counted on the path where it came from a file or an older version."""
        return self.row.messages or self.last - self.first + 1

    def section(self, depth: int | None = None) -> Section:
        """Returns the fold as a part of the prompt: a paragraph that begins with its handle, and what it stands for.

        A `depth` says how many messages follow it, if some that are kept in full are before it.
        """
        row = self.row
        what = ", ".join([plural(self.messages, "message"), *([plural(row.calls, "call")] if row.calls else [])])
        text = f"[{handle(row.number)}: {what}]\n{row.text}"
        return Section(f"Fold {row.number}", text=text, origin=handle(row.number), role="user", rank=RANK, depth=depth)


def on_path(session: Session, chat: Chat, ids: Sequence[str], *, without: str = "") -> tuple[PathFold, ...]:
    """Returns the folds that apply to a path, the oldest first; without a query for a chat that has never had one.

    One after which messages stay doesn't apply where these are not. `without` one, those that it has replaced apply again.
    """
    if not chat.fold_count:
        return ()
    places = {id: place for place, id in enumerate(ids)}
    rows = session.scalars(select(Story).where(Story.chat_id == chat.id, Story.id != without)).all()
    there = [row for row in rows if row.message_id in places and (not row.first_id or row.first_id in places)]
    there = [row for row in there if places[row.message_id] + row.stayed < len(ids)]
    folds, at = list[PathFold](), 0
    # Of those that begin at one place, the one that covers most: a later one has replaced those before.
    while beginning := [row for row in there if (places[row.first_id] if row.first_id else 0) == at]:
        row = max(beginning, key=lambda row: (places[row.message_id], row.number))
        folds.append(PathFold(row, at, places[row.message_id]))
        at = places[row.message_id] + 1
    return tuple(folds)


def by_message(session: Session, ids: Iterable[str]) -> dict[str, str]:
    """Returns the texts of folds from the beginning of a chat on, by the message that they end with."""
    query = select(Story.message_id, Story.text).where(Story.message_id.in_(list(ids)), Story.first_id.is_(None))
    return {row.message_id: row.text for row in session.execute(query.order_by(Story.id))}


def standing(path: Sequence[PathMessage], folds: Sequence[PathFold]) -> list[PathMessage]:
    """Returns the messages of a path that are not folded: those that are kept in full, and those after the folds."""
    end = folds[-1].last + 1 if folds else 0
    return [*(message for message in path[:end] if message.is_kept), *path[end:]]


def limit_of(chat: Chat, history_limit: int | None = None) -> int | None:
    """Returns how many messages of the history a prompt has at most, `history_limit` before the chat's own; None for all."""
    limit = chat.history_limit if history_limit is None else history_limit
    return limit if includes_history(chat) else 0


def style_of(chat: Chat) -> FoldKind:
    """Returns how the folds of a chat are told."""
    return "story" if chat.kind == ROLEPLAY else "conversation"


def is_foldable(chat: Chat, limit: int | None) -> bool:
    """Returns whether the chat's history is folded; one with a limit only if it is a story, or the chat says so."""
    is_on = chat.fold == "on" if chat.fold else setting("context.fold") == "on"
    is_told = style_of(chat) == "story" or chat.fold == "on"
    return is_on and (limit is None or (limit > 0 and is_told))


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


def bring(session: Session, chat_id: str, texts: Mapping[str, str]) -> None:
    """Adds texts that a file has for all messages down to these; they are checked before the next fold is made."""
    if texts:
        numbered = zip(take_numbers(session, Chat.id == chat_id, count=len(texts)), texts.items(), strict=True)
        session.add_all(Story(chat_id=chat_id, message_id=id, text=text, number=number) for number, (id, text) in numbered)


def take_numbers(session: Session, *of_chat: ColumnElement[bool], count: int = 1) -> range:
    """Returns the next numbers of folds of a chat, which no other gets; none if there is no such chat."""
    taken = update(Chat).where(*of_chat).values(fold_count=Chat.fold_count + count).returning(Chat.fold_count)
    last = session.scalar(taken.execution_options(synchronize_session=False))
    return range(last - count + 1, last + 1) if last else range(0)


def drop(session: Session, chat: Chat, *, but_on: Sequence[str] = (), down_to: str = "") -> None:
    """Deletes the folds of a chat of which a message has changed, but those on this path: they are made again where needed.

    Those that end above the message `down_to` stay, too. One that is being made is not stored.
    """
    session.execute(update(Chat).where(Chat.id == chat.id).values(fold_count=Chat.fold_count + 1))
    stay = [fold.row.id for fold in on_path(session, chat, but_on)] if but_on else []
    # Ids grow with time: what ends with an older message doesn't have a newer one in it.
    gone = delete(Story).where(Story.chat_id == chat.id, Story.id.not_in(stay), Story.message_id >= down_to)
    session.execute(gone.execution_options(synchronize_session=False))
