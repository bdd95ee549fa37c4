"""Stores the chats of an imported file in small batches, with all branches; importing a file again adds no duplicates."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import ceil
from typing import IO, TypeVar

from sqlalchemy import insert, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.base import changes, topic_names
from webapp.base.current import BUCKETS
from webapp.base.db import db, utc_now, write
from webapp.base.errors import Conflict, Invalid, TooMany
from webapp.base.heavy import child
from webapp.base.heavy.turns import give_way
from webapp.base.ids import new_id
from webapp.base.throttle import Throttle
from webapp.base.untrusted_json import JsonObject
from webapp.chat.attachments import service as attachment_service
from webapp.chat.files import long_files
from webapp.chat.imports import MOST_FILES, pieces
from webapp.chat.imports.filed import OF_ROW, BadFile, FiledChat, FiledMessage, origin
from webapp.chat.prompt import path_folds
from webapp.chat.record import announcements, projects, tags
from webapp.chat.record.tables import MOMENT, Chat, Message
from webapp.engine.engine import the_engine
from webapp.engine.tables import NOT_HERE, Generation
from webapp.models.connections.models import the_models
from webapp.people.accounts import creation_limit
from webapp.people.accounts.tables import User
from webapp.tools.outside import IMPORTED
from webapp.tools.tables import Call
from webapp.workspace.exchange import cast_names
from webapp.workspace.exchange.calls import rows_of
from webapp.workspace.exchange.export import OWN
from webapp.workspace.exchange.foreign_files import ForeignFiles

MOST_MESSAGES = 100_000
MOST_NAMED, NAME_CHARS = 20, 80
TRIES = 5
# Rendering uses most of it.
LIMITS = child.WorkLimits(cpu_seconds=120)
TOO_MUCH = "It needs too much memory or time to import."
# Rate limit for refused files; an accepted file gives its token back.
_refused = Throttle(burst=5, seconds=12.0, now=time.monotonic, name="imports")
_importing: set[str] = set()
T = TypeVar("T")


@dataclass
class ChatImportResult:
    """The result of an import: new chats and messages, chats that existed already, and refused ones with the reason."""

    chats: int = 0
    messages: int = 0
    known: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    refused_count: int = 0
    trouble: str = ""
    # Set if the import was about exactly one chat.
    chat_id: str = ""
    # Names of lorebooks and of projects in new chats that the person doesn't have.
    lacking: list[str] = field(default_factory=list)
    lacking_projects: list[str] = field(default_factory=list)
    # Files of messages that came along, and those that didn't, with the reason.
    pictures: int = 0
    documents: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)
    left_out_count: int = 0

    def leave_out(self, name: str, reason: str) -> None:
        self.left_out_count += 1
        if len(self.left_out) < MOST_NAMED:
            self.left_out.append((name, reason))

    def refuse(self, title: str, reason: str) -> None:
        self.refused_count += 1
        if len(self.refused) < MOST_NAMED:
            self.refused.append((title or "Untitled chat", reason))

    def lacks(self, lorebooks: Sequence[str], project_names: Sequence[str]) -> None:
        self.lacking = list(dict.fromkeys((*self.lacking, *lorebooks)))[:MOST_NAMED]
        self.lacking_projects = list(dict.fromkeys((*self.lacking_projects, *project_names)))[:MOST_NAMED]

    def add(self, other: "ChatImportResult", name: str) -> None:
        """Adds the result of another file."""
        self.chat_id = "" if self.known or self.chats else other.chat_id
        self.chats += other.chats
        self.messages += other.messages
        self.known += other.known
        self.refused = [*self.refused, *other.refused][:MOST_NAMED]
        self.refused_count += other.refused_count
        self.pictures += other.pictures
        self.documents += other.documents
        self.left_out = [*self.left_out, *other.left_out][:MOST_NAMED]
        self.left_out_count += other.left_out_count
        self.lacks(other.lacking, other.lacking_projects)
        if other.trouble:
            self.refuse(name, other.trouble)


def import_files(user: User, files: Sequence[tuple[str, IO[bytes]]]) -> ChatImportResult:
    """Imports several files; an unreadable one does not stop the others."""
    if len(files) == 1:
        return import_file(user, files[0][1])
    if len(files) > MOST_FILES:
        raise Invalid(f"Choose at most {MOST_FILES} files at once.", field="file")
    result, refusals = ChatImportResult(), list[Invalid]()
    for name, file in files:
        try:
            result.add(import_file(user, file), name[:NAME_CHARS])
        except Invalid as refusal:
            refusals.append(refusal)
            result.refuse(name[:NAME_CHARS], refusal.message)
        except (Conflict, TooMany) as refusal:
            result.refuse(name[:NAME_CHARS], refusal.message)
    if len(refusals) == len(files):
        raise refusals[0]
    return result


def import_file(user: User, file: IO[bytes], *, most_messages: int = MOST_MESSAGES) -> ChatImportResult:
    """Imports a file into a person's chats; existing chats and messages stay unchanged.

    The file must be on disk, because a child process reads it.
    """
    result, user_id = ChatImportResult(), user.id
    creation_limit.count(user_id)
    storing = Storing(user_id, the_models().default(user.default_model, user.id), result, most_messages)
    with alone(user_id), patient(user_id), closing(child.pieces(pieces.__name__, file, LIMITS)) as piece_iterator:
        try:
            for piece in piece_iterator:
                storing.take(pieces.read(piece))
                give_way()
        except BadFile as error:
            result.trouble = str(error)
        except child.Exceeded:
            result.trouble = TOO_MUCH
        storing.end()
        if not (result.chats or result.messages or result.known):
            reason = result.trouble or (result.refused[0][1] if result.refused else "It contains no chats.")
            raise Invalid(f"The file wasn't imported. {reason}", field="file")
    storing.notify()
    return result


@contextmanager
def alone(user_id: str) -> Iterator[None]:
    """Allows one import at a time for each person, so that no chat is stored twice."""
    if user_id in _importing:
        raise Conflict("Another import of yours is still running. Wait until it finishes.", field="file")
    _importing.add(user_id)
    try:
        yield
    finally:
        _importing.discard(user_id)


@contextmanager
def patient(user_id: str) -> Iterator[None]:
    """Rate-limits people whose files keep being refused."""
    if wait_seconds := _refused.take(user_id, BUCKETS.get()):
        raise TooMany("Several of your files were refused. Please wait before trying another.", retry_after=ceil(wait_seconds))
    was_refused = False
    try:
        yield
    except Invalid:
        was_refused = True
        raise
    finally:
        if not was_refused:
            _refused.give_back(user_id, BUCKETS.get())


def _again(what: Callable[[], T]) -> T:
    """Retries the call while another worker inserts the same rows."""
    for _ in range(TRIES):
        try:
            return what()
        except IntegrityError:
            # Another worker is importing the same file: the retry finds the rows it has added.
            the_engine().pause(0.1)
    raise Conflict("The same chats are being imported from another page right now.", field="file")


class Storing:
    """Writes the pieces of a file to the database, one chat after the other.

    With `project_id`, each is a new chat in that project, whatever was imported before; otherwise it gets into the person's
    project of the name in the file. `record` is told in the transaction that ends a chat how many of the file have been read.
    """

    def __init__(
        self,
        user_id: str,
        model: str,
        result: ChatImportResult,
        most_messages: int = MOST_MESSAGES,
        *,
        project_id: str = "",
        record: Callable[[Session, int], object] | None = None,
    ) -> None:
        self._user_id, self._model, self._result, self._most = user_id, model, result, most_messages
        self._project_id, self._project_ids, self._record = project_id, set[str](), record
        self._filling: _ChatFilling | None = None
        self._found = 0
        self._files = ForeignFiles(user_id, result)

    def take(self, piece: pieces.Piece) -> None:
        """Stores one piece; raises `BadFile` when there are too many messages."""
        match piece:
            case pieces.Reached(count):
                self.end(count)
            case pieces.RefusedChat(title, reason):
                self._result.refuse(title, reason)
            case pieces.Head(chat, count):
                self.end()
                self._begin(chat, count)
            case list() if self._filling:
                self._filling.add(*self._files.put_into(piece))
            case pieces.FileBegun() if self._filling:
                self._files.begin(piece, is_wanted=self._filling.lacks(piece.message))
            case _:
                self._files.take(piece)

    def end(self, count: int = 0) -> None:
        """Finishes the current chat: it has all its messages, or the file has ended, or the next of the file comes."""
        filling, self._filling = self._filling, None
        if filling:
            self._found += 1
            self._result.chat_id = filling.chat_id if self._found == 1 and filling.added else ""
            # One without messages is what an import has left that was interrupted.
            self._result.chats += filling.is_new or (filling.added > 0 and not filling.had_some)
            self._result.known += not filling.is_new and not filling.added
            self._result.messages += filling.added
        record = self._record if count else None
        if filling:
            filling.end(lambda session: record and record(session, count))
        elif record:
            with write() as session:
                record(session, count)

    def notify(self) -> None:
        """Shows what is new in the person's lists, and on the open pages of projects."""
        if self._result.messages:
            changes.notify_person(self._user_id, "chat", self._user_id)
        for id in self._project_ids:
            changes.notify(topic_names.of_project(id), "chats", id)
        if self._result.documents:
            long_files.wake()

    def _begin(self, chat: FiledChat, count: int) -> None:
        if self._result.messages + count > self._most:
            raise BadFile(f"One file can contain {self._most:,} messages. Import the rest from another file.")
        if self._project_id:
            chat = replace(chat, id=origin("project", f"{self._project_id}:{chat.id}"))
        project_id = self._project_id or projects.own_named(self._user_id, chat.project)
        there = cast_names.character_ids(self._user_id, chat)
        worlds, lacking = cast_names.lorebook_ids(self._user_id, chat)
        chat_id, is_new = _again(lambda: _store(self._user_id, chat, self._model, there, worlds, project_id=project_id))
        if is_new:
            self._result.lacks(lacking, [chat.project] if chat.project and not project_id else ())
            self._project_ids |= {project_id} if project_id else set()
        speakers = there if cast_names.is_group(there) else {}
        self._filling = _ChatFilling(chat_id, self._user_id, chat, speakers, is_new=is_new)


