"""Who wrote messages: people, as pages name them."""

from collections.abc import Iterable

from sqlalchemy import select

from webapp.api.schemas import Answer
from webapp.base.db import db
from webapp.chat.record.tables import Message
from webapp.people.accounts.guards import user_or_none
from webapp.people.accounts.tables import User


class Author(Answer):
    """The person who wrote a message, or edited an answer; without an id if only a file says their name."""

    id: str | None
    name: str


def authors_of(rows: Iterable[Message]) -> dict[str, Author]:
    """Returns the authors of messages by message id; none for what a model or a visitor wrote."""
    messages, me = list(rows), user_or_none()
    names = {me.id: me.name} if me else {}
    # The caller wrote most of what they read, and is known already.
    if others := {message.author_id for message in messages if message.author_id} - names.keys():
        names |= dict(iter(db.session.execute(select(User.id, User.name).where(User.id.in_(others)))))
    authors = {
        message.id: Author(id=message.author_id, name=names[message.author_id])
        for message in messages
        if message.author_id in names
    }
    return authors | {message.id: Author(id=None, name=message.author_name) for message in messages if message.author_name}
