"""Brings long files from where they were uploaded into their collection, and tells the open pages how far they are read."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from sqlalchemy import select

from webapp import changes, topic_names
from webapp.chat.files import collecting, storage
from webapp.chat.files.tables import StoredFile
from webapp.chat.tables import Chat
from webapp.db import db
from webapp.engine.engine import Engine
from webapp.knowledge import of_chats
from webapp.knowledge.tables import Document

# Pages hear of a file for so long; after that they show how far it is when they are opened.
MOST_SECONDS, LOOK_SECONDS = 1_800.0, 0.3


def follow(engine: Engine, chat_id: str, message_id: str) -> None:
    """Goes on until all long files of a chat can be found; the message that has them is drawn again whenever one is further."""
    until, before = engine.now() + MOST_SECONDS, None
    with engine.in_app():
        _bring(chat_id)
    while not engine.is_closing and engine.now() < until:
        with engine.in_app():
            now = _states(chat_id)
            if now != before:
                changes.tell(topic_names.of_chat(chat_id), "message", message_id)
        if not now:
            return
        before = now
        engine.pause(LOOK_SECONDS)


def _bring(chat_id: str) -> None:
    chat = db.session.get(Chat, chat_id)
    waiting = [each for each in collecting.unfound(chat) if each.state == "arriving"] if chat else []
    for id, hash in [(each.id, each.hash) for each in waiting]:
        with _opened(hash) as stream:
            of_chats.arrive(id, stream)


def _states(chat_id: str) -> list[tuple[object, ...]]:
    chat = db.session.get(Chat, chat_id)
    return [_state(each) for each in collecting.unfound(chat)] if chat else []


def _state(document: Document) -> tuple[object, ...]:
    return document.id, document.state, document.done


@contextmanager
def _opened(hash: str) -> Iterator[IO[bytes] | None]:
    """Nothing where it was deleted at this moment."""
    there = db.session.scalar(select(StoredFile.id).where(StoredFile.hash == hash).limit(1))
    path = storage.path_of(hash)
    if not there or not path.is_file():
        yield None
        return
    with path.open("rb") as stream:
        yield stream
