"""A chat exported as one HTML page: styles and pictures inlined, no scripts, no external requests."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import cache, partial
from hashlib import sha256
from typing import TypeAlias

from flask import current_app
from markupsafe import Markup

from webapp.base.config import ROOT
from webapp.base.db import db, utc_now
from webapp.base.heavy.turns import by_turns
from webapp.chat.exchange import branch
from webapp.chat.exchange.export import cited
from webapp.chat.exchange.export_pictures import Pictures
from webapp.chat.messages import renderings
from webapp.chat.page import shown
from webapp.chat.page.shown import ShownMessage
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import Engine
from webapp.engine.watching.watchers import Context, same_request
from webapp.people.accounts.tables import User
from webapp.rendering.footnotes import as_written

SHEETS = ("tokens", "components/text", "pages/export")
# How many fragments of the template are sent together.
PARTS = 200
Row: TypeAlias = tuple[ShownMessage, Markup, list[str]]


def kept_page(engine: Engine, chat: Chat, right: str, reader: User | None) -> Iterator[str]:
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
    for ids in branch.chunks_of_branch(engine, chat_id):
        read = partial(queries.in_order, ids)
        # Holds no database connection while sending.
        with context():
            stale_chars = sum(len(each.content) for each in read() if renderings.is_stale(each))
            messages = renderings.ready(read, most_chars=chars_left)
            chars_left = max(0, chars_left - stale_chars)
            reader = db.session.get(User, reader_id) if reader_id else None
            rows = _rows(engine, messages, right, reader, pictures)
        yield from rows


def _rows(engine: Engine, messages: Sequence[Message], right: str, reader: User | None, pictures: Pictures) -> list[Row]:
    lines = {each.id: [f"[{number}] {words}" for number, words in cited(each, reader)] for each in messages}
    shown_now = shown.thread(engine, messages, right, is_scripted=False) if messages else []
    return [(each, Markup(pictures.into(f"{as_written(each.html)}{each.tail}")), lines.get(each.id, [])) for each in shown_now]


@cache
def _style() -> tuple[Markup, str]:
    """Returns our style sheets as one element, and a Content-Security-Policy that allows only this style."""
    css = "\n".join((ROOT / f"static/css/{name}.css").read_text("utf-8") for name in SHEETS)
    digest = b64encode(sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    return Markup("<style>{}</style>").format(Markup(css)), policy
