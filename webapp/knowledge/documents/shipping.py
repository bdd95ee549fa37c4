"""The shipped example: collections of a small firm, installed already indexed, and questions to measure the search with."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select

from webapp.base import yaml_text
from webapp.base.db import db, utc_now, write
from webapp.base.heavy.turns import by_turns
from webapp.base.ids import new_id
from webapp.knowledge import kind, service
from webapp.knowledge.documents import importing, reader
from webapp.knowledge.documents.readers import text
from webapp.knowledge.tables import Collection, Document, DocumentPart, TrialQuestion
from webapp.people.accounts import queries as account_queries
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.people.members import groups

FOLDER = Path(__file__).parent / "shipped"


@dataclass(frozen=True, slots=True)
class ShippedCollection:
    """A shipped collection in the folder of this name; without a group it is shared with everyone."""

    folder: str
    name: str
    about: str
    level: int = 0
    group: str = ""

    @property
    def pages(self) -> Mapping[str, str]:
        """The text of each page by its path, such as `handbook/safety.md`."""
        return {f"{self.folder}/{file.name}": file.read_text("utf-8") for file in sorted((FOLDER / self.folder).glob("*.md"))}


class ShippedQuestion(NamedTuple):
    """A question and the pages that answer it; without pages, the search is expected to find nothing."""

    text: str
    pages: Sequence[str]


COLLECTIONS = (
    ShippedCollection("handbook", "Handbook", "How the people of Larkfield work together. An example."),
    ShippedCollection("finance", "Finance", "Budget, payments and salaries of Larkfield. An example.", level=2, group="finance"),
    ShippedCollection("trading-basics", "Trading basics", "Words of the evening class on trading. An example, not advice."),
)


def questions() -> list[ShippedQuestion]:
    """Returns the questions in the order of the file."""
    value = yaml_text.read((FOLDER / "questions.yaml").read_text("utf-8"), "questions").value
    return [ShippedQuestion(question["question"], question["pages"]) for question in value]


def ship(owner: User) -> int:
    """Creates the collections that this person lacks and returns how many; existing ones, even in the trash, stay unchanged."""
    had = set(db.session.scalars(select(Collection.name).where(Collection.owner_id == owner.id)))
    missing = [collection for collection in COLLECTIONS if collection.name not in had]
    documents: dict[str, str] = {}
    for shipped in missing:
        documents |= _put(shipped, owner)
    _keep_questions(documents, owner)
    return len(missing)


def _put(shipped: ShippedCollection, owner: User) -> dict[str, str]:
    """Creates a collection with its documents; returns the documents' ids by path."""
    entered = service.CollectionInput(name=shipped.name, about=shipped.about, level=shipped.level)
    collection = service.create(entered, by=owner)
    author = PersonAuthor(owner)
    if shipped.group:
        group = account_queries.group_by_name(shipped.group) or groups.create(shipped.group, author=author)
        kind.COLLECTIONS.share(collection, "group", group.id, author=author)
    else:
        kind.COLLECTIONS.share(collection, "everyone", "", author=author)
    return {path: _add(collection.id, path, page, owner.id) for path, page in by_turns(shipped.pages.items())}


def _add(collection_id: str, path: str, page: str, owner_id: str) -> str:
    """Adds a page without a child process: shipped pages are trusted, so they can be read in this one."""
    raw, name, claim, id = page.encode(), path.rpartition("/")[2], new_id(), new_id()
    about = importing.about_file(name)
    values = {"name": name, "title": name, "hash": hashlib.sha256(raw).hexdigest(), "bytes": len(raw), "characters": len(page)}
    claimed = {"state": "reading", "claim": claim, "claimed_until": utc_now() + timedelta(minutes=1)}
    with write() as session:
        session.add(Document(id=id, collection_id=collection_id, added_by=owner_id, **values, **claimed))
        session.flush()
        session.add(DocumentPart(document_id=id, number=0, content=raw))
    # A server that is running at the same time can have started to read it.
    with suppress(importing.ClaimLost):
        importing.store(id, claim, 1, reader.pieces_of(text.parts(raw, name), about))
    return id


def _keep_questions(documents: Mapping[str, str], owner: User) -> None:
    """Stores the questions about pages that were just added; if none were added, stores nothing."""
    owner_id = owner.id
    stored_questions = set(db.session.scalars(select(TrialQuestion.text).where(TrialQuestion.owner_id == owner_id)))
    about = [
        (question.text, next((documents[page] for page in question.pages if page in documents), None)) for question in questions()
    ]
    unanswerable = {question.text for question in questions() if not question.pages}
    new_questions = [
        (question, id)
        for question, id in about
        if question not in stored_questions and documents and (id or question in unanswerable)
    ]
    with write() as session:
        session.add_all(TrialQuestion(owner_id=owner_id, text=question, document_id=id) for question, id in new_questions)
