"""What a chat reads from: the collections that are attached to it."""

from collections.abc import Iterable, Sequence

from webapp.accounts.tables import User
from webapp.characters import queries as cast
from webapp.chat.tables import Chat
from webapp.db import db, write
from webapp.errors import Invalid, NotFound
from webapp.knowledge import queries
from webapp.knowledge.tables import Collection

MOST_COLLECTIONS = 20


def read_by(chat: Chat) -> list[str]:
    """The ids of all collections that a chat reads from: its own, and what its character knows."""
    character = cast.character_of(db.session(), chat.owner_id, chat.character_id) if chat.character_id else None
    return list(dict.fromkeys([*chat.collection_ids, *(character.collection_ids if character else ())]))


def attached(chat: Chat, user: User | None) -> Sequence[Collection]:
    """The collections that a chat reads from and this person may see, by name."""
    ids = read_by(chat)
    return queries.collections_among(user, ids) if user and ids else ()


def readable(chats: Iterable[Chat], user: User | None) -> set[str]:
    """The ids of the collections of all these chats that this person may see."""
    ids = {id for chat in chats for id in chat.collection_ids}
    return {each.id for each in queries.collections_among(user, sorted(ids))} if user and ids else set()


def checked(user: User, ids: Iterable[str]) -> list[str]:
    """These collections, each once; raises `NotFound` for one that this person may not see."""
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > MOST_COLLECTIONS:
        raise Invalid(f"A chat reads from up to {MOST_COLLECTIONS} collections.", field="collections")
    seen = {each.id for each in queries.collections_among(user, wanted)} if wanted else set()
    if set(wanted) - seen:
        raise NotFound("That collection doesn't exist, or you don't have access.", field="collection_ids")
    return wanted


def attach(chat: Chat, ids: Iterable[str], *, by: User) -> None:
    """Have a chat read from these collections and no others, from the next answer on."""
    wanted = checked(by, ids)
    if wanted == list(chat.collection_ids):
        return
    with write():
        chat.collection_ids = wanted
