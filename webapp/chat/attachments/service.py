"""Uploading files and putting them into messages."""

import hashlib
import json
import logging
from base64 import b64decode
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from io import BytesIO
from typing import IO, Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from webapp.base.db import db, write
from webapp.base.errors import Invalid, NotFound, TooLarge, Unavailable
from webapp.base.heavy import child
from webapp.base.heavy.threads import offload, offload_expecting
from webapp.base.ids import new_id
from webapp.chat import erasing
from webapp.chat.files import attachments, long_files, storage
from webapp.chat.files.reference import ids_in, original, reference
from webapp.chat.files.tables import BY_CALL, DOCUMENT, IMAGE, TEXT, ChatFile, StoredFile
from webapp.chat.record.tables import Chat
from webapp.knowledge import formats
from webapp.knowledge.documents import service as document_service
from webapp.people.accounts import creation_limit
from webapp.settings.service import setting

log = logging.getLogger("chat:files")
NOT_WRITTEN = "The server's disk is full or can't be written to, so the file wasn't saved. Please try again later."
# Magic bytes of the supported picture formats.
PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")
PICTURE, PLAIN = "webapp.chat.files.picture", "webapp.knowledge.documents.text_extraction"
# What a model has made is paid for: it waits longer for its turn.
PATIENT = replace(child.SMALL, patience_seconds=120)
MOST_MADE_BYTES = 16 * 1024 * 1024
NOT_A_PICTURE = "It isn't a PNG, JPEG, WebP or GIF."
PICTURE_ENDINGS = ("png", "jpg", "jpeg", "webp", "gif")
PLAIN_TEXT = "text/plain; charset=utf-8"
CHARS_PER_TOKEN = 4
EXCEEDED = "Reading this file takes too much time or memory."
MEGABYTE = 1024 * 1024
# The longest text beside a chat, in characters and as a file.
MOST_TEXT_CHARS = 200_000
MOST_TEXT_BYTES = 4 * MOST_TEXT_CHARS


@dataclass(frozen=True, slots=True)
class FileContent:
    """What is stored of an uploaded file."""

    kind: str
    media_type: str
    content: bytes
    width: int = 0
    height: int = 0
    text: str | None = None


def most_bytes() -> int:
    return (int(setting("files.megabytes")) or 1_000) * MEGABYTE


def most_whole(*, is_member: bool = True) -> int:
    """Returns the size limit, in bytes, of a text that is put into a message; longer texts of members become documents.

    Visitors cannot send longer files.
    """
    return (
        min(int(setting("files.whole_tokens")) * CHARS_PER_TOKEN, attachments.MOST_BYTES) if is_member else attachments.MOST_BYTES
    )


def upload(person_id: str, name: str, stream: IO[bytes]) -> StoredFile:
    """Stores an uploaded file: a picture is re-encoded without metadata, any other file is kept as it is, with its text.

    A file that is too long for a message is indexed as a document instead.
    """
    name = _name(name)
    return _kept(person_id, name, _content(person_id, name, stream))


def add_made(person_id: str, chat_id: str, name: str, content: bytes, *, is_private: bool = False) -> tuple[StoredFile, int]:
    """Stores a file that a call made for this person as a file of the chat, under the rules of uploads; returns its version.

    It is the next version of the chat's newest file with this name or, with the same content, that file. A private one is for
    this person alone. One that is text is a text beside the chat.
    """
    name = _name(name)
    file = _content(person_id, name, BytesIO(content))
    if file.kind != IMAGE and formats.ending(name) in PICTURE_ENDINGS:
        raise Invalid(NOT_A_PICTURE)
    return _added(person_id, chat_id, name, file, is_private=is_private)


def add_picture(person_id: str, chat_id: str, name: str, content: bytes) -> StoredFile:
    """Stores a picture that a model made for this person as a file of the chat, re-encoded."""
    picture = _made_picture(person_id, content)
    return _added(person_id, chat_id, _picture_name(name, picture), picture)[0]


def store_picture(person_id: str, name: str, content: bytes) -> StoredFile:
    """Stores a picture that a model made for this person, which is not in a chat yet, re-encoded."""
    picture = _made_picture(person_id, content)
    return _stored(person_id, _picture_name(name, picture), offload(hashlib.sha256, picture.content).hexdigest(), picture)


def add_foreign(person_id: str, name: str, stream: IO[bytes], picture: Mapping[str, Any] | None) -> StoredFile:
    """Stores a file of an imported chat, under the rules of uploads; `picture` is type and size of one that was re-encoded."""
    name = _name(name)
    _refuse_too_much(person_id, stream)
    # Releases the database connection while the file is read.
    db.session.rollback()
    stream.seek(0)
    content = FileContent(IMAGE, content=stream.read(), **picture) if picture else _text(name, stream, PATIENT)
    return _kept(person_id, name, content)


