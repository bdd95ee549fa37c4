"""Access control for chats: the owner, people it is shared with, and a visitor with a cookie. Others get "not found"."""

import hashlib
from collections.abc import Callable

from flask import Response

from webapp.base.database import rows
from webapp.base.db import db
from webapp.base.errors import SignedOut
from webapp.base.ids import new_secret
from webapp.base.throttle import network
from webapp.chat.record import queries, sharing
from webapp.chat.record.leader import refuse_if_led
from webapp.chat.record.tables import Chat, Message
from webapp.engine.tables import Generation
from webapp.people.accounts import creation_limit
from webapp.people.accounts.guards import client_address, found, user_or_none
from webapp.people.accounts.tables import User
from webapp.settings.service import setting
from webapp.web.cookies import keep_secret, secret_in

COOKIE = "millrace-visitor"
COOKIE_SECONDS = 24 * 3600


def own_chat(id: str) -> Chat:
    """Returns the chat for actions reserved to its owner: renaming, sharing, deleting."""
    return _chat(id, ("own",))


def writable_chat(id: str) -> Chat:
    """Returns the chat if the requester can write in it and no workflow is leading it."""
    return refuse_if_led(stoppable_chat(id))


def writable_chat_if_any(id: str) -> Chat | None:
    """Does the same, but returns None for a chat that doesn't exist, or that the requester can't write in."""
    chat = _chat_if_any(id, ("own", "write"))
    return refuse_if_led(chat) if chat else None


def stoppable_chat(id: str) -> Chat:
    """Returns the chat if the requester can stop its answers, even while a workflow leads it."""
    return _chat(id, ("own", "write"))


def visible_chat(id: str) -> Chat:
    """Returns the chat if the requester can read it."""
    return _chat(id, ("own", "write", "view"))


def own_message(id: str, *, even_deleted: bool = False) -> Message:
    return _message(id, lambda chat_id: refuse_if_led(own_chat(chat_id)), even_deleted=even_deleted)


def writable_message(id: str) -> Message:
    return _message(id, writable_chat)


def decidable_message(id: str) -> Message:
    """Returns the message if the requester can decide about its calls and limits, even while a workflow leads the chat."""
    return _message(id, stoppable_chat)


def visible_message(id: str) -> Message:
    return _message(id, visible_chat)


def own_generation(id: str) -> Generation:
    return _generation(id, own_chat, even_deleted=False)


def writable_generation(id: str) -> Generation:
    """Includes a generation whose message was just deleted, so that it can still be stopped."""
    return _generation(id, stoppable_chat, even_deleted=True)


def right_in(chat: Chat, user: User | None) -> str:
    """Returns `own`, `write`, `view` or an empty string. What lists show is said in `seen_chats`."""
    if chat.visitor_hash:
        is_theirs = chat.visitor_hash == visitor_hash() and bool(setting("demo.visitors"))
        return "own" if is_theirs else ""
    return sharing.right_of(chat, user) if user else ""


def writer() -> str:
    """Returns the current user's id; empty for a visitor."""
    user = user_or_none()
    return user.id if user else ""


def visitor_hash() -> str:
    """Returns the hash of the visitor's cookie, as stored in the database; empty without a cookie."""
    return _hash(secret_in(COOKIE))


def as_visitor(answer: Callable[[str], Response]) -> Response:
    """Calls `answer` with the visitor's hash; a visitor without a cookie gets a new one with the response."""
    if visitor := visitor_hash():
        return answer(visitor)
    creation_limit.count(network(client_address()))
    secret = new_secret()
    return keep_secret(answer(_hash(secret)), COOKIE, secret, seconds=COOKIE_SECONDS)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest() if secret else ""


def _chat_if_any(id: str, rights: tuple[str, ...]) -> Chat | None:
    chat = rows.found(db.session(), Chat, id)
    return chat if chat and not chat.deleted_at and right_in(chat, user_or_none()) in rights else None


def _chat(id: str, rights: tuple[str, ...]) -> Chat:
    if chat := _chat_if_any(id, rights):
        return chat
    if not user_or_none():
        raise SignedOut("Please sign in first.")
    return found(None)


def _message(id: str, open_chat: Callable[[str], Chat], *, even_deleted: bool = False) -> Message:
    message = rows.found(db.session(), Message, id)
    open_chat(message.chat_id if message else "")
    return found(message if message and (even_deleted or not queries.deleted_among([id])) else None)


def _generation(id: str, open_chat: Callable[[str], Chat], *, even_deleted: bool) -> Generation:
    generation = rows.found(db.session(), Generation, id)
    _message((generation.message_id if generation else None) or "", open_chat, even_deleted=even_deleted)
    return found(generation)
