"""Whose chat it is: a person's account or a visitor's cookie opens it, for everybody else it is not there."""

import hashlib
from collections.abc import Callable

from flask import Response, current_app, request

from webapp.accounts.tables import User
from webapp.chat.tables import Chat, Message
from webapp.errors import SignedOut
from webapp.extensions import db
from webapp.generations.tables import Generation
from webapp.ids import new_secret
from webapp.web.guards import found, user_or_none

COOKIE = "millrace-visitor"
COOKIE_SECONDS = 24 * 3600


def own_chat(id: str) -> Chat:
    chat = db.session.get(Chat, id)
    if chat and not chat.deleted_at and may_open(chat, user_or_none()):
        return chat
    if not user_or_none():
        raise SignedOut("Please sign in first.")
    return found(None)


def own_message(id: str) -> Message:
    message = db.session.get(Message, id)
    own_chat(message.chat_id if message else "")
    return found(message)


def own_generation(id: str) -> Generation:
    generation = db.session.get(Generation, id)
    own_message((generation.message_id if generation else None) or "")
    return found(generation)


def may_open(chat: Chat, user: User | None) -> bool:
    if chat.visitor_hash:
        return chat.visitor_hash == visitor_hash()
    return user is not None and chat.owner_id == user.id


def visitor_hash() -> str:
    """What the table knows a visitor's cookie by; empty without one."""
    return _hash(request.cookies.get(COOKIE, ""))


def as_visitor(answer: Callable[[str], Response]) -> Response:
    """The answer made for a visitor's hash; one who has no cookie yet gets it with the answer."""
    if known := visitor_hash():
        return answer(known)
    secret = new_secret()
    response = answer(_hash(secret))
    is_https = current_app.extensions["config"].public_url.startswith("https://")
    response.set_cookie(COOKIE, secret, max_age=COOKIE_SECONDS, secure=is_https, httponly=True, samesite="Lax", path="/")
    return response


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest() if secret else ""