def _made_picture(person_id: str, content: bytes) -> FileContent:
    if not content.startswith(PICTURES):
        raise Invalid(NOT_A_PICTURE)
    with child.on_disk(BytesIO(content)) as file:
        _refuse_too_much(person_id, file, most=MOST_MADE_BYTES)
        db.session.rollback()
        file.seek(0)
        return _picture(file, PATIENT)


def _picture_name(name: str, picture: FileContent) -> str:
    return f"{name}.{picture.media_type.rpartition('/')[2]}"


def _added(person_id: str, chat_id: str, name: str, file: FileContent, *, is_private: bool = False) -> tuple[StoredFile, int]:
    digest = offload(hashlib.sha256, file.content).hexdigest()
    row = _stored(person_id, name, digest, file)
    with write() as session:
        # One version at a time.
        session.execute(select(Chat.id).where(Chat.id == chat_id).with_for_update(key_share=True))
        newest = storage.newest_named(session, chat_id, name)
        if newest and newest.file.hash == digest and (newest.file.owner_id == person_id or not is_private):
            if not is_private:
                its_row = update(ChatFile).where(ChatFile.chat_id == chat_id, ChatFile.file_id == newest.file.id)
                session.execute(its_row.values(is_private=False))
            return newest.file, newest.version
        version = newest.version + 1 if newest else 1
        text_id = (newest and newest.text_id) or (new_id() if is_text(row) else None)
        add_version(
            session, row, ChatFile(chat_id=chat_id, version=version, is_private=is_private, text_id=text_id, made_by=BY_CALL)
        )
    return row, version


def refuse_without_room(person_id: str, size: int = 0) -> None:
    """Raises `Invalid` if a person's files leave no room for so many bytes more, or for any."""
    room = int(setting("files.person_megabytes")) * MEGABYTE
    if room and storage.bytes_of(person_id) + max(1, size) > room:
        raise Invalid(
            f"There's no room for this file: your files can take up {room // MEGABYTE} MB. Delete some chats with files first."
        )


def store_text(person_id: str, name: str, text: str) -> StoredFile:
    """Stores a version of a text, which is not in a chat yet."""
    content = text.encode()
    _refuse_too_much(person_id, BytesIO(content))
    return _stored(person_id, name, offload(hashlib.sha256, content).hexdigest(), FileContent(TEXT, PLAIN_TEXT, content))


def add_version(session: Session, file: StoredFile, place: ChatFile) -> None:
    """Makes a stored file one of a chat, inside the caller's transaction."""
    place.file_id = file.id
    session.add(place)
    session.execute(update(StoredFile).where(StoredFile.id == file.id).values(is_sent=True))
    if place.text_id:
        session.execute(update(Chat).where(Chat.id == place.chat_id, Chat.has_texts.is_(False)).values(has_texts=True))


def is_text(file: StoredFile) -> bool:
    """Returns whether a file is one that a text beside a chat can have as a version."""
    return file.text is None and formats.reader_of(file.name) == "text" and file.bytes <= MOST_TEXT_BYTES


def whole_text(file: StoredFile) -> str:
    """Returns the text of a file that is one, also of a long one."""
    return text_of(file) if file.kind == TEXT else content_of(file).decode("utf-8", "replace")


def text_of(file: StoredFile) -> str:
    """Returns the text of a file that has one."""
    return content_of(file).decode() if file.text is None else file.text


def block_for(person_id: str, name: str, stream: IO[bytes]) -> str:
    """Returns the markdown for a file uploaded with a message; without an account, only texts are possible."""
    if formats.reader_of(name) == "text" or not person_id:
        most = most_whole(is_member=bool(person_id))
        content = stream.read(most + 1)
        if not person_id or (len(content) <= most and not content.startswith(PICTURES)):
            return attachments.uploaded(name, content).block
    return block_of(upload(person_id, name, stream))


def block_of(file: StoredFile) -> str:
    """Returns the markdown that represents a file in a message: a reference, or the text itself."""
    if file.kind == IMAGE:
        return reference(file.name, file.id).written
    if file.kind == DOCUMENT:
        return reference(file.name, file.id, is_picture=False).written
    block = attachments.file(file.name, text_of(file))
    if file.text is None:
        return block.block
    return f"{block.block}\n\n{original(block.name, file.id).written}"


def blocks(person_id: str, ids: Iterable[str]) -> list[str]:
    """Returns the markdown for each of these files; raises `NotFound` for one that the person doesn't own."""
    unique_ids = list(dict.fromkeys(ids))
    stored_files = storage.own(person_id, unique_ids) if unique_ids else []
    if len(stored_files) < len(unique_ids):
        raise NotFound("That file doesn't exist, or it isn't yours.", field="file_ids")
    return [block_of(file) for file in stored_files]


def content_of(file: StoredFile) -> bytes:
    try:
        return offload(storage.path_of(file.hash).read_bytes)
    except FileNotFoundError as error:
        # Deleted just now, or missing because only the database was restored from a backup.
        raise NotFound("This file no longer exists.") from error


