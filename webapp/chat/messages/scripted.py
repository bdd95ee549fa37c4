"""Messages as the text scripts of their character show them. Nothing of it is stored, so that a changed script shows at once."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import select

from webapp.base.cache import Cache
from webapp.base.db import db
from webapp.base.heavy.threads import offload
from webapp.characters.queries import CharacterName, character_of
from webapp.characters.scripts.card_scripts import scripts_of
from webapp.characters.tables import Character
from webapp.characters.text_scripts import TextScript, applied
from webapp.chat.files.reference import parted
from webapp.chat.messages import renderings
from webapp.chat.prompt.scripts import with_names
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.rendering.pictures import Pictures

# The time limit for the scripts of one page, which run in a thread, and of one answer, which don't.
PAGE_SECONDS, ANSWER_SECONDS = 0.5, 0.05
# How much HTML of such messages is kept in memory, and what is counted for one besides its HTML.
MOST_KEPT_CHARS, KEY_CHARS = 8_000_000, 500
Key = tuple[str, int, tuple[TextScript, ...]]
# Means that the scripts change nothing.
SAME = ""
# By everything that the HTML depends on: the text of a message only grows.
_kept = Cache[Key, str](MOST_KEPT_CHARS, size_of=lambda html: KEY_CHARS + len(html))


@dataclass(frozen=True, slots=True)
class ScriptedMessage:
    """A message with the scripts that change it, if its HTML is not kept."""

    key: Key
    text: str
    cited: tuple[int, ...]
    pictures: Pictures


def scripts_for(chat: Chat, characters: Iterable[Character | CharacterName]) -> dict[str, tuple[TextScript, ...]]:
    """Returns the scripts for pages of these characters, by id, with names filled in; only of those that have some."""
    scripts_by_character = {character.id: scripts_of(character.id, character.changed_at).shown for character in characters}
    return {id: with_names(chat, scripts, id) for id, scripts in scripts_by_character.items() if scripts}


def html_by_message(
    chat: Chat, messages: Sequence[Message], scripts: Mapping[str, tuple[TextScript, ...]]
) -> dict[str, str | ScriptedMessage]:
    """Returns the HTML of those of these messages that the scripts change, by id, or what is needed to make it.

    The messages follow each other. In a group, the scripts of a character apply to its own messages only.
    """
    html_by_id, depth = dict[str, str | ScriptedMessage](), _depth_of_last(chat, messages, scripts.values())
    for message in reversed(messages):
        is_own = message.role == "assistant" and (message.speaker_name or chat.is_group)
        speaker_id = message.speaker_id if is_own else None if chat.is_group else chat.character_id
        # A hidden message has no depth, so scripts change it at any; it doesn't count for the others.
        if html := _html(message, scripts.get(speaker_id or "", ()), None if message.is_hidden else depth):
            html_by_id[message.id] = html
        depth += not message.is_hidden
    return html_by_id


def _depth_of_last(chat: Chat, messages: Sequence[Message], scripts: Iterable[tuple[TextScript, ...]]) -> int:
    """Returns how many messages of the chat come after these, if one of the scripts depends on it."""
    last = messages[-1].id
    is_needed = any(script.least_depth is not None or script.most_depth is not None for some in scripts for script in some)
    if last == chat.head_id or not is_needed:
        return 0
    ids = queries.path_ids(chat)
    return len({*ids[ids.index(last) + 1 :]} - queries.hidden_in(chat)) if last in ids else 0


def _html(message: Message, scripts: tuple[TextScript, ...], depth: int | None) -> str | ScriptedMessage:
    """Returns the HTML of a message as its scripts change it, empty if they change nothing; or what is needed to make it."""
    fitting = tuple(script for script in scripts if script.fits(message.role, depth))
    if not fitting or not message.content:
        return SAME
    key = message.id, len(message.content), fitting
    if (html := _kept.get(key)) is not None:
        return html
    text = parted(message.content)[0] if message.role == "user" else message.content
    return ScriptedMessage(key, text, tuple(renderings.citation_numbers(message)), renderings.pictures_of(message))


def prepare(scripted_messages: Sequence[ScriptedMessage]) -> bool:
    """Renders these messages, newest first, and keeps their HTML; returns whether there were any.

    If so, the session was rolled back, and the messages must be read again.
    """
    if not scripted_messages:
        return False
    db.session.rollback()
    newest = scripted_messages[::-1]
    texts = offload(_texts, [(message.key[2], message.text) for message in newest])
    chars = 0
    for message, text in zip(newest, texts, strict=False):
        chars += len(text)
        if chars > renderings.PAGE_CHARS:
            break
        html = SAME
        if text != message.text:
            html = renderings.render_markdown(text, cited=message.cited, pictures=message.pictures) or renderings.NOTHING
        _kept.put(message.key, html)
    return True


def scripts_of_message(message_id: str) -> Callable[[str], str] | None:
    """Returns a function that applies the scripts to an answer that has ended; None if there are none."""
    session = db.session()
    speaking = select(Chat, Message.speaker_id).join(Message, Message.chat_id == Chat.id).where(Message.id == message_id)
    row = session.execute(speaking).first()
    character = character_of(session, row.Chat.owner_id, row.speaker_id or row.Chat.character_id) if row else None
    scripts = scripts_for(row.Chat, [character]) if row and character else {}
    fitting = tuple(script for some in scripts.values() for script in some if script.fits("assistant", 0))
    return partial(_applied_in_time, fitting) if fitting else None


def _applied_in_time(scripts: Sequence[TextScript], text: str) -> str:
    is_late = limit(ANSWER_SECONDS)
    changed = applied(scripts, text, is_late)
    return text if is_late() else changed


def limit(seconds: float) -> Callable[[], bool]:
    """Returns a function that tells whether this thread has worked for so long."""
    until = time.thread_time() + seconds
    return lambda: time.thread_time() > until


def _texts(scripted_texts: Sequence[tuple[tuple[TextScript, ...], str]]) -> list[str]:
    """Applies the scripts to the texts; returns fewer of them if time is up."""
    is_late, texts = limit(PAGE_SECONDS), list[str]()
    for scripts, text in scripted_texts:
        changed = applied(scripts, text, is_late)
        if is_late():
            break
        texts.append(changed)
    return texts
