"""Exports: a chat as JSON that imports unchanged, as markdown, text or an HTML page, or all chats in one archive."""

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import accumulate, chain
from typing import NamedTuple

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import defer, undefer
from sqlalchemy.sql.base import ExecutableOption

from webapp.base.db import db, utc_now
from webapp.base.heavy.turns import by_turns, queue_for_turn
from webapp.base.languages import gettext as _
from webapp.base.untrusted_json import JsonObject
from webapp.chat.calls.files import ShownFile, files_made
from webapp.chat.files import storage
from webapp.chat.files.reference import reference
from webapp.chat.group import members
from webapp.chat.imports import own
from webapp.chat.imports.filed import OF_ROW, FiledChat, FiledGeneration, FiledMessage, FiledSource, escaped
from webapp.chat.messages.renderings import words_alone
from webapp.chat.prompt import path_folds
from webapp.chat.record import queries, sharing, tags, variables
from webapp.chat.record.fields import values_of
from webapp.chat.record.projects import project_of
from webapp.chat.record.tables import IN_ORDER, Chat, Message
from webapp.engine.engine import Engine
from webapp.engine.tables import Generation
from webapp.knowledge import formats
from webapp.knowledge.sources import SeenSource, seen
from webapp.people.accounts.tables import User
from webapp.streaming.events import SourceRecord
from webapp.web.feature import brought
from webapp.workspace.exchange import cast_names
from webapp.workspace.exchange.calls import ReadCalls, filed_calls, filed_sources, read_calls

# Small, because SQLite reads a whole text to measure its length, and an answer can have two million characters.
BATCH = 25
# Characters of messages per query, and bytes compressed before other greenlets get their turn.
MOST_CHARS, PART_BYTES = 500_000, 65_536
OWN = "millrace:"
HIDDEN = "excluded from context"
# Limits for one query of a branch. Messages are limited too because SQLite reads a whole text to measure its length.
MOST_IDS, MOST_MESSAGES = 2_000, 20
UP = text("""
    WITH RECURSIVE up(id, parent_id, height) AS (
        SELECT id, parent_id, 1 FROM messages WHERE id = :id
        UNION ALL SELECT m.id, m.parent_id, up.height + 1 FROM messages m JOIN up ON m.id = up.parent_id WHERE up.height < :most)
    SELECT id, parent_id FROM up ORDER BY height
""")
# Only pages need the HTML, which is many times as long as the text.
WITHOUT_HTML = defer(Message.html, raiseload=True)
# For exports in formats that have them.
WITH_FOREIGN = undefer(Message.foreign_fields)


@dataclass(frozen=True, slots=True)
class OwnRecords:
    """What a feature adds to the archive of everything that a person has: a file of JSON, unless there is nothing."""

    file: str
    read: Callable[[str], list[JsonObject] | JsonObject]


def archive_name() -> str:
    return f"millrace-{utc_now():%Y-%m-%d}.zip"


def origin_of(row: Chat | Message) -> str:
    """Returns the id of a chat or message in export files: the one it was imported with, or ours."""
    return row.origin or OWN + row.id


def as_json(engine: Engine, chat_id: str) -> Iterator[str]:
    """Yields the chat with all its branches, a few messages at a time, holding no database connection in between."""
    with engine.in_app():
        chat = db.session.get(Chat, chat_id)
        opening = _opening(chat) if chat else ""
    yield opening
    comma, after, dropped = "", "", set[str]()
    while opening:
        with engine.in_app():
            values, after = _values(engine, chat_id, after, dropped)
        for value in values:
            yield comma + value
            comma = ",\n"
        if not after:
            break
        queue_for_turn()
    yield "\n]}\n" if opening else ""


def as_markdown(engine: Engine, chat: Chat, right: str, reader: User | None = None) -> Iterator[str]:
    """Yields the branch that the chat shows as markdown, message by message, as a reader with this right sees it."""
    turns = _turns(engine, chat.id, right, reader.id if reader else "")
    parts = ((turn, turn.calls.as_markdown() if turn.calls else "") for turn in turns)
    return chain([f"# {_title(chat)}\n"], (f"\n## {turn.who}\n\n{calls}{turn.text}\n" for turn, calls in parts))


def as_text(engine: Engine, chat: Chat, right: str, reader: User | None = None) -> Iterator[str]:
    """Yields the same branch as plain text."""
    title, turns = _title(chat), _turns(engine, chat.id, right, reader.id if reader else "")
    pairs = ((turn, f"{turn.calls.as_text()}\n" if turn.calls else "") for turn in by_turns(turns))
    parts = (f"\n{turn.who}:\n{calls}{words_alone(turn.text)}\n" for turn, calls in pairs)
    return chain([f"{title}\n{'=' * len(title)}\n"], parts)


