"""Tags: words by which people find chats again. Each person has their own, on their chats and on those they can read.

People don't see each other's tags, not even on a shared chat.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Annotated
from unicodedata import normalize

from pydantic import BeforeValidator, StringConstraints
from sqlalchemy import ColumnElement, and_, delete, func, select
from sqlalchemy.orm import Session

from webapp.base.database import rows
from webapp.base.db import db, write
from webapp.base.errors import Conflict, Invalid
from webapp.base.inputs import Input, OneLine
from webapp.chat.record.seen_chats import IN_LISTS, can_open
from webapp.chat.record.tables import Chat, Tag, TaggedChat
from webapp.people.accounts.tables import User

MOST_OF_CHAT, MOST_OF_PERSON, MOST_CHARS = 20, 500, 40
# A comma ends a tag where several are typed, and quotes one in a search.
MARKS = str.maketrans(',"', "  ")
NONE_OF_TEMPORARY = "Temporary chats have no tags."
SENTENCE = f"A tag has 1 to {MOST_CHARS} characters, without commas and quotation marks."


class _OneTag(OneLine):
    def allows(self, line: str) -> bool:
        return OneLine.allows(self, line) and line.translate(MARKS) == line


TagName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MOST_CHARS),
    _OneTag(SENTENCE, MOST_CHARS, 1),
    BeforeValidator(lambda name: normalize("NFC", name) if isinstance(name, str) else name),
]


class TagInput(Input):
    """What is entered for a tag."""

    name: TagName


@dataclass(frozen=True, slots=True)
class TagCount:
    """A tag of a person, and how many chats they can see with it, without those in the trash."""

    id: str
    name: str
    count: int


def folded(name: str) -> str:
    """Returns what a tag is compared by: upper and lower case, and forms of the same character, make no other tag."""
    return normalize("NFKC", normalize("NFKC", name).casefold())


def checked(names: Iterable[str], *, by: User) -> list[str]:
    """Returns these names, each once; raises `Invalid` for one that is no tag, and for more than there can be."""
    unique: dict[str, str] = {}
    for name in names:
        try:
            tag = TagInput.entered({"name": name}).name
        except Invalid as refusal:
            raise Invalid(refusal.message, field="tags") from refusal
        unique.setdefault(folded(tag), tag)
    if len(unique) > MOST_OF_CHAT:
        raise Invalid(f"A chat can have up to {MOST_OF_CHAT} tags.", field="tags")
    _new_among(db.session(), by.id, list(unique.values()))
    return list(unique.values())


def typed(text: str) -> list[str]:
    """Returns the names in a text that has commas between them."""
    return [name for part in text.split(",") if (name := part.strip())]


def by_chat(user_id: str, chat_ids: Iterable[str]) -> dict[str, list[str]]:
    """Returns the names of the tags that a person has given to each of these chats, in their order."""
    query = select(TaggedChat.chat_id, Tag.name).join(Tag, Tag.id == TaggedChat.tag_id)
    query = query.where(Tag.user_id == user_id, TaggedChat.chat_id.in_(list(chat_ids))).order_by(Tag.folded)
    names: dict[str, list[str]] = {}
    for chat_id, name in db.session.execute(query):
        names.setdefault(chat_id, []).append(name)
    return names


def counted(user: User) -> list[TagCount]:
    """Returns the tags of a person in their order."""
    count = func.count(Chat.id)
    query = select(Tag.id, Tag.name, count).outerjoin(TaggedChat, TaggedChat.tag_id == Tag.id)
    is_there = and_(Chat.id == TaggedChat.chat_id, can_open(user), *IN_LISTS)
    query = query.outerjoin(Chat, is_there).where(Tag.user_id == user.id)
    return [TagCount(*row) for row in db.session.execute(query.group_by(Tag.id, Tag.name, Tag.folded).order_by(Tag.folded))]


def has(user_id: str, name: str) -> ColumnElement[bool]:
    """Returns the condition that a person has given a chat this tag."""
    tag = select(Tag.id).where(Tag.user_id == user_id, Tag.folded == folded(name)).scalar_subquery()
    return Chat.id.in_(select(TaggedChat.chat_id).where(TaggedChat.tag_id == tag))


def own_tag(user_id: str, id: str) -> Tag | None:
    tag = db.session.get(Tag, id)
    return tag if tag and tag.user_id == user_id else None


def replace(chat: Chat, names: Iterable[str], *, by: User) -> None:
    """Gives a chat exactly these tags of a person."""
    _refuse_temporary(chat)
    names, chat_id, user_id = checked(names, by=by), chat.id, by.id
    with write() as session:
        rows.locked(session, User, user_id)
        _take_off(session, user_id, [chat_id])
        _put(session, user_id, [chat_id], names)


def change(chats: Sequence[Chat], *, add: Iterable[str] = (), remove: Iterable[str] = (), by: User) -> None:
    """Gives chats that a person can read more of their tags, and takes others off; nothing changes if one gets too many."""
    _refuse_temporary(*chats)
    names, gone, user_id = checked(add, by=by), [folded(name) for name in remove], by.id
    titles = {chat.id: chat.title or "New chat" for chat in chats}
    with write() as session:
        rows.locked(session, User, user_id)
        _take_off(session, user_id, list(titles), gone)
        _put(session, user_id, list(titles), names)
        count = func.count(TaggedChat.tag_id)
        query = select(TaggedChat.chat_id).join(Tag, Tag.id == TaggedChat.tag_id).where(Tag.user_id == user_id)
        query = query.where(TaggedChat.chat_id.in_(titles)).group_by(TaggedChat.chat_id).having(count > MOST_OF_CHAT)
        if full := session.scalar(query.limit(1)):
            raise Invalid(f"“{titles[full]}” would have more than {MOST_OF_CHAT} tags. Nothing was changed.", field="tags")


def add_from_file(session: Session, user_id: str, chat_id: str, named: Iterable[str]) -> None:
    """Gives a new chat the tags that a file names for it, as far as there is room for them."""
    shortened = (" ".join(normalize("NFC", name).translate(MARKS).split())[:MOST_CHARS].strip() for name in named)
    names = {folded(name): name for name in shortened if name and name.isprintable()}
    rows.locked(session, User, user_id)
    ids, room = _ids(session, user_id, names), MOST_OF_PERSON - _count(session, user_id)
    new = [name for key, name in names.items() if key not in ids][:room]
    _put(session, user_id, [chat_id], [*(names[key] for key in ids), *new][:MOST_OF_CHAT])


def copy(session: Session, user_id: str, source_id: str, chat_id: str) -> None:
    """Gives a chat the tags that a person has given to another one."""
    query = select(Tag.id).join(TaggedChat, TaggedChat.tag_id == Tag.id)
    ids = session.scalars(query.where(Tag.user_id == user_id, TaggedChat.chat_id == source_id)).all()
    session.add_all(TaggedChat(tag_id=id, chat_id=chat_id) for id in ids)


def rename(tag: Tag, entered: TagInput, *, by: User) -> bool:
    """Renames a tag on all chats; if the person has a tag of the new name, both become one. Returns whether they did."""
    id, user_id = tag.id, by.id
    with write() as session:
        rows.locked(session, User, user_id)
        tag = session.get_one(Tag, id)
        query = select(Tag).where(Tag.user_id == user_id, Tag.folded == folded(entered.name), Tag.id != id)
        if other := session.scalar(query):
            there = select(TaggedChat.chat_id).where(TaggedChat.tag_id == other.id)
            moved = select(TaggedChat.chat_id).where(TaggedChat.tag_id == id, TaggedChat.chat_id.not_in(there))
            session.add_all(TaggedChat(tag_id=other.id, chat_id=chat_id) for chat_id in session.scalars(moved).all())
            other.name = entered.name
            session.delete(tag)
        else:
            tag.name, tag.folded = entered.name, folded(entered.name)
    return other is not None


def remove(tag: Tag) -> None:
    """Takes a tag off all chats."""
    id = tag.id
    with write() as session:
        session.execute(delete(Tag).where(Tag.id == id))


def _refuse_temporary(*chats: Chat) -> None:
    if any(chat.is_temporary for chat in chats):
        raise Conflict(NONE_OF_TEMPORARY)


def _count(session: Session, user_id: str) -> int:
    return session.scalar(select(func.count()).select_from(Tag).where(Tag.user_id == user_id)) or 0


def _ids(session: Session, user_id: str, folded_names: Iterable[str]) -> dict[str, str]:
    query = select(Tag.folded, Tag.id).where(Tag.user_id == user_id, Tag.folded.in_(list(folded_names)))
    return dict(iter(session.execute(query)))


def _new_among(session: Session, user_id: str, names: Sequence[str]) -> list[str]:
    """Returns those of these names that the person has no tag of; raises `Invalid` if they can't have so many more."""
    ids = _ids(session, user_id, map(folded, names)) if names else {}
    new = [name for name in names if folded(name) not in ids]
    if new and _count(session, user_id) + len(new) > MOST_OF_PERSON:
        raise Invalid(f"You can have up to {MOST_OF_PERSON} tags. Remove one that you no longer need.", field="tags")
    return new


