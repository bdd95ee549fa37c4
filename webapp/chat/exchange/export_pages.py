"""A chat exported as one HTML page: styles and pictures inlined, no scripts, no external requests."""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from hashlib import sha256
from typing import TypeAlias

from flask import current_app
from markupsafe import Markup

from webapp.base.config import ROOT
from webapp.base.db import db, utc_now
from webapp.base.errors import NotFound
from webapp.base.heavy.turns import by_turns
from webapp.chat.attachments import service
from webapp.chat.calls.lines import ShownCalls
from webapp.chat.exchange import export
from webapp.chat.exchange.calls import ReadCalls, read_calls
from webapp.chat.files import storage
from webapp.chat.files.attachments import LONG, NAME, PICTURE, SHELF
from webapp.chat.files.reference import ID
from webapp.chat.files.tables import IMAGE, StoredFile
from webapp.chat.messages import renderings
from webapp.chat.page import shown
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import Engine
from webapp.engine.watching.watchers import Context, same_request
from webapp.people.accounts.tables import User
from webapp.rendering.footnotes import as_written

# Links to the server would be broken in a file on disk.
SHOWN = re.compile(rf' (?P<how>href|src)="/(?:files|knowledge/documents)/(?P<id>{ID})"')
# Pictures beyond this total show their names only, because a browser loads the whole page into memory.
MOST_BYTES = 16 * 1024 * 1024
SHEETS = ("tokens", "components/text", "pages/export")
# How many fragments of the template are sent together.
PARTS = 200
Row: TypeAlias = tuple[shown.ShownMessage, ReadCalls | None, Markup, list[str]]


class Pictures:
    """Inlines the pictures of a chat until the size limit is reached; the others show their names."""

    def __init__(self, chat_id: str) -> None:
        self._chat_id, self._left = chat_id, MOST_BYTES

    def into(self, html: str) -> str:
        """Returns the HTML of a message with its pictures inlined."""
        ids = {match["id"] for match in SHOWN.finditer(html)}
        files = storage.in_chat(self._chat_id, ids) if ids else {}
        parts, end = list[str](), 0
        for match in by_turns(SHOWN.finditer(html), seconds=0):
            content = _content(files, match["id"], self._left) if match["how"] == "src" else b""
            self._left -= len(content)
            source = f' src="data:{files[match["id"]].media_type};base64,{b64encode(content).decode()}"' if content else ""
            parts += [html[end : match.start()], source]
            end = match.end()
        return "".join([*parts, html[end:]])


def as_page(engine: Engine, chat: Chat, right: str, reader: User | None) -> Iterator[str]:
    """Streams the branch that the chat shows as a page, with the sources that this reader can see.

    Its Content-Security-Policy allows no scripts and no requests when the file is opened from disk.
    """
    style, policy = _style()
    thread = _thread(engine, chat.id, right, reader.id if reader else "", same_request())
    page = current_app.jinja_env.get_template("chat/exchange/export.html")
    stream = page.stream(title=chat.title, thread=thread, style=style, policy=policy, now=utc_now())
    stream.enable_buffering(PARTS)
    return by_turns(stream)


def _thread(engine: Engine, chat_id: str, right: str, reader_id: str, context: Context) -> Iterator[Row]:
    pictures, chars_left = Pictures(chat_id), renderings.FILE_CHARS
    for ids in export.chunks_of_branch(engine, chat_id):
        read = partial(queries.in_order, ids)
        # Holds no database connection while sending.
        with context():
            stale_chars = sum(len(message.content) for message in read() if renderings.is_stale(message))
            messages = renderings.with_current_html(read, most_chars=chars_left)
            chars_left = max(0, chars_left - stale_chars)
            reader = db.session.get(User, reader_id) if reader_id else None
            rows = _rows(engine, messages, right, reader, pictures)
        yield from rows


def _rows(engine: Engine, messages: Sequence[Message], right: str, reader: User | None, pictures: Pictures) -> list[Row]:
    lines = {message.id: [f"[{number}] {words}" for number, words in export.cited(message, reader)] for message in messages}
    calls = read_calls(messages, reader)
    shown_messages = shown.thread(engine, messages, right, is_scripted=False) if messages else []
    return [
        (
            message,
            calls.get(message.id),
            Markup(pictures.into(f"{as_written(message.html)}{message.tail}{_made(message.calls)}")),
            lines.get(message.id, []),
        )
        for message in shown_messages
    ]


def _made(calls: ShownCalls | None) -> Markup:
    """Returns the files that the calls of an answer made, as the page shows those that were sent."""
    if not calls:
        return Markup()
    pictures = Markup().join(PICTURE.format(url=file.url, name=file.words) for file in calls.files if file.is_picture)
    others = (LONG.format(name=NAME.format(name=file.words), words=file.size) for file in calls.files if not file.is_picture)
    return Markup().join(others) + (SHELF.format(pictures) if pictures else Markup())


@cache
def _style() -> tuple[Markup, str]:
    """Returns our style sheets as one element, and a Content-Security-Policy that allows only this style."""
    css = "\n".join((ROOT / f"static/css/{name}.css").read_text("utf-8") for name in SHEETS)
    digest = b64encode(sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    return Markup("<style>{}</style>").format(Markup(css)), policy


def _content(files: Mapping[str, StoredFile], id: str, most: int) -> bytes:
    """Returns the file's bytes; none if it is not a picture, is missing, or is too large."""
    file = files.get(id)
    if file is None or file.kind != IMAGE or file.bytes > most:
        return b""
    try:
        return service.content_of(file)
    except NotFound:
        return b""
