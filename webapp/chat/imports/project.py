"""A project as an archive: its settings, its chats, and its files and collections, read back within limits. Pure."""

import re
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, TypedDict
from zipfile import ZipFile

from webapp.base.heavy import zips
from webapp.base.untrusted_json import JsonObject, UnfitJson, dict_of, list_of, value_of
from webapp.chat.imports import MOST_BYTES
from webapp.chat.imports.filed import BadFile, count, line, text
from webapp.chat.imports.pieces import Renderer, pieces_of
from webapp.chat.imports.source import MOST_CHATS, at_most, decoded_text, values_of

FORMAT, VERSION, SETTINGS = "millrace-project", 1, "project.json"
NO_PROJECT = "It isn't a project. Choose the .zip file that Export on the page of a project makes."
DAMAGED = "It isn't a .zip file of a project, or it is damaged or password-protected."
TOO_LARGE = "The archive is too large when unpacked."
MISSING = "It is missing in the archive, or damaged."
MOST_SETTINGS_BYTES, MOST_UNPACKED_BYTES, PART_BYTES = 4 * 1024 * 1024, 500 * 1024 * 1024, 192 * 1024
MOST_DOCUMENTS, MOST_COLLECTIONS, MOST_NAMED = 5_000, 20, 100
NAME_CHARS, TITLE_CHARS, PROSE_CHARS, TEXT_CHARS, PATH_CHARS, MOST_LEVEL = 120, 200, 2_000, 20_000, 400, 3
# Only the names of chats are looked for; documents are where the settings say.
CHAT = re.compile(r"chats/[^/]{1,100}\.(?:json|html)")
FOLDERS = ("files/", "collections/")


class FiledDocument(TypedDict):
    """A document in the archive: where its file is, and what it is called."""

    path: str
    name: str
    title: str
    level: int


class FiledCollection(TypedDict):
    """A collection in the archive."""

    name: str
    about: str
    level: int
    embedding_model: str
    files: list[FiledDocument]


class ProjectSettings(TypedDict):
    """What a project is; characters by name, to be matched with those that the importing person has."""

    name: str
    icon: str
    colour: str
    about: str
    instructions: str
    model: str
    parameters: JsonObject
    tools: list[str]
    characters: list[str]
    keeps_chats: bool


@dataclass(frozen=True, slots=True)
class FiledProject:
    """A project in an archive, without its chats."""

    settings: ProjectSettings
    files: list[FiledDocument]
    collections: list[FiledCollection]


def as_value(project: FiledProject) -> JsonObject:
    """Returns the project as the JSON value in its archive."""
    about = {"project": project.settings, "files": project.files, "collections": project.collections}
    return {"format": FORMAT, "version": VERSION, **about}


def parsed(value: Any) -> FiledProject:
    """Returns the project of the JSON value in its archive; raises `BadFile` for another value."""
    whole = dict_of(value)
    if whole.get("format") != FORMAT:
        raise BadFile(NO_PROJECT)
    if whole.get("version") != VERSION:
        said = line(str(whole.get("version")), 20)
        raise BadFile(f"It uses version {said} of the project format; this server reads version {VERSION}.")
    files, collections = _documents(whole.get("files")), list_of(whole.get("collections"))
    project = FiledProject(_settings(dict_of(whole.get("project"))), files, [_collection(dict_of(row)) for row in collections])
    if len(collections) > MOST_COLLECTIONS:
        raise BadFile(f"It has more than {MOST_COLLECTIONS} collections.")
    if len(files) + sum(len(collection["files"]) for collection in project.collections) > MOST_DOCUMENTS:
        raise BadFile(f"It has more than {MOST_DOCUMENTS:,} documents.")
    return project


def pieces(file: IO[bytes], most_bytes: int = MOST_UNPACKED_BYTES) -> Iterator[JsonObject]:
    """Yields the settings, then the chats as the import of chats has them, then each document in parts."""
    try:
        with zips.opened(file) as packed:
            yield from _pieces(_Archive(packed, most_bytes))
    except (BadFile, UnfitJson) as error:
        yield {"trouble": str(error)}
    except zips.TooManyFiles:
        yield {"trouble": "The archive's list of files is too long."}
    except zips.FAULTS:
        yield {"trouble": DAMAGED}


class _Exhausted(BadFile):
    """The archive has more in it than is unpacked."""