def _take_off(session: Session, user_id: str, chat_ids: Sequence[str], folded_names: Sequence[str] | None = None) -> None:
    tag_ids = select(Tag.id).where(Tag.user_id == user_id)
    tag_ids = tag_ids if folded_names is None else tag_ids.where(Tag.folded.in_(folded_names))
    session.execute(delete(TaggedChat).where(TaggedChat.tag_id.in_(tag_ids), TaggedChat.chat_id.in_(chat_ids)))


def _put(session: Session, user_id: str, chat_ids: Sequence[str], names: Sequence[str]) -> None:
    """Adds these tags to chats, and makes those that are new; the person's row is locked, so that no other request does."""
    if not names:
        return
    session.add_all(Tag(user_id=user_id, name=name, folded=folded(name)) for name in _new_among(session, user_id, names))
    session.flush()
    tag_ids = list(_ids(session, user_id, map(folded, names)).values())
    # Locked, as another request can erase a chat in the meantime.
    here = session.scalars(select(Chat.id).where(Chat.id.in_(chat_ids)).with_for_update(read=True, key_share=True)).all()
    query = select(TaggedChat.tag_id, TaggedChat.chat_id).where(TaggedChat.tag_id.in_(tag_ids), TaggedChat.chat_id.in_(here))
    pairs = set(product(tag_ids, here)) - {(tag_id, chat_id) for tag_id, chat_id in session.execute(query)}
    session.add_all(TaggedChat(tag_id=tag_id, chat_id=chat_id) for tag_id, chat_id in pairs)
