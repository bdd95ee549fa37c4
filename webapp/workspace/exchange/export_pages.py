"""A chat exported as one HTML page: styles and pictures inlined, no scripts, no external requests."""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from flask import current_app
from markupsafe import Markup

from webapp.base.db import db, utc_now
from webapp.base.errors import NotFound
from webapp.base.heavy.turns import by_turns
from webapp.base.languages import gettext as _
from webapp.chat.attachments import service
from webapp.chat.calls.lines import ShownCalls
from webapp.chat.files import storage
from webapp.chat.files.attachments import LINK, LONG, PICTURE, SHELF
from webapp.chat.files.reference import ANY, ID
from webapp.chat.files.tables import IMAGE, StoredFile
from webapp.chat.messages import renderings
from webapp.chat.messages.fork import Included
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import Engine
from webapp.engine.watching.watchers import Context, same_request
from webapp.people.accounts.tables import User
from webapp.rendering.footnotes import as_written, scoped
from webapp.web.standing_alone import style_and_policy
from webapp.workspace.exchange import export
from webapp.workspace.exchange.calls import ReadCalls, read_calls
from webapp.workspace.page import shown

# Links to the server would be broken in a file on disk.
SHOWN = re.compile(rf' (?P<how>href|src)="/(?:files|knowledge/documents)/(?P<id>{ID})(?:\?download)?"')
# What has a preview, by the place of its message on the page; of a drawing also its source.
PREVIEW = re.compile(
    r'<a class="view" href="/messages/m(?P<place>[0-9]+)/preview\?block=(?P<block>[0-9]+)" data-panel'
    r'(?: data-draw="(?P<height>[a-z]+)">[^<]*</a></header>(?P<source><pre.*?</pre>)|[^>]*>[^<]*</a>)',
    re.DOTALL,
)
# Pictures beyond this total show their names only, because a browser loads the whole page into memory.
MOST_BYTES = 16 * 1024 * 1024
# A page that stands alone has a heading above each message.
HEADING = re.compile(r"(?<=<h)[2-5](?=[ >])|(?<=</h)[2-5](?=>)")
# How many fragments of the template are sent together.
PARTS = 200


@dataclass(frozen=True, slots=True)
class PageMessage:
    """A message on a page that stands alone; `id` is its place on the page, and `text` what an import reads."""

    id: str
    role: str
    who: str
    thought: str
    reasoning: str
    calls: ReadCalls | None
    html: Markup
    text: str
    sources: tuple[str, ...]
    remarks: tuple[str, ...]


class PageFiles(Protocol):
    """Where the files and previews of a page come from: `into` returns the HTML of a message with their addresses replaced."""

    def into(self, html: str) -> str: ...


class Pictures:
    """Inlines the pictures of a chat until the size limit is reached; the others show their names."""

    def __init__(self, chat_id: str) -> None:
        self._chat_id, self._left = chat_id, MOST_BYTES

    def into(self, html: str) -> str:
        """Returns the HTML of a message with its pictures inlined, and without previews, which need a server."""
        html = PREVIEW.sub(lambda match: f"</header>{match['source']}" if match["source"] else "", html)
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
    style, policy = style_and_policy()
    pictures, reader_id = Pictures(chat.id), reader.id if reader else ""

    def rows(messages: Sequence[Message], first: int) -> list[PageMessage]:
        reader = db.session.get(User, reader_id) if reader_id else None
        return page_messages(engine, messages, right, reader, pictures, first=first)

    thread = in_pieces(export.chunks_of_branch(engine, chat.id), rows, same_request())
    page = current_app.jinja_env.get_template("workspace/exchange/export.html")
    stream = page.stream(title=chat.title, thread=thread, style=style, policy=policy, now=utc_now())
    stream.enable_buffering(PARTS)
    return by_turns(stream)


def in_pieces(
    chunks: Iterable[list[str]], rows: Callable[[Sequence[Message], int], list[PageMessage]], context: Context, *, first: int = 1
) -> Iterator[PageMessage]:
    """Yields what `rows` makes of these messages; holds no database connection in between."""
    chars_left = renderings.FILE_CHARS
    for ids in chunks:
        with context():
            messages = queries.in_order(ids)
            stale_chars = sum(len(message.content) for message in messages if renderings.is_stale(message))
            if renderings.render_stale_messages(messages, most_chars=chars_left):
                messages = queries.in_order(ids)
            chars_left = max(0, chars_left - stale_chars)
            page_rows = rows(messages, first)
        first += len(ids)
        yield from page_rows


