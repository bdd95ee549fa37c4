"""The collections that a chat reads from: its own, its preset's, its project's, its prompt's, and those its characters know."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from webapp.base.db import db, write
from webapp.base.errors import Invalid
from webapp.characters import queries as character_queries
from webapp.chat.prompt import leading
from webapp.chat.prompt.built_in import QUICK
from webapp.chat.record import announcements
from webapp.chat.record.presets import preset_of, presets_of
from webapp.chat.record.projects import project_of, projects_of
from webapp.chat.record.tables import Chat, Project
from webapp.knowledge import queries
from webapp.knowledge.documents import chat_files, project_files
from webapp.knowledge.service import MOST_COLLECTIONS, attachable
from webapp.knowledge.tables import Collection
from webapp.models.presets.queries import KnownPreset
from webapp.people.accounts.tables import User
from webapp.prompts import active_prompts


def ids_for(chat: Chat, speaker_id: str | None = None) -> list[str]:
    """Returns the ids of all collections for an answer: of the chat, its preset, its project, its prompt and its character.

    In a group, that is the character who speaks.
    """
    if not speaker_id:
        return ids_by_chat([chat])[chat.id]
    known = character_queries.known_to(db.session(), chat.owner_id, [speaker_id])
    return _in_order(chat, (*ids_above(preset_of(chat), project_of(chat)), *known.get(speaker_id, ())))


def ids_by_chat(chats: Sequence[Chat]) -> dict[str, list[str]]:
    """Returns the collection ids of several chats by chat id, including those known by any of their characters."""
    played: defaultdict[str | None, set[str]] = defaultdict(set)
    for chat in chats:
        played[chat.owner_id] |= set(chat.cast_ids)
    ids_by_owner = {owner: character_queries.known_to(db.session(), owner, ids) for owner, ids in played.items()}
    presets, projects = presets_of(chats), projects_of(chats)
    files = project_files.ids_of(project.id for project in projects.values())
    return {
        chat.id: _in_order(
            chat,
            (
                *ids_above(presets.get(chat.id), projects.get(chat.id), files),
                *(id for played_id in chat.cast_ids for id in ids_by_owner[chat.owner_id].get(played_id, ())),
            ),
        )
        for chat in chats
    }


def _in_order(chat: Chat, collection_ids: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*chat.collection_ids, *collection_ids, *ids_of_prompt(leading.key_of(chat))]))


def ids_above(preset: KnownPreset | None, project: Project | None, files: Mapping[str, str] | None = None) -> list[str]:
    """Returns the ids of the collections that a chat reads from because of its preset and its project, with its files.

    `files` are the collections of files by project, if they were read already.
    """
    files = project_files.ids_of([project.id] if project else ()) if files is None else files
    own = [files[project.id]] if project and project.id in files else []
    return [*(id for row in (preset, project) if row for id in row.collection_ids), *own]


def ids_of_prompt(key: str) -> list[str]:
    """Returns the ids of the collections that every chat led by this prompt reads from."""
    return list(dict.fromkeys([*active_prompts.collections_of(key), *leading.collections_for(key)]))


def visible(chat: Chat, user: User | None) -> Sequence[Collection]:
    """Returns the collections that a chat reads from and this person can see, by name."""
    ids = ids_for(chat)
    return queries.collections_among(user, ids) if user and ids else ()


def visible_ids(chats: Sequence[Chat], user: User | None) -> dict[str, list[str]]:
    """Returns, by chat id, the ids of the collections that the chat reads from and this person can see."""
    read = ids_by_chat(chats)
    ids = sorted({id for read_ids in read.values() for id in read_ids})
    seen = {collection.id for collection in queries.collections_among(user, ids)} if user and ids else set()
    return {chat_id: [id for id in read_ids if id in seen] for chat_id, read_ids in read.items()}


def visible_to_new(user: User | None) -> Sequence[Collection]:
    """Returns the collections that every new chat reads from and this person can see, by name."""
    ids = ids_of_prompt(QUICK)
    return queries.collections_among(user, ids) if user and ids else ()


def checked(user: User, ids: Iterable[str]) -> list[str]:
    """Returns the collection ids without duplicates; raises `NotFound` for one that this person can't see."""
    unique_ids = list(dict.fromkeys(ids))
    if len(unique_ids) > MOST_COLLECTIONS:
        raise Invalid(f"A chat can use up to {MOST_COLLECTIONS} collections.", field="collections")
    return attachable(unique_ids, (), user)


def attach(chat: Chat, ids: Iterable[str], *, by: User) -> None:
    """Replaces the collections of a chat, except that of its files, from the next answer on."""
    id, collection_ids = chat.id, with_own_files(chat, ids, by=by)
    if collection_ids == list(chat.collection_ids):
        return
    with write():
        chat.collection_ids = collection_ids
    announcements.announce_settings(id)


def with_own_files(chat: Chat, ids: Iterable[str], *, by: User) -> list[str]:
    """Returns the collection of the chat's files and these; raises `NotFound` for one that this person can't see."""
    files = chat_files.own(db.session(), chat.id, chat.collection_ids)
    return [*files, *checked(by, [id for id in ids if id not in files])]


def add(chat: Chat, ids: Sequence[str]) -> None:
    """Adds collections that the owner can see to a chat, up to the limit."""
    more = [id for id in ids if id not in chat.collection_ids]
    if more := more[: MOST_COLLECTIONS - len(chat.collection_ids)]:
        with write():
            chat.collection_ids = [*chat.collection_ids, *more]
