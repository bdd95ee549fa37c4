"""Long files of a chat: documents of its own collection, which it reads from like any other."""

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from webapp.chat.files.reference import long_in
from webapp.chat.files.tables import StoredFile
from webapp.chat.tables import Chat
from webapp.db import db
from webapp.knowledge import of_chats
from webapp.knowledge.of_chats import Brought
from webapp.knowledge.tables import Document


def take(session: Session, chat_id: str, files: Sequence[StoredFile], *, by: str) -> None:
    """Puts these files into the chat's own collection, which is made with the first one; visitors have none."""
    chat = session.get(Chat, chat_id) if files else None
    if not chat or not chat.owner_id:
        return
    brought = [Brought(each.name, each.hash, each.bytes) for each in files]
    id = of_chats.take(session, chat_id, chat.owner_id, brought, by=by or chat.owner_id)
    if id not in chat.collection_ids:
        reads = [id, *chat.collection_ids]
        session.execute(update(Chat).where(Chat.id == chat_id).values(collection_ids=reads))
        set_committed_value(chat, "collection_ids", reads)


def unfound(chat: Chat) -> Sequence[Document]:
    """The long files that a chat reads from and that can't be found yet."""
    return of_chats.unfound(chat.collection_ids) if chat.collection_ids else ()


def documents_in(chat_id: str, content: str) -> dict[str, Document]:
    """By the id of each long file in a message, the document that it became for this chat."""
    references = long_in(content)
    chat = db.session.get(Chat, chat_id) if references else None
    if not chat or not chat.collection_ids:
        return {}
    query = select(StoredFile.id, StoredFile.hash).where(StoredFile.id.in_([each.id for each in references]))
    hashes = {row.id: row.hash for row in db.session.execute(query)}
    found = of_chats.among(chat.collection_ids, hashes.values())
    return {id: found[hash] for id, hash in hashes.items() if hash in found}
