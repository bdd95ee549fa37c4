"""Exports a project as an archive: its settings, its chats, its files and its collections, as far as a person sees them."""

import json
import zipfile
from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple

from webapp.base.db import db
from webapp.base.heavy.turns import by_turns
from webapp.characters import queries as character_queries
from webapp.chat.imports.project import (
    SETTINGS,
    FiledCollection,
    FiledDocument,
    FiledProject,
    ProjectSettings,
    as_value,
)
from webapp.chat.record import projects
from webapp.chat.record.tables import Chat, Project
from webapp.engine.engine import Engine
from webapp.knowledge import queries as knowledge_queries
from webapp.knowledge.documents import project_files, service as document_service
from webapp.knowledge.tables import Collection
from webapp.people.accounts import queries as account_queries
from webapp.people.accounts.tables import User
from webapp.people.things.seen import MOST_LISTED
from webapp.workspace.exchange import export
from webapp.workspace.list import paging

CHATS_AT_ONCE = 500
# Returns the page of another person's chat, as its readers can export it; None if they can no longer read it.
Page = Callable[[str], Iterator[str] | None]


class _Found(NamedTuple):
    """A collection whose documents are added, and its folder in the archive."""

    id: str
    folder: str
    about: FiledCollection


class _ArchiveContents(NamedTuple):
    """What an archive has beside the chats: the settings, the collection of the project's files, if there is one, and others."""

    settings: ProjectSettings
    files: list[_Found]
    collections: list[_Found]


class _File(NamedTuple):
    """A document to add, and how many bytes it has."""

    id: str
    bytes: int
    filed: FiledDocument


def archive(engine: Engine, project: Project, reader: User, page: Page, *, with_collections: bool) -> Iterator[bytes]:
    """Streams the archive; what the reader can no longer see when its turn comes is left out."""
    own, collections = project_files.collection_of(project.id), _collections(project, reader) if with_collections else []
    contents = _ArchiveContents(_settings(project, reader), [_Found(own.id, "files", _about(own))] if own else [], collections)
    return by_turns(_packed(engine, project.id, reader.id, contents, page))


def _packed(engine: Engine, project_id: str, reader_id: str, contents: _ArchiveContents, page: Page) -> Iterator[bytes]:
    pipe = export.Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as packed:  # type: ignore[call-overload]  # it needs no more
        for id in _chat_ids(engine, project_id, reader_id):
            if chat := _chat(engine, id, reader_id, page):
                name, written = chat
                with packed.open(name, "w") as member:
                    for part in export.in_parts(written):
                        member.write(part)
                        yield pipe.take()
        files = list[FiledDocument]()
        for place in contents.files:
            files += yield from _documents(engine, packed, pipe, place, reader_id)
        collections = list[FiledCollection]()
        for place in contents.collections:
            there = yield from _documents(engine, packed, pipe, place, reader_id)
            collections.append({**place.about, "files": there})
        project = FiledProject(contents.settings, files, collections)
        packed.writestr(SETTINGS, json.dumps(as_value(project), ensure_ascii=False, indent=1))
    yield pipe.take()


def _settings(project: Project, reader: User) -> ProjectSettings:
    characters = character_queries.visible_among(reader, project.character_ids)
    return ProjectSettings(
        name=project.name,
        icon=project.icon,
        colour=project.colour,
        about=project.about,
        instructions=project.instructions,
        model=project.model,
        parameters=dict(project.parameters),
        tools=list(project.tools),
        characters=[character.name for character in characters],
        keeps_chats=project.keeps_chats,
    )


def _collections(project: Project, reader: User) -> list[_Found]:
    rows = {row.id: row for row in knowledge_queries.collections_among(reader, project.collection_ids)}
    there = [rows[id] for id in project.collection_ids if id in rows]
    return [_Found(row.id, f"collections/{number}", _about(row)) for number, row in enumerate(there, start=1)]


def _about(row: Collection) -> FiledCollection:
    return FiledCollection(name=row.name, about=row.about, level=row.level, embedding_model=row.embedding_model, files=[])


def _chat_ids(engine: Engine, project_id: str, reader_id: str) -> list[str]:
    """Returns the ids of the project's chats that the reader sees, as long as they see the project."""
    ids: list[str] = []
    while True:
        with engine.in_app():
            reader = account_queries.person(reader_id)
            if not reader or not projects.project(reader, project_id):
                return ids
            after = ids[-1] if ids else ""
            chats = paging.chats_of_project(reader, project_id, after=after, limit=CHATS_AT_ONCE)
            ids += [chat.id for chat in chats]
        if len(chats) < CHATS_AT_ONCE:
            return list(dict.fromkeys(ids))


def _chat(engine: Engine, id: str, reader_id: str, page: Page) -> tuple[str, Iterator[str]] | None:
    """Returns the name and the parts of a chat's file: JSON of one's own, and a page of another person's."""
    with engine.in_app():
        chat = db.session.get(Chat, id)
        is_own, is_there = chat is not None and chat.owner_id == reader_id, chat is not None and not chat.deleted_at
    if is_own and is_there:
        return f"chats/{id}.json", export.as_json(engine, id)
    written = page(id)
    return (f"chats/{id}.html", written) if written else None


def _documents(
    engine: Engine, packed: zipfile.ZipFile, pipe: export.Pipe, place: _Found, reader_id: str
) -> Generator[bytes, None, list[FiledDocument]]:
    """Adds the documents of a collection, the oldest first; returns those of which all bytes were there."""
    filed = list[FiledDocument]()
    for file in _files(engine, place, reader_id):
        length = 0
        with packed.open(file.filed["path"], "w", force_zip64=True) as member:
            for part in export.in_parts(document_service.original_of(engine, file.id, reader_id)):
                member.write(part)
                length += len(part)
                yield pipe.take()
        if length == file.bytes:
            filed.append(file.filed)
    return filed


def _files(engine: Engine, place: _Found, reader_id: str) -> list[_File]:
    files, after = list[_File](), ""
    while True:
        with engine.in_app():
            reader = account_queries.person(reader_id)
            collection = knowledge_queries.SEEN_COLLECTIONS.one(reader, place.id) if reader else None
            rows = knowledge_queries.documents(reader, collection, after=after) if reader and collection else []
            files += [
                _File(
                    row.id,
                    row.bytes,
                    FiledDocument(
                        path=f"{place.folder}/{row.id}/{export.name_within(row.name)}",
                        name=row.name,
                        title=row.title,
                        level=row.level,
                    ),
                )
                for row in rows
                if row.has_original
            ]
        if len(rows) < MOST_LISTED:
            return files[::-1]
        after = rows[-1].id