def _store(
    user_id: str, filed: FiledChat, model: str, there: Mapping[str, str], worlds: list[str], *, project_id: str | None
) -> tuple[str, bool]:
    """Returns the id of the chat with this origin, and whether it was created just now."""
    mine = Chat.id == filed.id.removeprefix(OWN) if filed.id.startswith(OWN) else None
    values = _values(filed) | cast_names.values(user_id, filed, there) | {"preset_id": cast_names.preset_id(user_id, filed)}
    is_it = Chat.origin == filed.id if mine is None else or_(Chat.origin == filed.id, mine)
    with write() as session:
        chat_id = session.scalar(select(Chat.id).where(Chat.owner_id == user_id, is_it).limit(1))
        if chat_id:
            return chat_id, False
        values |= {"project_id": project_id, "origin": filed.id, "model": filed.model or model, "lorebook_ids": worlds}
        chat = Chat(owner_id=user_id, **values)
        session.add(chat)
        session.flush()
        if filed.tags:
            tags.add_from_file(session, user_id, chat.id, filed.tags)
        return chat.id, True


def _values(filed: FiledChat) -> JsonObject:
    created_at = filed.created_at or utc_now()
    return {
        "title": filed.title,
        "title_is_own": filed.title_is_own,
        "created_at": created_at,
        "changed_at": filed.changed_at or created_at,
        "touched_at": utc_now(),
        "pinned_at": filed.pinned_at,
        "archived_at": filed.archived_at,
        "foreign_fields": filed.foreign_fields,
        **filed.settings,
    }


