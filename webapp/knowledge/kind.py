"""Collections and documents as things that people own."""

from webapp.base.errors import Forbidden
from webapp.knowledge import queries, trash
from webapp.knowledge.changes import access_lost
from webapp.knowledge.permissions import COLLECTION, DOCUMENT
from webapp.knowledge.tables import Collection, Document
from webapp.people.members.service import Departure
from webapp.people.things.thing import Thing

OF_CHAT = "These files belong to a chat. Share or delete the chat, or delete single documents."
OF_PROJECT = "These files belong to a project. Share or delete the project, or delete single documents."


def refuse_if_of_chat(collection: Collection) -> None:
    """Raises `Forbidden` for the collection of a chat or project, with whose rights it is shared and deleted."""
    if collection.chat_id or collection.project_id:
        raise Forbidden(OF_CHAT if collection.chat_id else OF_PROJECT)


def _refuse_private(collection: Collection) -> None:
    refuse_if_of_chat(collection)
    if collection.is_memory:
        raise Forbidden("Your conversation memory is yours alone.")


# In the trash, search stops finding its documents at once.
COLLECTIONS = Thing(
    kind=COLLECTION,
    table=Collection,
    word="collection",
    seen=queries.SEEN_COLLECTIONS.one,
    requires="knowledge",
    most_own=200,
    counted=queries.IS_OF_ITS_OWN,
    rights={"read": "can read", "write": "can read and write"},
    refuse_private=_refuse_private,
    level=lambda collection: collection.level,
    announce=access_lost,
    put_away=lambda _session, collection: refuse_if_of_chat(collection),
    empty=trash.empty,
    heirs_name="collections",
    hand_over=trash.hand_over,
)
# Its owner is its collection's; `documents/documents` moves it to the trash, with which it is emptied.
DOCUMENTS = Thing(kind=DOCUMENT, table=Document, word="document", seen=queries.document, requires="knowledge", empty=lambda: None)
DEPARTURE = Departure(erase=trash.delete_all_of)