def attach(session: Session, chat_id: str, contents: Iterable[str], person_id: str, *, must: bool = True) -> None:
    """Records the files in new messages as files of the chat, which everyone who sees the chat can then open.

    Files that the sender has no right to send are ignored. Long ones become documents of the chat's own collection; one without
    room there is refused, or if it needn't be taken, fails.
    """
    ids = ids_in(list(contents))
    if not ids:
        return
    files = storage.attachable(chat_id, ids, person_id)
    there = storage.in_chat(chat_id, ids)
    new = [{"chat_id": chat_id, "file_id": file.id} for file in files if file.id not in there]
    if new:
        session.execute(insert(ChatFile), new)
    session.execute(update(StoredFile).where(StoredFile.id.in_([file.id for file in files])).values(is_sent=True))
    long_files.collect(session, chat_id, files, by=person_id, must=must)


def _kept(person_id: str, name: str, file: FileContent) -> StoredFile:
    digest = offload(hashlib.sha256, file.content).hexdigest()
    if row := storage.just_uploaded(person_id, name, digest):
        # The earlier upload can have failed before the file was written.
        _write(digest, file.content)
        return row
    return _stored(person_id, name, digest, file)


def _stored(person_id: str, name: str, digest: str, file: FileContent) -> StoredFile:
    with write() as session:
        row = StoredFile(
            owner_id=person_id,
            name=name,
            kind=file.kind,
            media_type=file.media_type,
            hash=digest,
            bytes=len(file.content),
            width=file.width,
            height=file.height,
            text=file.text,
        )
        session.add(row)
    _write(digest, file.content)
    # If it is never sent, the sweeper has to delete it.
    erasing.wake()
    return row


def _name(name: str) -> str:
    return " ".join("".join(char for char in name if char.isprintable()).split())[-120:] or "file"


def _content(person_id: str, name: str, stream: IO[bytes]) -> FileContent:
    creation_limit.count(person_id)
    stream.seek(0)
    with child.on_disk(stream) as file:
        _refuse_too_much(person_id, file)
        # Releases the database connection while the child process reads the file.
        db.session.rollback()
        file.seek(0)
        is_picture = file.read(16).startswith(PICTURES)
        return _picture(file) if is_picture else _text(name, file)


def _write(digest: str, content: bytes) -> None:
    try:
        offload_expecting(OSError, storage.put, storage.path_of(digest), content)
    except OSError as error:
        log.error("a file could not be written: %s", error.strerror)
        raise Unavailable(NOT_WRITTEN) from error


def _picture(file: IO[bytes], limits: child.WorkLimits = child.SMALL) -> FileContent:
    try:
        picture = _read(PICTURE, file, limits)[0]
    except child.Exceeded as error:
        raise Invalid(EXCEEDED, field="message") from error
    return FileContent(IMAGE, picture["media_type"], b64decode(picture["content"]), picture["width"], picture["height"])


def _text(name: str, file: IO[bytes], limits: child.WorkLimits = child.SMALL) -> FileContent:
    """Extracts the text of a document; a file of any other type must be text. A long file is returned unchanged."""
    most = most_whole()
    file.seek(0)
    if formats.reader_of(name) == "text":
        content = file.read(most + 1)
        # The beginning of a long file is enough to tell whether it is text; a character can be cut in half at its end.
        text = attachments.uploaded(name, content[:most]).text.encode()
        return FileContent(TEXT, PLAIN_TEXT, text) if len(content) <= most else _long(file)
    about = {"name": f"x.{formats.ending(name)}", "most": most}
    with child.on_disk(file, head=json.dumps(about).encode() + b"\n") as behind:
        try:
            pieces = _read(PLAIN, behind, limits)
        except child.Exceeded:
            # In the background, there is more time to read it.
            return _long(file)
    if any("is_long" in piece for piece in pieces):
        return _long(file)
    file.seek(0)
    read = "".join(piece["text"] for piece in pieces).strip()
    return FileContent(TEXT, formats.media_type(name), file.read(), text=read)


def _long(file: IO[bytes]) -> FileContent:
    if file.seek(0, 2) > document_service.most_bytes():
        raise TooLarge.file(document_service.most_bytes(), field="message")
    file.seek(0)
    return FileContent(DOCUMENT, "application/octet-stream", file.read())


def _read(module: str, file: IO[bytes], limits: child.WorkLimits = child.SMALL) -> list[Any]:
    with closing(child.pieces(module, file, limits)) as piece_iterator:
        pieces = list(piece_iterator)
    if refused := next((piece["refused"] for piece in pieces if "refused" in piece), ""):
        raise Invalid(refused, field="message")
    return pieces


def _refuse_too_much(person_id: str, file: IO[bytes], *, most: int = 0) -> None:
    size, most = file.seek(0, 2), most or most_bytes()
    if not size:
        raise Invalid("This file is empty.", field="message")
    if size > most:
        raise TooLarge.file(most, field="message")
    refuse_without_room(person_id, size)
