"""A picture of a chat is changed by a sentence: it is sent in the chat with the picture, and the model for pictures answers."""

from collections.abc import Iterator
from itertools import chain

from webapp.base.errors import Conflict, Invalid
from webapp.chat.calls.files import files_made
from webapp.chat.files import storage
from webapp.chat.files.reference import ANY, reference
from webapp.chat.files.tables import IMAGE, StoredFile
from webapp.chat.messages import sending
from webapp.chat.record import queries
from webapp.chat.record.tables import Message
from webapp.engine.tables import Generation
from webapp.models.connections.models import the_models
from webapp.models.connections.purposes import PICTURE_MODEL
from webapp.people.accounts.tables import User

MOST_PICTURES = 40
NO_MODEL = "No picture model is set. An admin can choose one under Administration → Models → Tools."


def is_possible() -> bool:
    """Returns whether there is a model for pictures."""
    return bool(the_models().model_for(PICTURE_MODEL))


def pictures_of(message: Message, person: User) -> list[StoredFile]:
    """Returns the pictures that a message shows, its own and those of its calls, as far as this person can send them again."""
    ids = list(dict.fromkeys(chain(_named_in(message), _made_by_calls(message, person))))[:MOST_PICTURES]
    there = storage.in_chat(message.chat_id, ids) if ids else {}
    sendable = {file.id for file in storage.attachable(message.chat_id, there, person.id)} if there else set()
    return [there[id] for id in ids if id in sendable and there[id].kind == IMAGE]


def change(message: Message, picture: StoredFile, wish: str, *, by: User, key: str = "") -> Generation:
    """Sends a sentence with a picture of this message; the chat's own model stays for what follows."""
    model = the_models().model_for(PICTURE_MODEL)
    if not model:
        raise Conflict(NO_MODEL)
    if not wish.strip():
        raise Invalid("Say what is to be different.", field="wish")
    text = f"{wish.strip()}\n\n{reference(picture.name, picture.id).written}"
    return sending.ask(queries.chat_of(message), text, key=key, by=by.id, answered_by=model)


def _named_in(message: Message) -> Iterator[str]:
    return (match["id"] for match in ANY.finditer(message.content) if match["mark"])


def _made_by_calls(message: Message, person: User) -> Iterator[str]:
    return (file.id for file in files_made([message], person)[message.id] if file.is_picture)
