"""Reads what messages contain that has a preview, and the versions of it in a chat."""

import hashlib
import json
from collections.abc import Sequence
from functools import partial
from io import BytesIO
from threading import Lock
from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import aliased

from webapp.base.db import db
from webapp.base.errors import Unavailable
from webapp.base.heavy import child
from webapp.chat.attachments import service as attachment_service
from webapp.chat.files.storage import is_open_to
from webapp.chat.files.tables import BY_MESSAGE, ChatFile, StoredFile
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import the_engine
from webapp.engine.watching.single_flight import SingleFlight
from webapp.knowledge import formats
from webapp.rendering import preview_search
from webapp.rendering.markdown import PIECE_CHARS
from webapp.rendering.preview_search import previewed
from webapp.rendering.previews import PREVIEWED, PreviewSource, versions

Previews = dict[int, PreviewSource]
# The kinds of previews of files by their endings.
DRAWINGS = PREVIEWED | {"mmd": "mermaid", "tsv": "table", "xhtml": "html"}
NOTHING = PreviewSource("", "")
# Versions are looked for among so many messages, and blocks of the kind, on both sides of the one that is open, and in so many
# characters.
MOST_BESIDE, MOST_CHARS = 60, 400_000
# Cache the parsed blocks of texts, however many of them are viewed.
_read = SingleFlight[Previews](lambda blocks: sum(len(preview.content) for preview in blocks.values()), most=64)
_read_versions = SingleFlight[list["PreviewVersion"]](len, most=64)
# Only one child process at a time parses long texts, because imports need child processes, too.
_reading = Lock()


class PreviewVersion(NamedTuple):
    """Where a version stands: its message, and its number there."""

    message_id: str
    number: int


def in_message(message: Message, number: int) -> PreviewSource:
    """Returns what has this number in a message, also while that is being written; `NOTHING` if nothing has."""
    return in_text(message.id, text_of(message), number)


def text_of(message: Message) -> str:
    """Returns the text of a message, also while that is being written."""
    return queries.text_so_far(the_engine(), message)


def in_text(message_id: str, text: str, number: int) -> PreviewSource:
    """Returns what has this number in the text of a message. Holds no connection meanwhile."""
    # Releases the database connection while the text is parsed.
    db.session.rollback()
    return _read.get(_key(message_id, text), lambda: _parsed([text])[0]).get(number, NOTHING)


def in_file(file: StoredFile) -> PreviewSource:
    """Returns what all of a text in a file is: a page, an image, a diagram, or one table; `NOTHING` for most."""
    id, content = file.id, attachment_service.whole_text(file)
    if kind := DRAWINGS.get(formats.ending(file.name), ""):
        return PreviewSource(kind, content)
    is_one = is_table(content.strip()) and formats.kind_of(file.name) == "markdown"
    return in_text(id, content, 0) if is_one else NOTHING


def edited_text(chat: Chat, entry: PreviewSource, person_id: str) -> str:
    """Returns the id of the text that was made of a preview and edited since, as far as this person can open it; else nothing."""
    later, content = aliased(ChatFile), entry.content.strip("\n") + "\n"
    digest = hashlib.sha256(content.encode()).hexdigest()
    is_edited = select(later.text_id).where(later.text_id == ChatFile.text_id, later.version > 1).exists()
    is_alike = StoredFile.hash == digest
    if entry.kind == "table":
        # The preview has its cells, the text its rows in Markdown.
        is_alike |= StoredFile.name.endswith(".md")
    query = select(ChatFile.text_id, StoredFile).join(StoredFile, StoredFile.id == ChatFile.file_id)
    query = query.where(ChatFile.chat_id == chat.id, ChatFile.made_by == BY_MESSAGE, is_open_to(person_id), is_edited, is_alike)
    for text_id, file in db.session.execute(query.order_by(StoredFile.id.desc())).all():
        if file.hash == digest or _has_rows(f"{text_id}.1", attachment_service.whole_text(file), entry):
            return str(text_id)
    return ""


def is_table(markdown: str) -> bool:
    """Returns whether a text in Markdown is one table."""
    return markdown.startswith("|") and "\n\n" not in markdown.rstrip()


def _has_rows(id: str, markdown: str, table: PreviewSource) -> bool:
    return is_table(markdown) and in_text(id, markdown, 0).content == table.content


def versions_of(chat: Chat, id: str, own_text: str, number: int) -> list[PreviewVersion]:
    """Returns the versions of what has this number in the text of a message, the earliest first, on its path of the chat.

    If the texts take too long to parse, there is this one alone.
    """
    path = queries.ids_to(chat.head_id or id)
    path = path if id in path else queries.ids_to(id)
    place = path.index(id)
    path = path[max(0, place - MOST_BESIDE) : place + MOST_BESIDE + 1]
    has_any = or_(*(Message.content.contains(mark, autoescape=True) for mark in ("```", "~~~", "|")))
    rows = db.session.execute(select(Message.id, Message.content).where(Message.id.in_(path), has_any)).all()
    db.session.rollback()
    texts = _within({row.id: row.content for row in rows} | {id: own_text}, path, id)
    key = tuple(_key(message_id, text) for message_id, text in texts.items())
    return _read_versions.get((number, id, key), partial(_versions, texts, id, number))


def _within(texts: dict[str, str], path: Sequence[str], id: str) -> dict[str, str]:
    """Returns the texts nearest to a message that are not too long together, in their order on the path."""
    place, left, near = path.index(id), MOST_CHARS, {id}
    for other in sorted(texts, key=lambda other: abs(path.index(other) - place)):
        left -= len(texts[other])
        if left >= 0:
            near.add(other)
    return {other: texts[other] for other in path if other in near}


def _versions(texts: dict[str, str], id: str, number: int) -> list[PreviewVersion]:
    try:
        by_message = dict(zip(texts, _parsed(list(texts.values())), strict=True))
    except Unavailable:
        return [PreviewVersion(id, number)]
    for message_id, text in texts.items():
        # The frame of what is opened is requested next.
        _read.get(_key(message_id, text), partial(by_message.__getitem__, message_id))
    own = PreviewVersion(id, number)
    kind = by_message[id].get(number, NOTHING).kind
    alike = {
        PreviewVersion(message_id, at): block
        for message_id, blocks in by_message.items()
        for at, block in blocks.items()
        if block.kind == kind
    }
    if own not in alike:
        return [own]
    place = list(alike).index(own)
    near = list(alike)[max(0, place - MOST_BESIDE) : place + MOST_BESIDE + 1]
    order = list(by_message)
    messages = [order.index(version.message_id) for version in near]
    return [near[at] for at in versions([alike[version] for version in near], near.index(own), messages)]


def _key(message_id: str, text: str) -> tuple[object, ...]:
    return message_id, len(text), hash(text)


def _parsed(texts: Sequence[str]) -> list[Previews]:
    if sum(map(len, texts)) <= PIECE_CHARS:
        return [previewed(text) for text in texts]
    with _reading, child.short(preview_search.__name__, BytesIO(json.dumps(texts).encode())) as matches:
        try:
            return [{int(number): PreviewSource(*preview) for number, preview in blocks.items()} for blocks in matches]
        except child.Exceeded as error:
            raise Unavailable("This answer is too long to be previewed right now. Please try again.") from error