@dataclass
class _Archive:
    """An archive of which only so much is unpacked, whatever its headers say."""

    packed: ZipFile
    bytes_left: int

    def whole(self, name: str, most_bytes: int) -> bytes:
        """Returns a file of the archive, at most one byte past the limit, which shows that it is too large."""
        with zips.entry(self.packed, name) as member:
            return self._taken(member.read(min(most_bytes, self.bytes_left) + 1))

    def parts(self, name: str) -> Iterator[bytes]:
        with zips.entry(self.packed, name) as member:
            while part := member.read(PART_BYTES):
                yield self._taken(part)

    def _taken(self, part: bytes) -> bytes:
        self.bytes_left -= len(part)
        if self.bytes_left < 0:
            raise _Exhausted(TOO_LARGE)
        return part


def _pieces(archive: _Archive) -> Iterator[JsonObject]:
    if SETTINGS not in archive.packed.NameToInfo:
        raise BadFile(NO_PROJECT)
    written = archive.whole(SETTINGS, MOST_SETTINGS_BYTES)
    project = parsed(value_of(written, what="Its project.json", otherwise=NO_PROJECT, most_bytes=MOST_SETTINGS_BYTES))
    yield {"project": project.settings}
    yield from _chats(archive)
    for document in project.files:
        yield from _document(archive, document)
    for collection in project.collections:
        yield {"collection": {name: value for name, value in collection.items() if name != "files"}}
        for document in collection["files"]:
            yield from _document(archive, document)


def _chats(archive: _Archive) -> Iterator[JsonObject]:
    renderer, left = Renderer(time.process_time), MOST_CHATS
    for name in filter(CHAT.fullmatch, archive.packed.namelist()):
        try:
            content = decoded_text(archive.whole(name, MOST_BYTES), MOST_BYTES)
            for value in at_most(left, values_of(content)):
                left -= 1
                yield from pieces_of(value, renderer)
        except _Exhausted:
            raise
        except BadFile as error:
            yield {"refused": [name, str(error)]}
        except zips.FAULTS:
            yield {"refused": [name, MISSING]}


def _document(archive: _Archive, document: FiledDocument) -> Iterator[JsonObject]:
    """Yields a document, its bytes, and whether they are whole."""
    yield {"document": document}
    try:
        for part in archive.parts(document["path"]):
            yield {"bytes": b64encode(part).decode()}
    except _Exhausted:
        raise
    except zips.FAULTS:
        yield {"broken": MISSING}
    else:
        yield {"whole": True}


def _settings(value: JsonObject) -> ProjectSettings:
    parameters = {line(name, NAME_CHARS): value for name, value in list(dict_of(value.get("parameters")).items())[:MOST_NAMED]}
    return ProjectSettings(
        name=_printable(value.get("name"), NAME_CHARS),
        icon=line(value.get("icon"), NAME_CHARS),
        colour=line(value.get("colour"), NAME_CHARS),
        about=text(value.get("about"), PROSE_CHARS),
        instructions=text(value.get("instructions"), TEXT_CHARS),
        model=line(value.get("model"), TITLE_CHARS),
        parameters=parameters,
        tools=_names(value.get("tools")),
        characters=_names(value.get("characters")),
        keeps_chats=value.get("keeps_chats") is True,
    )


def _collection(value: JsonObject) -> FiledCollection:
    return FiledCollection(
        name=_printable(value.get("name"), NAME_CHARS),
        about=text(value.get("about"), PROSE_CHARS),
        level=_level(value.get("level")),
        embedding_model=line(value.get("embedding_model"), TITLE_CHARS),
        files=_documents(value.get("files")),
    )


def _documents(values: Any) -> list[FiledDocument]:
    """Returns the documents; one more than the limit, so that the project is refused instead of losing some."""
    documents = [_filed_document(dict_of(value)) for value in list_of(values)[: MOST_DOCUMENTS + 1]]
    return [document for document in documents if document["path"].startswith(FOLDERS)]


def _filed_document(value: JsonObject) -> FiledDocument:
    return FiledDocument(
        path=text(value.get("path"), PATH_CHARS),
        name=_printable(value.get("name"), TITLE_CHARS),
        title=_printable(value.get("title"), TITLE_CHARS),
        level=_level(value.get("level")),
    )


def _level(value: Any) -> int:
    """Returns the level that a file states, which is the highest for a value that is none."""
    level = count(value) if value is not None else 0
    return MOST_LEVEL if level is None else min(level, MOST_LEVEL)


def _names(values: Any) -> list[str]:
    return [name for value in list_of(values)[:MOST_NAMED] if (name := line(value, TITLE_CHARS))]


def _printable(value: Any, limit: int) -> str:
    return "".join(sign for sign in line(value, limit) if sign.isprintable()).strip()
