"""The section of prompts with the texts beside a chat that are no longer what its messages say."""

from collections.abc import Iterator, Mapping

from sqlalchemy import select

from webapp.base.db import db
from webapp.base.words import fence_for
from webapp.chat.files.tables import BY_CHANGE, BY_HAND, ChatFile, StoredFile
from webapp.chat.prompt.context import PromptContext
from webapp.chat.record.tables import Chat, Message
from webapp.models.prompt_sections import AFTER, Section
from webapp.workspace.texts import queries

# Of all texts together, in characters.
MOST_CHARS = 40_000
TITLE = "Texts beside this chat"
INSTRUCTION = (
    "The person keeps these texts beside this chat, and has changed them since they were written here. They are now as below. "
    "To change one with the tool `write_file`, write all of it under its name."
)
LEFT_OUT = "(too long to be shown here)"


def text_sections(context: PromptContext) -> Iterator[Section]:
    """Yields the texts that were edited or changed since, as far as the person who asks can open them."""
    chat = db.session.get(Chat, context.chat_id)
    if not chat or not chat.has_texts:
        return
    chars_left, lines, names = MOST_CHARS, [INSTRUCTION], dict[str, str]()
    for newest in queries.texts_of(chat.id, context.person_id or ""):
        if newest.made_by not in (BY_HAND, BY_CHANGE):
            continue
        text = newest.text() if newest.file.bytes <= 4 * chars_left else ""
        is_short = 0 < len(text) <= chars_left
        chars_left -= len(text) if is_short else 0
        names[newest.text_id] = newest.name
        fence = fence_for(text)
        lines.append(f"{newest.name}:\n{fence}\n{text.rstrip()}\n{fence}" if is_short else f"{newest.name} {LEFT_OUT}")
    if len(lines) > 1:
        context.outside.extend(_outside(chat, names))
        yield Section(TITLE, "\n\n".join(lines), origin=TITLE, depth=AFTER, priority=60)


def _outside(chat: Chat, names: Mapping[str, str]) -> Iterator[str]:
    """Yields the places of outside text in these texts: what others have written of them, and what any branch had read."""
    versions = select(ChatFile.text_id).join(StoredFile, StoredFile.id == ChatFile.file_id)
    is_others = StoredFile.owner_id.is_distinct_from(chat.owner_id)
    theirs = set(db.session.scalars(versions.where(ChatFile.chat_id == chat.id, is_others)))
    yield from (f"“{name}”" for text_id, name in names.items() if text_id in theirs)
    for lines in db.session.scalars(select(Message.outside).where(Message.chat_id == chat.id, Message.outside != "")):
        yield from lines.splitlines()
