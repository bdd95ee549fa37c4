"""The page that a link opens: the messages as an exported page has them, without anything that names a row of ours."""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Collection as AnyOf, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import islice
from re import Match
from time import monotonic

from flask import current_app, render_template
from markupsafe import Markup, escape
from sqlalchemy import select

from webapp.base.db import db
from webapp.base.heavy.turns import by_turns, queue_for_turn
from webapp.base.languages import gettext as _
from webapp.chat.files.storage import MOST_NAMED
from webapp.chat.files.tables import ChatFile, StoredFile
from webapp.chat.record import queries
from webapp.chat.record.tables import Message
from webapp.engine.engine import Engine
from webapp.engine.watching.single_flight import SingleFlight
from webapp.engine.watching.watchers import Context
from webapp.knowledge.tables import Collection, Document
from webapp.people.accounts.guards import found
from webapp.rendering.preview_search import name_of
from webapp.rendering.previews import PreviewSource
from webapp.web.compression import gzipped
from webapp.workspace.exchange import export, export_pages
from webapp.workspace.exchange.export_pages import PREVIEW, SHOWN, PageMessage
from webapp.workspace.links.service import LinkedArtifact, OpenLink
from webapp.workspace.previews import shown, versions_shown

OPEN = '<a class="view" href="{url}">{words}</a>'
# Loaded once it is about to be seen.
DRAWING = (
    '{link}</header><iframe class="shared__drawn" src="{frame}" loading="lazy" data-height="{height}" '
    'title="{title}"></iframe><details><summary>{summary}</summary>{source}</details>'
)
# A page ends there, and says so.
MOST_CHARS = 4_000_000
# A page is made at most once in this time, however many ask for it.
SAME_SECONDS, SAME_SECONDS_LIVE = 10.0, 1.0


@dataclass(frozen=True, slots=True)
class LinkPage:
    """A page that was made: its messages as HTML by their ids, the ids of its files by their names on it, and its bytes."""

    articles: dict[str, str]
    files: dict[str, str]
    is_cut: bool
    etag: str
    body: bytes
    zipped: bytes


def linked_block(message: Message, number: int) -> LinkedArtifact:
    """Returns what has this number in an answer, for a link to it."""
    source = versions_shown.in_message(message, number)
    source = shown.titled(found(source if source.kind else None), queries.chat_of(message).title)
    return LinkedArtifact(name_of(source), shown.title(source), number)


def block_at(link: OpenLink, place: int, number: int) -> PreviewSource:
    """Returns what has this number in the message at this place of a link's page, as far as it is shown there."""
    [*messages] = queries.in_order(link.ids[place - 1 : place]) if place else ()
    for message in messages:
        text = link.included.text_of(message.id, versions_shown.text_of(message), message.role)
        return versions_shown.in_text(message.id, text, number)
    return versions_shown.NOTHING


class LinkFiles:
    """Gives the files of a link's messages names that only its token makes; without files, their names are plain text.

    What has a preview gets addresses below the link's, and drawings a frame.
    """

    def __init__(self, link: OpenLink, token: str) -> None:
        self._link, self._token, self.ids = link, token, dict[str, str]()

    def into(self, html: str) -> str:
        """Returns the HTML of a message with the addresses of files and previews below the link's."""
        html = PREVIEW.sub(self._preview, html)
        ids = {match["id"] for match in islice(SHOWN.finditer(html), MOST_NAMED)} if self._link.included.files else ()
        files = _open_files(self._link.chat_id, ids) if ids else {}
        parts, end = list[str](), 0
        for match in by_turns(SHOWN.finditer(html), seconds=0):
            file = files.get(match["id"])
            parts += [html[end : match.start()], f' {match["how"]}="/s/{self._token}/files/{self._named(file)}"' if file else ""]
            end = match.end()
        return "".join([*parts, html[end:]])

    def _preview(self, match: Match[str]) -> str:
        url = f"/s/{self._token}/messages/{match['place']}/{match['block']}"
        link = OPEN.format(url=url, words=escape(_("Open")))
        if not match["height"]:
            return link
        title = _("Drawing %(number)s in message %(place)s", number=int(match["block"]) + 1, place=match["place"])
        words = {"title": escape(title), "summary": escape(_("Source"))}
        return DRAWING.format(link=link, frame=f"{url}/drawing", height=match["height"], source=match["source"], **words)

    def _named(self, file: StoredFile) -> str:
        name = file_name(self._token, file.id)
        self.ids[name] = file.id
        return name


