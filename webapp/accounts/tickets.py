"""Tickets: a text in an address that opens one chat's stream, for as long as the session or token it was made with. Pure."""

import hmac
from hashlib import sha256

SESSION, TOKEN = "s", "t"


def ticket(secret: str, holder: str, chat_id: str) -> str:
    """For the holder (`s` or `t` and the id of their session or token) and for one chat."""
    return f"{holder}.{_signature(secret, holder, chat_id)}"


def holder_of(secret: str, text: str, chat_id: str) -> str:
    """Who was given this ticket for this chat; empty when nobody was."""
    holder, _, signature = text.partition(".")
    is_ours = hmac.compare_digest(signature.encode(), _signature(secret, holder, chat_id).encode())
    return holder if is_ours and holder[:1] in (SESSION, TOKEN) else ""


def _signature(secret: str, holder: str, chat_id: str) -> str:
    return hmac.new(secret.encode(), f"ticket\0{holder}\0{chat_id}".encode(), sha256).hexdigest()
