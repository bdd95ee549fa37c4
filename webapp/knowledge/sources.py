"""The text that a source of an answer quotes, and what a later reader sees of it, whose rights are checked on each view."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from webapp.base.db import db
from webapp.knowledge.permissions import is_available, sees_document
from webapp.knowledge.tables import Collection, Document, Passage
from webapp.people.accounts.tables import User
from webapp.streaming.events import SourceRecord

WITHHELD = "You can't see this source."
DELETED = "The document was deleted."
REPLACED = "The document has since been updated and no longer contains this passage."


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A quoted text under the id of its best passage; `beside_id` is that of an adjacent passage merged into it, if any."""

    id: str
    document_id: str
    edition: int
    number: int
    heading: str
    page: int | None
    head: str
    text: str
    beside_id: str = ""

    @classmethod
    def from_passage(cls, passage: Passage, adjacent: Passage | None = None) -> "Excerpt":
        """Merges two adjacent passages: their overlap, and the head of a table that spans both, appear once."""
        first, *more = sorted((part for part in (passage, adjacent) if part), key=lambda part: part.number)
        text = first.text + "".join(later.text[later.overlap :] for later in more)
        where = passage.edition, passage.number, passage.heading, passage.page
        return cls(passage.id, passage.document_id, *where, first.head, text, adjacent.id if adjacent else "")


def are_adjacent(one: Passage, other: Passage) -> bool:
    """Returns whether the two passages are adjacent or the same."""
    return one.document_id == other.document_id and abs(one.number - other.number) <= 1


@dataclass(frozen=True, slots=True)
class WebPage:
    """A page that an answer was given, with the extract that it got."""

    url: str
    title: str
    text: str

    @classmethod
    def from_record(cls, record: SourceRecord) -> "WebPage | None":
        url = record.get("url", "")
        if not url.startswith(("https://", "http://")):
            return None
        return cls(url, record.get("title") or url, record.get("text", ""))


@dataclass(frozen=True, slots=True)
class SeenSource:
    """A source as one person sees it; without a passage and a web page, `words` is the reason."""

    number: int
    words: str = ""
    document: Document | None = None
    passage: Excerpt | None = None
    web_page: WebPage | None = None

    @property
    def title(self) -> str:
        """The title of its document or page; empty if the person can't see it."""
        return self.document.title if self.document else self.web_page.title if self.web_page else ""


def permitted(user: User | None, sources: Iterable[SourceRecord]) -> dict[str, tuple[Excerpt, Document]]:
    """Returns the sources this person may see by passage id, including passages of a replaced edition."""
    records = list(sources)
    ids = {id for source in records for id in (source["passage_id"], source.get("beside_id")) if id}
    if not user or not ids:
        return {}
    query = select(Passage, Document).join(Document, Document.id == Passage.document_id).join(Collection)
    rows = db.session.execute(query.where(Passage.id.in_(ids), sees_document(user), is_available()))
    passages = {passage.id: (passage, document) for passage, document in rows}
    there = (
        (passages.get(source.get("beside_id", "")), *passages[source["passage_id"]])
        for source in records
        if source["passage_id"] in passages
    )
    return {
        passage.id: (Excerpt.from_passage(passage, adjacent[0] if adjacent else None), document)
        for adjacent, passage, document in there
    }


def seen(user: User | None, sources: Sequence[SourceRecord]) -> list[SeenSource]:
    """Returns each source as this person sees it."""
    passages = permitted(user, sources)
    missing = {source["document_id"] for source in sources if source["document_id"] and source["passage_id"] not in passages}
    documents = dict[str, tuple[Document, bool]]()
    if user and missing:
        query = select(Document, is_available()).join(Collection).where(Document.id.in_(missing), sees_document(user))
        documents = {document.id: (document, bool(is_whole)) for document, is_whole in db.session.execute(query)}
    gone = missing - set(db.session.scalars(select(Document.id).where(Document.id.in_(missing)))) if missing else set()
    return [_seen(source, passages, documents, gone) for source in sources]


def _seen(
    source: SourceRecord,
    passages: Mapping[str, tuple[Excerpt, Document]],
    documents: Mapping[str, tuple[Document, bool]],
    gone: set[str],
) -> SeenSource:
    number, id = source["number"], source["document_id"]
    if web_page := WebPage.from_record(source):
        return SeenSource(number, web_page=web_page)
    if pair := passages.get(source["passage_id"]):
        return SeenSource(number, document=pair[1], passage=pair[0])
    if id not in documents:
        return SeenSource(number, DELETED if id in gone else WITHHELD)
    document, is_whole = documents[id]
    return SeenSource(number, REPLACED, document) if is_whole else SeenSource(number, DELETED)


def quoting_unseen(reader: User | None, sources: Mapping[str, Sequence[SourceRecord]]) -> set[str]:
    """Returns the ids of those calls whose results quote what the reader can't see; `sources` are theirs by the call's id.

    Without a query if there are no sources.
    """
    pairs = [(id, source) for id, of_call in sources.items() for source in of_call]
    all_seen = seen(reader, [source for _, source in pairs]) if pairs else []
    return {id for (id, _), source in zip(pairs, all_seen, strict=True) if not (source.passage or source.web_page)}
