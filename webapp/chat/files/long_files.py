"""Long files of a chat become documents of the chat's own collection, which it reads like any other collection."""

from collections.abc import Sequence

from sqlalchemy import update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from webapp.chat.files import queries
from webapp.chat.files.reference import long_in
from webapp.chat.files.tables import DOCUMENT, StoredFile
from webapp.chat.record.tables import Chat
from webapp.knowledge.documents import chat_files
from webapp.knowledge.documents.chat_files import SentFile
from webapp.knowledge.tables import Document


def collect(session: Session, chat_id: str, files: Sequence[StoredFile], *, by: str, must: bool = True) -> None:
    """Adds the long files to the chat's own collection, creating it if necessary; visitors' chats have none.

    If there is no room for a file, raises `Invalid` when it `must` be taken; otherwise stores it as a failed document that
    shows the reason.
    """
    long = [each for each in files if each.kind == DOCUMENT]
    chat = session.get(Chat, chat_id) if long else None
    if not chat or not chat.owner_id:
        return
    sent = [SentFile(each.name, each.hash, each.bytes) for each in long]
    id = chat_files.add_files(session, chat_id, chat.owner_id, sent, by=by or chat.owner_id, must=must)
    if id not in chat.collection_ids:
        reads = [id, *chat.collection_ids]
        session.execute(update(Chat).where(Chat.id == chat_id).values(collection_ids=reads))
        set_committed_value(chat, "collection_ids", reads)


def not_indexed(chat: Chat) -> Sequence[Document]:
    """Returns the long files of a chat that aren't indexed for retrieval yet."""
    return chat_files.not_indexed(chat.id) if chat.collection_ids else ()


def documents_in(chat_id: str, content: str) -> dict[str, Document | None]:
    """Returns, by file id, the document made of each long file in a message; only for files that were sent in this chat.

    A file that was not indexed here has no document.
    """
    ids = [each.id for each in long_in(content)]
    sent = queries.in_chat(chat_id, ids) if ids else {}
    found = chat_files.among(chat_id, [each.hash for each in sent.values()]) if sent else {}
    return {id: found.get(each.hash) for id, each in sent.items()}
