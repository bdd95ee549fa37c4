"""The section of prompts with the texts beside a chat that are no longer what its messages say."""

from collections.abc import Iterator

from sqlalchemy import select

from webapp.base.db import db
from webapp.base.words import fence_for
from webapp.chat.files.tables import BY_CHANGE, BY_HAND
from webapp.chat.prompt.context import PromptContext
from webapp.chat.record.tables import Chat, Message
from webapp.chat.texts import queries
from webapp.models.prompt_sections import AFTER, Section

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
    chars_left, lines = MOST_CHARS, [INSTRUCTION]
    for newest in queries.texts_of(chat.id, context.person_id or ""):
        if newest.made_by not in (BY_HAND, BY_CHANGE):
            continue
        text = newest.text() if newest.file.bytes <= 4 * chars_left else ""
        is_short = 0 < len(text) <= chars_left
        chars_left -= len(text) if is_short else 0
        if newest.file.owner_id and newest.file.owner_id != chat.owner_id:
            context.outside.append(f"“{newest.name}”")
        fence = fence_for(text)
        lines.append(f"{newest.name}:\n{fence}\n{text.rstrip()}\n{fence}" if is_short else f"{newest.name} {LEFT_OUT}")
    if len(lines) > 1:
        # A text can come from any branch.
        places = db.session.scalars(select(Message.outside).where(Message.chat_id == chat.id, Message.outside != ""))
        context.outside.extend(place for lines_of_places in places for place in lines_of_places.splitlines())
        yield Section(TITLE, "\n\n".join(lines), origin=TITLE, depth=AFTER, priority=60)