def everything(engine: Engine, user_id: str) -> Iterator[bytes]:
    """Streams an archive of all chats of a person that are not in the trash, and of their own variables."""
    return by_turns(_packed(engine, user_id=user_id))


def of_chats(engine: Engine, ids: Sequence[str]) -> Iterator[bytes]:
    """Streams an archive of these chats."""
    return by_turns(_packed(engine, ids))


def _packed(engine: Engine, ids: Sequence[str] = (), *, user_id: str = "") -> Iterator[bytes]:
    """Yields the archive in parts, several for a long chat: of these chats, or of everything that a person has."""
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]  # it needs no more
        for id in _chat_ids(engine, user_id) if user_id else ids:
            with archive.open(f"chats/{id}.json", "w") as member:
                for part in in_parts(as_json(engine, id)):
                    member.write(part)
                    yield pipe.take()
        if user_id:
            yield from _with_files(archive, pipe, engine, user_id)
    yield pipe.take()


def _with_files(archive: zipfile.ZipFile, pipe: "Pipe", engine: Engine, user_id: str) -> Iterator[bytes]:
    """Adds a person's variables and the files in their chats."""
    with engine.in_app():
        values = variables.variables_of_person(user_id)
        entries = [
            (f"files/{file.id}/{name_within(file.name)}", storage.path_of(file.hash)) for file in storage.of_person(user_id)
        ]
        records = {part.file: part.read(user_id) for part in brought(OwnRecords)}
    for name, content in {"variables.json": values, **records}.items():
        if content:
            archive.writestr(name, json.dumps(content, ensure_ascii=False, indent=1))
    for name, path in entries:
        # A file can be deleted during the export, and is then left out. Pictures are compressed already, so they are stored as
        # they are.
        with suppress(FileNotFoundError):
            archive.write(path, name, zipfile.ZIP_STORED)
        yield pipe.take()


def name_within(name: str) -> str:
    """Returns a file's name as it is in an archive, where it can neither hide nor lead elsewhere."""
    return "".join(char if char.isalnum() or char in " ._-" else " " for char in name).lstrip(". ") or "file"


def in_parts(pieces: Iterable[str | bytes]) -> Iterator[bytes]:
    """Yields what is written to an archive in parts that are compressed in one turn each."""
    for piece in pieces:
        content = piece.encode() if isinstance(piece, str) else piece
        yield from (content[at : at + PART_BYTES] for at in range(0, len(content), PART_BYTES))


def _title(chat: Chat) -> str:
    return " ".join((chat.title or _("Chat")).split())


class _ExportedTurn(NamedTuple):
    """A message for people: its author, what its calls did, and its text."""

    who: str
    calls: ReadCalls | None
    text: str


def _turns(engine: Engine, chat_id: str, right: str, reader_id: str) -> Iterator[_ExportedTurn]:
    """Yields the messages on the branch that the chat shows; holds no connection while sending."""
    for ids in chunks_of_branch(engine, chat_id):
        with engine.in_app():
            turns = _speaker_texts(engine, messages_of(ids), right, db.session.get(User, reader_id) if reader_id else None)
        yield from turns


def _speaker_texts(engine: Engine, messages: Sequence[Message], right: str, reader: User | None) -> list[_ExportedTurn]:
    names, generations = sharing.writers(messages, right) if messages else {}, queries.generations_with_texts(messages)
    character = members.character_of(queries.chat_of(messages[0])) if messages else None
    answerer = " ".join(character.name.split()) if character else _("Answer")
    files, calls = files_made(messages, reader), read_calls(messages, reader)
    return [
        _ExportedTurn(
            _speaker(message, generations.get(message.id, []), _name(message, names, answerer)),
            calls.get(message.id),
            text_of(engine, message, generations.get(message.id, []))
            + _files(files.get(message.id, ()))
            + _sources(message, reader),
        )
        for message in messages
    ]


def _name(message: Message, names: Mapping[str, str], answerer: str) -> str:
    """Returns the author's name; in a group each answer has its own speaker."""
    if message.role == "user":
        return names.get(message.id, _("You"))
    return " ".join(message.speaker_name.split()) or answerer


def _files(files: Sequence[ShownFile]) -> str:
    """Refers to the files that an answer's calls made, as messages refer to those that were sent."""
    return "".join(f"\n\n{reference(file.words, file.id, is_picture=file.is_picture).written}" for file in files)


