"""How many messages are handled in one go: by how much is in them, as a few can be megabytes."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.chat.tables import Message


def few(session: Session, ids: Sequence[str], most_chars: int) -> list[str]:
    """The first of these messages, one at least; what is gone is among them."""
    size = func.length(Message.content) + func.length(Message.html) + func.length(Message.reasoning)
    sizes = {id: length or 0 for id, length in session.execute(select(Message.id, size).where(Message.id.in_(ids)))}
    found, chars = list[str](), 0
    for id in ids:
        chars += sizes.get(id, 0)
        if found and chars > most_chars:
            break
        found.append(id)
    return found