def file_name(token: str, file_id: str) -> str:
    """Returns the name of a file on the page of the link with this token."""
    digest = hmac.digest(token.encode(), file_id.encode(), "sha256")
    return urlsafe_b64encode(digest[:16]).decode().rstrip("=")


def page_of(engine: Engine, link: OpenLink, token: str, context: Context) -> LinkPage:
    """Returns the page of a link; pages that are asked for in the same moment are made once. Holds no connection meanwhile."""
    db.session.rollback()
    seconds = SAME_SECONDS_LIVE if link.is_live else SAME_SECONDS
    return _made.get((link.id, link.head_id, monotonic() // seconds), partial(_make, engine, link, token, context))


def articles(
    engine: Engine, link: OpenLink, ids: Sequence[str], files: LinkFiles, context: Context, *, first: int = 1
) -> Iterator[tuple[str, str]]:
    """Yields the id and the HTML of these messages; `first` is the place of the first one on the page."""
    article = current_app.jinja_env.get_template("workspace/exchange/_message.html")
    message_ids = list[str]()

    def rows(messages: Sequence[Message], first: int) -> list[PageMessage]:
        message_ids.extend(message.id for message in messages)
        return export_pages.page_messages(engine, messages, "view", None, files, first=first, included=link.included)

    for number, row in enumerate(export_pages.in_pieces(export.in_chunks(engine, ids), rows, context, first=first)):
        yield message_ids[number], article.render(message=row)


def _make(engine: Engine, link: OpenLink, token: str, context: Context) -> LinkPage:
    files, html_by_id, chars, is_cut, ids = LinkFiles(link, token), dict[str, str](), 0, False, link.ids
    db.session.rollback()
    for id, html in articles(engine, link, ids, files, context):
        if is_cut := bool(html_by_id) and chars + len(html) > MOST_CHARS:
            break
        html_by_id[id] = html
        chars += len(html)
    thread = "".join(html_by_id.values())
    queue_for_turn()
    etag = sha256(f"{link.title}\0{thread}".encode()).hexdigest()[:32]
    values = {"link": link, "token": token, "is_cut": is_cut, "thread": Markup(thread), "etag": etag}
    queue_for_turn()
    body = render_template("workspace/links/show.html", **values).encode()
    return LinkPage(html_by_id, files.ids, is_cut, etag, body, gzipped(body))


def _open_files(chat_id: str, ids: AnyOf[str]) -> dict[str, StoredFile]:
    """Returns the files of the chat behind these ids, each of a file, or of the document that was made of one."""
    query = select(StoredFile).join(ChatFile, ChatFile.file_id == StoredFile.id)
    query = query.where(ChatFile.chat_id == chat_id, ChatFile.is_private.is_(False))
    files = {file.id: file for file in db.session.scalars(query.where(StoredFile.id.in_(ids)))}
    if others := [id for id in ids if id not in files]:
        documents = query.add_columns(Document.id).join(Document, Document.hash == StoredFile.hash)
        documents = documents.join(Collection, Collection.id == Document.collection_id).where(Collection.chat_id == chat_id)
        files |= {id: file for file, id in db.session.execute(documents.where(Document.id.in_(others)))}
    return files


_made = SingleFlight[LinkPage](lambda page: len(page.body) + len(page.zipped) + sum(map(len, page.articles.values())), most=64)
