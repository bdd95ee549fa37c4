"""Tickets: signed tokens in URLs that open one chat's stream while the session or API token they were made with lasts. Pure."""

import hmac
from hashlib import sha256

SESSION, TOKEN = "s", "t"


def ticket(secret: str, holder: str, chat_id: str) -> str:
    """Returns a ticket for one chat; `holder` is `s` or `t` followed by the id of the session or token."""
    return f"{holder}.{_signature(secret, holder, chat_id)}"


def holder_of(secret: str, text: str, chat_id: str) -> str:
    """Returns the holder of a ticket for this chat; empty if the signature is wrong."""
    holder, _, signature = text.partition(".")
    is_ours = hmac.compare_digest(signature.encode(), _signature(secret, holder, chat_id).encode())
    return holder if is_ours and holder[:1] in (SESSION, TOKEN) else ""


def _signature(secret: str, holder: str, chat_id: str) -> str:
    return hmac.new(secret.encode(), f"ticket\0{holder}\0{chat_id}".encode(), sha256).hexdigest()