def _sources(message: Message, reader: User | None) -> str:
    """Lists the sources of an answer below it, as far as the reader can see them."""
    # Titles are user input: markdown in them is escaped.
    lines = [f"[{number}] {escaped(words)}" for number, words in cited(message.sources, reader)]
    return f"\n\n{_('Sources')}:\n\n" + "\n\n".join(lines) if lines else ""


def cited(sources: Sequence[SourceRecord], reader: User | None) -> list[tuple[int, str]]:
    """Returns each source of an answer by its number, with the title or the reason why the reader can't see it.

    Readers without an account get only those of the web: the same sentence for each of the others would say nothing.
    """
    seen_sources = seen(reader, sources) if sources else []
    return [(source.number, _cited(source)) for source in seen_sources if reader or source.document or source.web_page]


def _cited(source: SeenSource) -> str:
    if source.web_page:
        return f"{source.title}, {source.web_page.url}"
    if not source.document:
        return source.words
    page = formats.page_label(source.document.name, source.passage.page if source.passage else None)
    return ", ".join(part for part in (source.document.title, page) if part)


def text_of(engine: Engine, message: Message, generations: Sequence[Generation]) -> str:
    """Returns the text of a message; while it is being generated, this includes what is not saved yet."""
    is_running = bool(generations) and generations[-1].is_active
    return queries.text_so_far(engine, message) if is_running else message.content


class Pipe:
    """The file-like object an archive is written to; `take` returns and forgets the bytes written so far."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._written.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Does nothing: there is no buffer below."""

    def take(self) -> bytes:
        taken, self._written = b"".join(self._written), []
        return taken


def _chat_ids(engine: Engine, user_id: str) -> Sequence[str]:
    with engine.in_app():
        query = select(Chat.id).where(Chat.owner_id == user_id, Chat.deleted_at.is_(None), queries.KEPT)
        return db.session.scalars(query.order_by(Chat.id)).all()


def _opening(chat: Chat) -> str:
    head, project = db.session.get(Message, chat.head_id) if chat.head_id else None, project_of(chat)
    filed_chat = FiledChat(
        id=origin_of(chat),
        title=chat.title,
        title_is_own=chat.title_is_own,
        model=chat.model,
        head=origin_of(head) if head else "",
        created_at=chat.created_at,
        changed_at=chat.changed_at,
        pinned_at=chat.pinned_at,
        archived_at=chat.archived_at,
        **cast_names.names_of(chat),
        tags=tuple(tags.by_chat(chat.owner_id or "", [chat.id]).get(chat.id, ())),
        project=project.name if project else "",
        foreign_fields=chat.foreign_fields,
        settings=values_of(chat),
    )
    value = {"format": own.FORMAT, "version": own.VERSION, "chat": own.head_value(filed_chat)}
    return json.dumps(value, ensure_ascii=False).removesuffix("}") + ', "messages": [\n'


def _values(engine: Engine, chat_id: str, after: str, dropped: set[str]) -> tuple[list[str], str]:
    """Returns the next messages as JSON, without deleted ones and their replies, and the id of the last one read."""
    rows = db.session.execute(
        _with_others(chat_id).where(Message.id > after, IN_ORDER).order_by(Message.id).limit(_count(chat_id, after))
    ).all()
    batch, others = [message for message, _ in rows], {message.id: name for message, name in rows if name}
    messages = [message for message in batch if not _is_dropped(message, dropped)]
    parents = _origins(message.parent_id for message in messages if message.parent_id)
    generations = queries.generations_with_texts(messages)
    owner = db.session.get(User, queries.chat_of(messages[0]).owner_id or "") if messages else None
    calls = filed_calls(messages, generations, owner)
    filed = (
        replace(
            _filed(engine, row, parents.get(row.parent_id or "", ""), generations.get(row.id, [])), calls=calls.get(row.id, ())
        )
        for row in messages
    )
    stories = path_folds.by_message(db.session(), [message.id for message in messages])
    signed = (
        replace(message, author=row.author_name or others.get(row.id, ""), story=stories.get(row.id, ""))
        for message, row in zip(filed, messages, strict=True)
    )
    values = [json.dumps(own.message_value(message), ensure_ascii=False) for message in signed]
    return values, batch[-1].id if batch else ""


def _count(chat_id: str, after: str) -> int:
    """Returns how many of the next messages to read in one query: at least one, or as many as fit the size limit."""
    size = func.length(Message.content) + func.length(Message.reasoning) + queries.CALL_CHARS
    sizes = db.session.scalars(
        select(size).where(Message.chat_id == chat_id, Message.id > after, IN_ORDER).order_by(Message.id).limit(BATCH)
    )
    return max(1, len([total for total in accumulate(sizes) if total <= MOST_CHARS]))