def page_messages(
    engine: Engine,
    messages: Sequence[Message],
    right: str,
    reader: User | None,
    files: PageFiles,
    *,
    first: int,
    included: Included | None = None,
) -> list[PageMessage]:
    """Returns messages as a page without a server shows them; `first` is the place of the first one.

    With `included`, only that, and nothing about the making of answers.
    """
    read = read_calls(messages, reader)
    shown_messages = shown.thread(engine, messages, right, is_scripted=False) if messages else []
    rows = list[PageMessage]()
    for place, (row, message) in enumerate(zip(messages, shown_messages, strict=True), first):
        calls, call_files = read.get(row.id), message.calls
        if included and call_files and calls:
            call_files = replace(call_files, calls=call_files.calls[: included.most_calls(row.id)])
            calls = _included_calls(calls, call_files) if included.calls else None
        sources = included.sources_of(row.id, row.sources) if included else row.sources
        html = f"{_text_html(row, message, included)}{_made(call_files) if not included or included.files else ''}"
        rows.append(
            PageMessage(
                id=f"m{place}",
                role=row.role,
                who=_who(message, included),
                thought=message.thought or _("Thought"),
                reasoning=included.reasoning_of(row.id, message.reasoning) if included else message.reasoning,
                calls=calls,
                html=Markup(files.into(standing_alone(html, row.id, f"m{place}"))),
                text=ANY.sub(r"\g<name>", included.text_of(row.id, row.content, row.role) if included else row.content),
                sources=tuple(f"[{number}] {words}" for number, words in export.cited(sources, reader)),
                remarks=tuple(_remarks(message, is_public=included is not None)),
            )
        )
    return rows


def _included_calls(calls: ReadCalls, shown_calls: ShownCalls) -> ReadCalls:
    """Returns those of the calls that are shown, without a word about whose results are not shown."""
    read = (
        replace(call, left_out=_("What this returned isn't shown here.")) if call.shown.hidden else call
        for call in calls.calls[: len(shown_calls.calls)]
    )
    return replace(calls, summary=shown_calls.summary, calls=tuple(read))


def _who(message: shown.ShownMessage, included: Included | None) -> str:
    if message.role != "user":
        return message.face.name if message.face else _("Answer")
    if not included:
        return message.author or _("You")
    return (message.author if included.names else "") or _("Question")


def _text_html(row: Message, message: shown.ShownMessage, included: Included | None) -> str:
    """Returns the HTML of a text as far as it is included: an answer can have been continued since."""
    text = included.text_of(row.id, row.content, row.role) if included else row.content
    if included and row.id in included.extents:
        if text == row.content:
            return renderings.html_of(row)
        return scoped(renderings.render_markdown(text, pictures=storage.pictures_in(row.chat_id, text)), row.id)
    if text != row.content:
        # Without the files that it refers to.
        return scoped(renderings.render_markdown(text), row.id)
    return f"{message.html}{message.tail}"


def _remarks(message: shown.ShownMessage, *, is_public: bool) -> Iterator[str]:
    if not is_public:
        yield from (notice.text for notice in message.notices)
        if message.is_hidden:
            yield _("Excluded from context")
    if message.is_edited:
        is_named = message.author and not is_public
        yield _("Edited by %(name)s", name=message.author) if is_named else _("Edited")
    if message.receipt and not is_public:
        yield message.receipt


def standing_alone(html: str, id: str, place: str) -> str:
    """Returns the HTML of a message without what only its server can do, and with its place on the page instead of its id.

    Its headings are below that of the message.
    """
    below = HEADING.sub(lambda level: str(int(level[0]) + 1), as_written(html))
    return below.replace(id, place)


def _made(calls: ShownCalls | None) -> Markup:
    """Returns the files that the calls of an answer made, as the page shows those that were sent."""
    if not calls:
        return Markup()
    shown = (
        PICTURE.format(url=file.url, name=file.words, words=_("Open %(name)s", name=file.words))
        for file in calls.files
        if file.is_picture
    )
    pictures = Markup().join(shown)
    files = ((LINK.format(url=f"{file.url}?download", name=file.words, panel=""), file) for file in calls.files)
    others = (LONG.format(name=link, words=file.size) for link, file in files if not file.is_picture)
    return Markup().join(others) + (SHELF.format(pictures) if pictures else Markup())


def _content(files: Mapping[str, StoredFile], id: str, most: int) -> bytes:
    """Returns the file's bytes; none if it is not a picture, is missing, or is too large."""
    file = files.get(id)
    if file is None or file.kind != IMAGE or file.bytes > most:
        return b""
    try:
        return service.content_of(file)
    except NotFound:
        return b""
