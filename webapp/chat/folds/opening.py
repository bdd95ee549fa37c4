"""Opens folds of a conversation for a model that answers in it."""

from collections.abc import Iterator

from sqlalchemy import select

from webapp.base.db import db
from webapp.base.words import plural
from webapp.chat.folds import stretch
from webapp.chat.prompt.path_folds import IS_FOLD
from webapp.chat.prompt.recorded_prompt import RecordedPrompt
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Story
from webapp.engine.tables import Generation
from webapp.tools.calls import CallRecord, calls_of
from webapp.tools.folded import handle, is_handle
from webapp.tools.folding import room_of
from webapp.tools.recall import FindFolded, Folded

# What is read of a fold to open it: the rest is longer than any model's context.
MOST_CHARS = 1_000_000


def finder(chat: Chat, generation: Generation) -> FindFolded | None:
    """Returns what opens the folds in an answer's prompt; None without any."""
    if not chat.fold_count:
        return None
    handles = {section.origin for section in RecordedPrompt.from_record(generation.prompt).sections}
    chat_id, model = chat.id, generation.model_asked

    def find(number: int) -> Folded | None:
        query = select(Story).where(Story.chat_id == chat_id, IS_FOLD, Story.number == number)
        fold = db.session.scalars(query).first() if handle(number) in handles else None
        return _opened(db.session.get_one(Chat, chat_id), fold, model) if fold else None

    return find if any(map(is_handle, handles)) else None


def _opened(chat: Chat, fold: Story, model: str) -> Folded:
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
    # What quotes documents or comes from a person's own tool server is not for everyone who reads the chat.
    is_for_all = not (call.sources or call.private_to)
    return f"{call.said_by_arguments}\n{call.for_the_model}" if is_for_all else call.title
