"""/api/v1/.../messages: what is said in a chat, said anew, and taken out of sight."""

from typing import Any

from flask import Blueprint, Response

from webapp.api import told
from webapp.api.access import caller
from webapp.api.encoders.canonical import CanonicalEncoder
from webapp.api.events import EVENTS
from webapp.api.operations import idempotency_key, operation, wants_stream
from webapp.api.schemas.chats import Again, Edited, MessageAnswer, MessageList, MessagesQuery, NewMessage, Sent
from webapp.api.stream import stream
from webapp.chat import service, slices, tree
from webapp.chat.access import own_message, visible_chat, visible_message, writable_chat, writable_message
from webapp.chat.asking import How
from webapp.generations.tables import Generation
from webapp.web.guards import found
from webapp.web.pagination import cut

bp = Blueprint("api_messages", __name__, url_prefix="/api/v1")
STARTS: dict[str, Any] = {"scope": "chat", "answer": Sent, "status": 202, "errors": (409, 429), "stream": EVENTS}


@bp.get("/chats/<id>/messages")
@operation("List the messages of a chat: the branch it shows, or all", scope="read", query=MessagesQuery, answer=MessageList)
def index(id: str, query: MessagesQuery) -> MessageList:
    rows = {"path": slices.path, "tree": slices.tree}[query.show](visible_chat(id), after=query.cursor, limit=query.limit + 1)
    page = cut(rows, query.limit)
    return MessageList(messages=told.messages(page.rows), next_cursor=page.next_cursor or None)


@bp.post("/chats/<id>/messages")
@operation("Send a message, which begins an answer", body=NewMessage, **STARTS)
def send(id: str, body: NewMessage) -> Sent | Response:
    how = How(context_limit=body.context_limit)
    wishes = {"key": idempotency_key(), "model": body.model, "after": body.after}
    return begun(service.ask(writable_chat(id), body.message, by=caller().id, how=how, **wishes))


@bp.get("/messages/<id>")
@operation("Show a message, as far as it is written", scope="read", answer=MessageAnswer)
def show(id: str) -> MessageAnswer:
    return told.message(visible_message(id))


@bp.post("/messages/<id>/edit")
@operation("Say it in other words: a branch beside the message, answered anew", body=Edited, **STARTS)
def edit(id: str, body: Edited) -> Sent | Response:
    return begun(service.edit(writable_message(id), body.message, key=idempotency_key(), by=caller().id))


@bp.post("/messages/<id>/rewrite")
@operation(
    "Put an answer in your own words: a version beside it, for which no model is asked",
    scope="chat",
    body=Edited,
    answer=MessageAnswer,
    status=201,
    errors=(409, 422),
)
def rewrite(id: str, body: Edited) -> MessageAnswer:
    return told.message(tree.rewrite(writable_message(id), body.message, by=caller().id))


@bp.post("/messages/<id>/regenerate")
@operation("Ask for another version of an answer, which stays beside it, or for one where there is none", body=Again, **STARTS)
def again(id: str, body: Again) -> Sent | Response:
    return begun(service.again(writable_message(id), model=body.model, by=caller().id))


@bp.post("/messages/<id>/continue")
@operation("Go on with an answer in the same message: one that was cut, or the last of its branch", **STARTS)
def go_on(id: str) -> Sent | Response:
    return begun(service.go_on(writable_message(id), by=caller().id))


@bp.post("/messages/<id>/show")
@operation("Show the branch of this version instead of the present one", scope="chat", answer=MessageAnswer, errors=(409,))
def show_version(id: str) -> MessageAnswer:
    tree.show_version(writable_message(id))
    return told.message(visible_message(id))


@bp.delete("/messages/<id>")
@operation("Take a message and what follows it out of sight", scope="chat", status=204, errors=(409, 422))
def delete(id: str) -> None:
    tree.delete(own_message(id))


@bp.post("/messages/<id>/restore")
@operation("Bring back a message that was deleted, and show it", scope="chat", answer=MessageAnswer, errors=(409,))
def restore(id: str) -> MessageAnswer:
    tree.restore(own_message(id, even_deleted=True))
    return told.message(visible_message(id))


@bp.post("/messages/<id>/erase")
@operation("Delete a message that was deleted, and what went with it, for good", scope="chat", status=204)
def erase(id: str) -> None:
    message = own_message(id, even_deleted=True)
    tree.erase(found(message if message.deleted_at else None))


def begun(generation: Generation) -> Sent | Response:
    """What was begun, or its events for who asks for them."""
    return stream(generation, CanonicalEncoder()) if wants_stream() else told.sent(generation)
