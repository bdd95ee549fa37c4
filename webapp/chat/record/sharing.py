"""Sharing a chat with people, groups, or by link with the whole team."""

from collections.abc import Iterable, Sequence

from sqlalchemy import CompoundSelect, and_, bindparam, select, update

from webapp.base import changes, topic_names
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict, Invalid
from webapp.chat.record import projects
from webapp.chat.record.tables import Chat, Message, Project
from webapp.people.accounts.tables import Grant, Membership, PersonAuthor, User
from webapp.people.things import grants, shares as grant_shares
from webapp.people.things.grants import Dependents

KIND = "chat"
RIGHTS = ("view", "write")


def right_of(chat: Chat, user: User) -> str:
    """Returns `own`, `write`, `view` or an empty string."""
    if chat.owner_id == user.id:
        return "own"
    rights = set(db.session.scalars(select(Grant.right).where(grants.is_about(KIND, chat.id), grants.reaches(user))))
    rights |= projects.rights_by_project(chat, user)
    return next((right for right in reversed(RIGHTS) if right in rights), "") if not chat.deleted_at else ""


def is_shared(chat: Chat) -> bool:
    """Returns whether anyone besides its owner has a right to the chat."""
    query = select(Grant.id).where(grants.is_about(KIND, chat.id))
    return chat.is_for_project or db.session.scalar(query.limit(1)) is not None


def shares(chat: Chat) -> list[grant_shares.Share]:
    """Returns who has access to the chat besides its owner."""
    return grant_shares.shares(KIND, chat.id)


def share_names(shares: Iterable[grant_shares.Share]) -> tuple[str, ...]:
    """Returns the names of those that a chat is shared with."""
    return tuple(share.name or "Team" for share in shares)


def readers(chat_id: str) -> set[str]:
    """Returns the ids of the people whose lists contain the chat because it was shared with them, or with their project.

    `EVERYONE` is among them if the whole team is in that project.
    """
    people = set(db.session.scalars(READERS, {"chat_id": chat_id}))
    chat = db.session.get(Chat, chat_id)
    project = projects.project_of(chat) if chat and chat.is_for_project else None
    return people | projects.members(project.id) if project else people


def viewers(chat: Chat) -> set[str]:
    """Returns the ids of the people who can open the chat in any way, with `EVERYONE` if the team has its link."""
    return {chat.owner_id or "", *grant_shares.reached_by(grants.is_about(KIND, chat.id)), *readers(chat.id)}


def _viewers_of(person_id: str) -> set[str]:
    """Returns the people who see chats of a person, by themselves or in a project, and those in the person's projects."""
    shared = Chat.owner_id == person_id, Chat.is_for_project, Chat.project_id.is_not(None)
    owned = select(Project.id).where(Project.owner_id == person_id)
    project_ids = filter(None, db.session.scalars(select(Chat.project_id).where(*shared).union(owned)))
    chat_ids = select(Chat.id).where(Chat.owner_id == person_id)
    return grant_shares.reached_by(grants.are_about(KIND, chat_ids)) | projects.members(*project_ids)


DEPENDENTS = Dependents(_viewers_of)


def writers(
    messages: Sequence[Message], right: str = "own", shares: Sequence[grant_shares.Share] | None = None
) -> dict[str, str]:
    """Returns the authors' names by message id; none for the owner as viewer if no one else can write in the chat.

    `shares` are the chat's shares, if they were read already.
    """
    ids, query = {message.author_id for message in messages if message.author_id}, NAMES
    if right == "own" and len(ids) == 1 and db.session.get_one(Chat, messages[0].chat_id).owner_id in ids:
        query = NAMES_WHERE_OTHERS_WRITE if shares is None else NAMES
        ids = ids if shares is None or any(share.right == "write" for share in shares) else set()
    names = dict(iter(db.session.execute(query, {"ids": list(ids), "chat_id": messages[0].chat_id}))) if ids else {}
    from_file = {message.id: f"{message.author_name} (from a file)" for message in messages if message.author_name}
    return {message.id: names[message.author_id] for message in messages if message.author_id in names} | from_file


def refuse_unshareable(chat: Chat, by: User) -> None:
    """Raises an error if the chat can't be shared, or not by this person."""
    if chat.is_temporary:
        raise Conflict("Temporary chats can't be shared.")
    grant_shares.refuse_guests("chat", by)


def share(chat: Chat, whom: str, right: str, *, author: PersonAuthor) -> None:
    """Shares the chat with `user:ID` or `group:ID`, replacing an earlier right."""
    kind, _, id = whom.partition(":")
    if right not in RIGHTS:
        raise Invalid("Choose whether they can read or write.", field="right")
    if kind not in ("user", "group") or not id:
        raise Invalid("Choose who to share it with.", field="whom")
    if id == chat.owner_id:
        raise Invalid("This chat is already yours.", field="whom")
    _give(chat, right, author, kind, id)


def open_to_team(chat: Chat, *, author: PersonAuthor) -> None:
    """Lets every member of the team who has the link read the chat; it appears in no one else's list."""
    _give(chat, "view", author, "everyone", "")


def unshare(chat: Chat, grant_id: str, *, author: PersonAuthor) -> None:
    """Revokes a right; open pages that depend on it close immediately."""
    with write() as session:
        lost = grant_shares.revoke(session, KIND, chat.id, grant_id, word=KIND, author=author)
    _announce(chat.id, lost)


def _give(chat: Chat, right: str, author: PersonAuthor, to: str, to_id: str) -> None:
    refuse_unshareable(chat, author.actor)
    chat_id = chat.id
    with write() as session:
        changed = grant_shares.give(session, KIND, chat_id, right, to=to, to_id=to_id, word=KIND, author=author)
        session.execute(update(Chat).where(Chat.id == chat_id).values(touched_at=utc_now()))
    _announce(chat_id, changed)


def _announce(chat_id: str, people_ids: Iterable[str]) -> None:
    """Has these people's pages check their rights, and the chat's own show whom it is shared with."""
    changes.access_changed(*people_ids)
    changes.notify(topic_names.of_chat(chat_id), "settings", chat_id)


def _readers_statement() -> CompoundSelect[str]:
    grants_query = select(Grant.user_id, Grant.group_id).where(_IS_GIVEN).subquery()
    people = select(grants_query.c.user_id).where(grants_query.c.user_id.is_not(None))
    return people.union(select(Membership.user_id).join(grants_query, grants_query.c.group_id == Membership.group_id))


# Built once: building the statements costs more than running them.
_IS_GIVEN = and_(Grant.object_kind == KIND, Grant.object_id == bindparam("chat_id"))
READERS = _readers_statement()
NAMES = select(User.id, User.name).where(User.id.in_(bindparam("ids", expanding=True)))
NAMES_WHERE_OTHERS_WRITE = NAMES.where(select(Grant.id).where(_IS_GIVEN, Grant.right == "write").exists())
