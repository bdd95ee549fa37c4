"""The stored HTML of messages; renders it again if it is missing or from an older renderer."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape, unescape

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from webapp.base import languages
from webapp.base.cache import Cache
from webapp.base.db import db, write
from webapp.base.errors import Unavailable
from webapp.base.heavy.threads import offload
from webapp.base.heavy.turns import queue_for_turn
from webapp.base.languages import gettext as _
from webapp.chat.files import storage
from webapp.chat.files.reference import parted
from webapp.chat.record import queries
from webapp.chat.record.seam_labels import seams_of
from webapp.chat.record.tables import Message
from webapp.engine.chores import Chore
from webapp.rendering import markdown
from webapp.rendering.fallback import as_paragraph
from webapp.rendering.footnotes import scoped
from webapp.rendering.pictures import Pictures
from webapp.rendering.text import plain

# How much one page request renders at most, about a second of work. Messages beyond that are shown as plain text until the
# background pass has rendered them.
PAGE_CHARS = 400_000
# An export can take longer than a page.
FILE_CHARS = 5_000_000
BATCH_CHARS, BATCH_ROWS = 50_000, 100
EVERY_SECONDS = 2.0
# Repeats the condition of the partial index. Messages without text need no HTML.
IS_STALE = (Message.html_version < markdown.VERSION) & text("messages.content <> ''")
# The HTML of a text without visible content: empty HTML would mean that it was never rendered.
NOTHING = "\n"
# What the renderer names in English: links to notes, back from them, and to sources and previews, and ticks of tasks.
VIEWS = ("Preview", "Open in side panel", "Source")
NAMED = re.compile(
    r'(?P<before><(?:sup class="ref"><a|a class="(?:cite|to-ref)"|span class="task)[^>]*? (?:aria-label|title)=)"(?P<name>[^"]*)"'
    rf'|(?P<link><a class="view" [^>]*>|<summary>)(?P<words>{"|".join(VIEWS)})(?=</)'
)
LABELS = {"Note": "Note %(label)s", "Source": "Source %(label)s"}
TICKS = ("Back to the text", "done", "to do")
# Rendered HTML that could not be stored, by message id and text length; the text only grows, so the length identifies it.
_unstored = Cache[tuple[str, int], str](100)
# Removing the markup of a longer text takes too long to block other greenlets.
LONG_CHARS = 20_000


@dataclass(frozen=True, slots=True)
class StaleRendering:
    """A message to be rendered, and the length of its whole text."""

    id: str
    content: str
    length: int
    seams: Sequence[markdown.AnySeam]
    cited: Sequence[int]
    pictures: Pictures


def html_of(message: Message) -> str:
    """Returns the HTML of a message, or its plain text as a paragraph if it is not rendered yet."""
    html = _unstored.get(_key(message)) or as_paragraph(_shown(message)) if is_stale(message) else message.html
    return in_our_words(scoped(html, message.id))


def in_our_words(html: str) -> str:
    """Returns HTML whose links to notes, sources and previews, and whose ticks, are named in the language of the page."""
    if languages.current().code == languages.ENGLISH or not ('href="#' in html or 'href="/messages/' in html or "task" in html):
        return html
    return NAMED.sub(_named, html)


def _named(match: re.Match[str]) -> str:
    if match["link"]:
        return f"{match['link']}{escape(_(match['words']))}"
    kind, _space, label = match["name"].partition(" ")
    words = _(LABELS[kind], label=unescape(label)) if kind in LABELS else _(match["name"])
    return f'{match["before"]}"{escape(words)}"'


def is_stale(message: Message) -> bool:
    """Returns whether the text has no HTML, or that of an older renderer."""
    return bool(message.content) and (message.html_version < markdown.VERSION or not message.html)


def with_current_html(read: Callable[[], Sequence[Message]], *, most_chars: int = PAGE_CHARS) -> Sequence[Message]:
    """Reads messages and renders stale ones; reads again afterwards, because rendering yields to other greenlets."""
    messages = read()
    return read() if render_stale_messages(messages, most_chars=most_chars) else messages


def render_stale_messages(messages: Sequence[Message], *, most_chars: int = PAGE_CHARS) -> bool:
    """Renders stale messages, newest first, up to a total length; returns whether any was rendered.

    If so, the session was rolled back, and the messages must be read again.
    """
    stale = [message for message in messages if is_stale(message) and not _unstored.get(_key(message))]
    if not stale:
        return False
    within = _within(stale[::-1], most_chars)
    if len(within) < len(stale):
        wake()
    _store(_made(_taken(within)))
    return bool(within)


def citation_numbers(message: Message) -> list[int]:
    """Returns the numbers of the message's sources."""
    return [source["number"] for source in message.sources]