class _ChatFilling:
    """Adds missing messages to one chat."""

    def __init__(self, chat_id: str, user_id: str, filed: FiledChat, speakers: Mapping[str, str], *, is_new: bool) -> None:
        self.is_new, self.added = is_new, 0
        self.chat_id, self._user_id, self._head, self._last, self._speakers = chat_id, user_id, filed.head, "", speakers
        # For messages without a time: that of the import would place them after their replies.
        self._created_at = filed.created_at or utc_now()
        self._ids: dict[str, str] = {}
        # When the file and when the database says that a message was written.
        self._times: dict[str, tuple[datetime, datetime]] = {}
        self._load_ids()
        self.had_some = bool(self._ids)

    def lacks(self, message: str) -> bool:
        return message not in self._ids

    def add(self, batch: Sequence[pieces.Rendered], references: Sequence[str] = ()) -> None:
        """Adds those messages that are missing; parents come before their children. The chat gets the files of `references`."""
        self._last = batch[-1].message.id
        self.added += _again(lambda: self._add(batch, references))

    def end(self, record: Callable[[Session], object] = lambda session: None) -> None:
        """Selects the file's branch unless the person has continued the chat on another, and records in the same transaction."""
        head = self._ids.get(self._head) or self._ids.get(self._last)
        with write() as session:
            record(session)
            if not head:
                return
            chat = session.get_one(Chat, self.chat_id)
            if chat.head_id is None or (self.added and session.get_one(Message, chat.head_id).origin):
                chat.head_id = head
        if self.added and self.had_some:
            announcements.announce(db.session.get_one(Chat, self.chat_id), "thread", head)

    def _load_ids(self) -> None:
        columns = select(Message.id, Message.origin, Message.created_at).where(Message.chat_id == self.chat_id)
        rows = list(db.session.execute(columns))
        self._ids = {origin or OWN + id: id for id, origin, _ in rows}
        self._times |= {origin: (created_at, created_at) for _, origin, created_at in rows if origin not in self._times}
        db.session.rollback()

    def _created_at_of(self, message: FiledMessage) -> datetime:
        """Returns the file's time, or a moment after the message before if the file says the same of both, or nothing."""
        parent_time, stored = self._times.get(message.parent) or (self._created_at, self._created_at - MOMENT)
        time = message.created_at or parent_time
        created_at = max(time, stored + MOMENT) if time >= parent_time else time
        self._times[message.id] = time, created_at
        return created_at

    def _add(self, batch: Sequence[pieces.Rendered], references: Sequence[str]) -> int:
        if not (missing := [rendered for rendered in batch if rendered.message.id not in self._ids]):
            return 0
        ids = {rendered.message.id: new_id() for rendered in missing}
        all_ids, generations, calls = self._ids | ids, list[Generation](), list[Call]()
        for rendered in missing:
            id = ids[rendered.message.id]
            its_generations = _generations(rendered.message, id, topic_names.of_chat(self.chat_id))
            calls += rows_of(rendered.message, id, its_generations)
            generations += its_generations
        try:
            with write() as session:
                session.execute(insert(Message), [self._row(rendered, all_ids) for rendered in missing])
                session.add_all([*generations, *calls])
                told = [rendered.message for rendered in missing if rendered.message.story]
                path_folds.bring(session, self.chat_id, {ids[message.id]: message.story for message in told})
                attachment_service.attach(session, self.chat_id, references, self._user_id, must=False)
        except IntegrityError:
            self._load_ids()
            raise
        self._ids = all_ids
        return len(missing)

    def _row(self, rendered: pieces.Rendered, ids: dict[str, str]) -> JsonObject:
        message = rendered.message
        return {
            "id": ids[message.id],
            "chat_id": self.chat_id,
            "parent_id": ids.get(message.parent) if message.parent else None,
            "role": message.role,
            "content": message.content,
            "reasoning": message.reasoning,
            "html": rendered.html,
            "html_version": rendered.version,
            "created_at": self._created_at_of(message),
            "origin": message.id,
            "author_id": self._user_id if (message.role == "user" or message.is_edited) and not message.author else None,
            "author_name": message.author,
            "speaker_id": self._speakers.get(message.speaker) if message.role == "assistant" else None,
            "speaker_name": message.speaker,
            "is_edited": message.is_edited,
            "is_hidden": message.is_hidden,
            "variables": message.variables,
            "foreign_fields": message.foreign_fields,
            "call_count": len(message.calls),
            # The file can be by anyone, whatever it says of its authors.
            "outside": IMPORTED,
        }


def _generations(message: FiledMessage, message_id: str, lane: str) -> list[Generation]:
    generations: list[Generation] = []
    for filed in message.generations:
        values = {name: getattr(filed, name) for name in OF_ROW}
        values["created_at"] = filed.created_at or message.created_at or utc_now()
        values["continues_id"] = generations[filed.continues].id if filed.continues is not None else None
        generations.append(Generation(id=new_id(), kind=NOT_HERE, owner="", message_id=message_id, lane=lane, **values))
    return generations
