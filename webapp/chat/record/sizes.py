"""Limits how many messages are processed together by their total size, since a few can be megabytes."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.chat.record.tables import Message


def first_within(session: Session, ids: Sequence[str], most_chars: int) -> list[str]:
    """Returns the first of these ids whose messages fit the limit, at least one; missing messages count as empty."""
    size = func.length(Message.content) + func.length(Message.html) + func.length(Message.reasoning)
    sizes = {id: length or 0 for id, length in session.execute(select(Message.id, size).where(Message.id.in_(ids)))}
    found, chars = list[str](), 0
    for id in ids:
        chars += sizes.get(id, 0)
        if found and chars > most_chars:
            break
        found.append(id)
    return found