def render_markdown(
    content: str,
    seams: Sequence[markdown.AnySeam] = (),
    *,
    cited: Sequence[int] = (),
    pictures: Pictures = markdown.NO_PICTURES,
) -> str:
    """Renders a text as HTML; a long one yields to other greenlets between pieces."""
    pieces = markdown.rendering(content, seams, cited=cited, pictures=pictures)
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            html: str = end.value
            return html
        # Ends the transaction before yielding: rows read earlier can be outdated afterwards.
        db.session.rollback()
        queue_for_turn()


def pictures_of(message: Message) -> Pictures:
    """Returns the pictures that an answer may show; those of a person's message are shown below its text."""
    return storage.pictures_in(message.chat_id, message.content) if message.role == "assistant" else {}


def render_person_text(content: str) -> str:
    """Renders a person's message without the pictures at its end, which are shown below it."""
    return render_markdown(parted(content)[0]) or NOTHING


def render_stale_parts() -> bool:
    """Renders a batch of stale messages; returns whether there are more."""
    lengths = db.session.execute(select(Message.id, func.length(Message.content)).where(IS_STALE).limit(BATCH_ROWS)).all()
    ids: list[str] = []
    chars = 0
    for id, length in lengths:
        if not ids or chars + length <= BATCH_CHARS:
            ids.append(id)
            chars += length
    if ids:
        messages = db.session.scalars(select(Message).where(Message.id.in_(ids))).all()
        html_by_key = {key: html for key in map(_key, messages) if (html := _unstored.get(key))}
        fresh = _taken([message for message in messages if _key(message) not in html_by_key])
        _store(html_by_key | _made(fresh))
    return bool(ids)


def _shown(message: Message) -> str:
    """Returns the part of a message's text that is rendered."""
    return parted(message.content)[0] if message.role == "user" else message.content


def _within(messages: Iterable[Message], most_chars: int) -> list[Message]:
    entries = []
    for message in messages:
        if len(message.content) <= most_chars:
            entries.append(message)
            most_chars -= len(message.content)
    return entries


def _taken(messages: Sequence[Message]) -> list[StaleRendering]:
    generations = queries.generations_of(messages) if messages else {}
    # A column is a descriptor, which pyright doesn't see as its value in a protocol.
    cuts = {id: seams_of(parts) for id, parts in generations.items()}  # pyright: ignore[reportArgumentType]
    places = queries.call_places(messages)
    return [
        StaleRendering(
            message.id,
            _shown(message),
            len(message.content),
            [*cuts.get(message.id, ()), *places.get(message.id, ())],
            citation_numbers(message),
            pictures_of(message),
        )
        for message in messages
    ]


def _made(stale: Iterable[StaleRendering]) -> dict[tuple[str, int], str]:
    html_by_part: dict[tuple[str, int], str] = {}
    for rendering in stale:
        # Releases the database connection while rendering.
        db.session.rollback()
        html_by_part[rendering.id, rendering.length] = (
            render_markdown(rendering.content, rendering.seams, cited=rendering.cited, pictures=rendering.pictures) or NOTHING
        )
        queue_for_turn()
    return html_by_part


def _store(html_by_key: Mapping[tuple[str, int], str]) -> None:
    """Stores the HTML unless the text has changed; if the database is busy, keeps it in a small cache in memory."""
    try:
        with write(patience_seconds=0) as session:
            for (id, length), html in html_by_key.items():
                unchanged = Message.id == id, func.length(Message.content) == length, Message.html_version <= markdown.VERSION
                values = {"html": html, "html_version": markdown.VERSION}
                statement = update(Message).where(*unchanged).values(values)
                session.execute(statement.execution_options(synchronize_session=False))
    except (Unavailable, SQLAlchemyError):
        for key, html in html_by_key.items():
            _unstored.put(key, html)
    else:
        for key in html_by_key:
            _unstored.drop(key)


def _key(message: Message) -> tuple[str, int]:
    return message.id, len(message.content)


# Renders all stale messages in small batches; if there are none, this is one query.
wake = Chore("renderer", render_stale_parts, EVERY_SECONDS).wake


def words_alone(text: str) -> str:
    """Returns a text without markup; a long one is processed in a real thread, so as not to block other greenlets."""
    return offload(plain, text) if len(text) > LONG_CHARS else plain(text)