def _with_others(chat_id: str) -> Select[Message, str]:
    """Selects the messages of a chat with the author's name where that is not the owner."""
    owner = select(Chat.owner_id).where(Chat.id == chat_id).scalar_subquery()
    is_another = (User.id == Message.author_id) & (User.id != owner)
    messages = select(Message, User.name).options(WITHOUT_HTML, WITH_FOREIGN)
    return messages.outerjoin(User, is_another).where(Message.chat_id == chat_id)


def _is_dropped(message: Message, dropped: set[str]) -> bool:
    if message.deleted_at or message.parent_id in dropped:
        dropped.add(message.id)
    return message.id in dropped


def _origins(ids: Iterator[str]) -> dict[str, str]:
    query = select(Message.id, Message.origin).where(Message.id.in_(set(ids)))
    return {id: origin or OWN + id for id, origin in db.session.execute(query)}


def _filed(engine: Engine, message: Message, parent: str, generations: Sequence[Generation]) -> FiledMessage:
    index_by_id = {generation.id: index for index, generation in enumerate(generations)}
    return FiledMessage(
        id=origin_of(message),
        parent=parent,
        role=message.role,
        content=text_of(engine, message, generations),
        reasoning=message.reasoning,
        speaker=message.speaker_name,
        is_edited=message.is_edited,
        is_hidden=message.is_hidden,
        variables=message.variables,
        created_at=message.created_at,
        sources=_filed_sources(message),
        foreign_fields=message.foreign_fields,
        generations=tuple(
            _filed_generation(generation, index_by_id.get(generation.continues_id or "")) for generation in generations
        ),
    )


def _filed_sources(message: Message) -> tuple[FiledSource, ...]:
    """Returns the sources that the chat's owner, who gets the file, can see now."""
    if not message.sources:
        return ()
    return filed_sources(seen(db.session.get(User, queries.chat_of(message).owner_id or ""), message.sources))


def _filed_generation(row: Generation, continues: int | None) -> FiledGeneration:
    same = {name: getattr(row, name) for name in OF_ROW}
    if row.is_active:
        # A file can't continue generating: an active generation is exported as interrupted.
        same |= {"status": "interrupted", "reason": "cut"}
    return FiledGeneration(**same, continues=continues)


def _speaker(message: Message, generations: Sequence[Generation], name: str) -> str:
    hidden = HIDDEN if message.is_hidden else ""
    if message.role == "user":
        return " · ".join(filter(None, (name, hidden)))
    model = generations[-1].model if generations else ""
    return " · ".join(filter(None, (name, "edited" if message.is_edited else "", hidden, model)))


def chunks_of_branch(engine: Engine, chat_id: str) -> Iterator[list[str]]:
    """Yields the branch's message ids from the root, one chunk per query, letting other greenlets run in between."""
    return in_chunks(engine, [id for piece in by_turns(_upwards(engine, chat_id), seconds=0) for id in piece][::-1])


def in_chunks(engine: Engine, ids: Sequence[str]) -> Iterator[list[str]]:
    """Yields these message ids in chunks that one query reads each, letting other greenlets run in between."""
    starts = range(0, len(ids), MOST_MESSAGES)
    return by_turns((chunk for start in starts for chunk in chunks(engine, ids[start : start + MOST_MESSAGES])), seconds=0)


def messages_of(ids: Sequence[str], *options: ExecutableOption) -> list[Message]:
    """Returns these messages in this order, without deleted ones and without loading their HTML."""
    return queries.in_order(ids, WITHOUT_HTML, *options)


def _upwards(engine: Engine, chat_id: str) -> Iterator[list[str]]:
    with engine.in_app():
        id = db.session.scalar(select(Chat.head_id).where(Chat.id == chat_id))
    while id:
        with engine.in_app():
            rows = db.session.execute(UP, {"id": id, "most": MOST_IDS}).all()
        yield [row.id for row in rows]
        id = rows[-1].parent_id if rows else None


def chunks(engine: Engine, ids: Sequence[str]) -> Iterator[list[str]]:
    """Splits the ids into chunks whose texts fit the limit together; a chunk has at least one id."""
    size = (func.length(Message.content) + func.length(Message.reasoning) + queries.CALL_CHARS).label("size")
    with engine.in_app():
        sizes = {row.id: row.size for row in db.session.execute(select(Message.id, size).where(Message.id.in_(ids)))}
    piece, chars = list[str](), 0
    for id in ids:
        if piece and chars + sizes.get(id, 0) > MOST_CHARS:
            yield piece
            piece, chars = [], 0
        piece.append(id)
        chars += sizes.get(id, 0)
    yield piece
