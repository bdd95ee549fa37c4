"""Imports a project from its archive: a new project of the importing person, with new chats, files and collections."""

from base64 import b64decode
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import IO, Any, TypeVar

from webapp.base.db import db
from webapp.base.errors import AppError, Forbidden, Invalid
from webapp.base.heavy import child
from webapp.base.heavy.turns import give_way
from webapp.characters import queries as character_queries
from webapp.chat.imports import pieces, project as project_file
from webapp.chat.imports.filed import BadFile
from webapp.chat.record.tables import Project
from webapp.knowledge import service as knowledge_service
from webapp.knowledge.documents import project_files, service as document_service
from webapp.knowledge.documents.service import UploadedDocument
from webapp.knowledge.service import CollectionInput
from webapp.knowledge.tables import Collection
from webapp.models.connections.models import the_models
from webapp.people.accounts.permissions import refuse_without
from webapp.people.accounts.tables import User
from webapp.tools.named import named_tools
from webapp.workspace.exchange.service import MOST_NAMED, TOO_MUCH, ChatImportResult, Storing, alone, patient
from webapp.workspace.projects import service
from webapp.workspace.projects.service import ProjectInput

# Rendering the chats uses most of the processor's time; the rest is storing documents, for which the child waits.
LIMITS = child.WorkLimits(cpu_seconds=240, wall_seconds=1_800)
NO_DOCUMENTS = "You don't have the permission to add documents."
NO_CHARACTER = "You have no character of this name."
NO_TOOL = "There is no such tool that you can use."
UNNAMED, UNNAMED_COLLECTION = "Imported project", "Imported collection"
# How reports name what a server can refuse.
WORDS = {"embedding_model": "Embedding model", "keeps_chats": "Keeping its chats"}
T = TypeVar("T")


@dataclass
class ProjectImportResult:
    """The result of an import: the new project, what is in it, and what was left out, each with the reason."""

    id: str = ""
    name: str = ""
    chats: ChatImportResult = field(default_factory=ChatImportResult)
    documents: int = 0
    collections: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)
    left_out_count: int = 0
    trouble: str = ""

    def leave_out(self, what: str, reason: str) -> None:
        self.left_out_count += 1
        if len(self.left_out) < MOST_NAMED:
            self.left_out.append((what, reason))


def import_project(user: User, file: IO[bytes], *, may_add_documents: bool = True) -> ProjectImportResult:
    """Imports an archive as a new project of this person alone; what can't be taken over is reported, and the rest is there.

    The file must be on disk, because a child process reads it.
    """
    result, user_id = ProjectImportResult(), user.id
    with (
        alone(user_id),
        patient(user_id),
        closing(child.pieces(project_file.__name__, file, LIMITS)) as piece_iterator,
        TemporaryFile() as document,
    ):
        receiving = _Receiving(user_id, result, document, may_add_documents=may_add_documents)
        try:
            for piece in piece_iterator:
                receiving.take(piece)
                # Releases the connection: the next piece can take long.
                db.session.rollback()
                give_way()
        except BadFile as error:
            result.trouble = str(error)
        except child.Exceeded:
            result.trouble = TOO_MUCH
        receiving.end()
        if not result.id:
            raise Invalid(f"The file wasn't imported. {result.trouble}", field="file")
    return result


class _Receiving:
    """Makes a project of the pieces of an archive: its settings come first, and the parts of a document after its name.

    The parts are put together in `parts`, a file of its own.
    """

    def __init__(self, user_id: str, result: ProjectImportResult, parts: IO[bytes], *, may_add_documents: bool) -> None:
        self._user_id, self._result, self._may_add_documents = user_id, result, may_add_documents
        self._chats: Storing | None = None
        self._document, self._parts = dict[str, Any](), parts
        # The collection that documents come into; that of the project's files is made before the first one.
        self._collection_id, self._collection_refusal = "", ""
        self._attached: list[str] = []

    def take(self, piece: dict[str, Any]) -> None:
        """Stores one piece; raises `BadFile` for the one that reports why reading stopped."""
        match piece:
            case {"trouble": str(reason)}:
                raise BadFile(reason)
            case {"project": dict(settings)}:
                self._create(settings)
            case {"collection": dict(about)}:
                self._collect(about)
            case {"document": dict(document)}:
                # The chats, which came before, are whole.
                self._end_chat()
                self._document = document
                self._parts.seek(0)
                self._parts.truncate()
            case {"bytes": str(encoded)}:
                # What has more bytes than a document can have is refused at its end, without storing all of them.
                if self._parts.tell() <= document_service.most_bytes():
                    self._parts.write(b64decode(encoded))
            case {"broken": str(reason)}:
                self._result.leave_out(self._document["name"], reason)
            case {"whole": True}:
                self._add()
            case _ if self._chats:
                self._chats.take(pieces.read(piece))

    def end(self) -> None:
        """Finishes the last chat and shows what is new."""
        self._end_chat()
        if self._chats:
            self._chats.notify()

    def _end_chat(self) -> None:
        if self._chats:
            self._chats.end()

    @property
    def _user(self) -> User:
        return db.session.get_one(User, self._user_id)

    def _create(self, settings: dict[str, Any]) -> None:
        user, names, tools = self._user, settings.pop("characters"), settings["tools"]
        there, usable = character_queries.by_name(user.id, names), named_tools(user, tools)
        for name in (name for name in names if name not in there):
            self._result.leave_out(name, NO_CHARACTER)
        for key in usable.others:
            self._result.leave_out(key, NO_TOOL)
        ids = [there[name] for name in names if name in there][: service.MOST_CHARACTERS]
        values = {**settings, "name": settings["name"] or UNNAMED, "character_ids": ids, "tools": usable.keys}
        project = self._accepted(lambda some: service.create(ProjectInput.entered(some), by=user), values)
        self._result.id, self._result.name = project.id, project.name
        model = the_models().default(user.default_model, user.id)
        self._chats = Storing(user.id, model, self._result.chats, project_id=project.id)

    def _collect(self, about: dict[str, Any]) -> None:
        name, user = about["name"] or UNNAMED_COLLECTION, self._user
        self._collection_id = self._collection_refusal = ""
        try:
            self._refuse_documents(user)
            values = {**about, "name": name}
            collection = self._accepted(lambda some: knowledge_service.create(CollectionInput.entered(some), by=user), values)
            self._collection_id = collection.id
            self._attach(collection.id, user)
        except AppError as refusal:
            self._collection_refusal = refusal.message
            self._result.leave_out(name, refusal.message)
        else:
            self._result.collections += 1

    def _attach(self, collection_id: str, user: User) -> None:
        project = db.session.get_one(Project, self._result.id)
        self._attached.append(collection_id)
        values = {name: getattr(project, name) for name in ProjectInput.model_fields} | {"collection_ids": self._attached}
        service.change(project, ProjectInput.entered(values), by=user)

    def _add(self) -> None:
        """Adds the document that has arrived to its collection."""
        name, user = self._document["name"], self._user
        about = {part: self._document[part] for part in ("name", "title", "level")}
        try:
            self._refuse_documents(user)
            document_service.add(self._place(), UploadedDocument(self._parts, **about), by=user, is_counted=False)
        except AppError as refusal:
            self._result.leave_out(name, refusal.message)
        else:
            self._result.documents += 1

    def _place(self) -> Collection:
        if self._collection_refusal:
            raise Forbidden(self._collection_refusal)
        if self._collection_id:
            return db.session.get_one(Collection, self._collection_id)
        return project_files.collection_for(self._result.id, self._user_id, self._result.name)

    def _refuse_documents(self, user: User) -> None:
        if not self._may_add_documents:
            raise Forbidden(NO_DOCUMENTS)
        refuse_without(user, "knowledge")

    def _accepted(self, make: Callable[[dict[str, Any]], T], values: dict[str, Any]) -> T:
        """Returns what is made of the values, without those that this server refuses; raises if the rest is refused, too."""
        while True:
            try:
                return make(values)
            except (Invalid, Forbidden) as refusal:
                refused = refusal.field.partition(".")[0]
                if refused == "name" or refused not in values:
                    raise
                self._result.leave_out(WORDS.get(refused, refused.capitalize()), refusal.message)
                values = {name: value for name, value in values.items() if name != refused}
