"""/api/v1/documents and search: the documents of collections, and a search for passages in them."""

from datetime import datetime
from typing import Literal

from flask import Blueprint, Response, request
from pydantic import BaseModel, Field

from webapp.api.access import caller, check
from webapp.api.operations import operation, taken_body
from webapp.api.schemas import Answer, Body, Paged, Query
from webapp.base.db import MOST_NUMBER
from webapp.base.errors import Invalid
from webapp.base.inputs import LATER, AnyId
from webapp.engine.engine import the_engine
from webapp.knowledge import queries
from webapp.knowledge.documents import service as document_service, web_pages
from webapp.knowledge.documents.service import Added, NewDocumentInput, Title, UploadedDocument
from webapp.knowledge.search import ranking
from webapp.knowledge.service import Level
from webapp.knowledge.tables import Collection, Document, Passage
from webapp.knowledge.trying import service as question_service
from webapp.people.accounts import queries as account_queries
from webapp.people.accounts.guards import audit_author, found
from webapp.people.accounts.tables import User
from webapp.web.downloads import written
from webapp.web.pagination import cut
from webapp.web.uploads import expect_files

bp = Blueprint("api_documents", __name__, url_prefix="/api/v1")
# Longer texts must be uploaded as a file: a JSON body is held in memory.
MOST_JSON_BYTES = 16 * 1024 * 1024
MOST_FILES = 20
State = Literal["waiting", "reading", "splitting", "embedding", "ready", "failed"]


class ReadingProgress(BaseModel):
    model_config = LATER

    done: int
    of: int


class DocumentAnswer(Answer):
    id: str
    collection_id: str
    title: str
    name: str = Field(description="The name of its file.")
    url: str = Field(description="Where it was fetched; empty for what was sent.")
    level: Level
    state: State
    progress: ReadingProgress
    error: str | None = Field(description="Why it couldn't be read, as a sentence.")
    bytes: int
    passages: int
    created_at: datetime


class DocumentList(Answer):
    documents: list[DocumentAnswer]
    next_cursor: str


class AddedList(Answer):
    documents: list[DocumentAnswer]
    already_there: list[str] = Field(
        description="The ids of those that were in the collection with the same bytes; nothing is stored or read again."
    )
    next_cursor: str = ""


class NewDocumentText(NewDocumentInput):
    """A text, or the URL of one web page."""


class DocumentChange(Body):
    """Updates only the fields that are sent."""

    title: Title | None = None
    level: Level | None = None


class PassageAnswer(Answer):
    id: str
    number: int
    heading: str
    page: int | None
    text: str


class PassagesQuery(Query):
    limit: int = Field(100, ge=1, le=500)
    start: int = Field(0, ge=0, le=MOST_NUMBER, description="The number of the first passage.")


class PassageList(Answer):
    passages: list[PassageAnswer]


class FoundPassage(Answer):
    id: str
    document_id: str
    collection_id: str
    title: str
    heading: str
    page: int | None
    text: str
    rank: int
    keyword_rank: int | None = Field(description="Its place by words; null if it has none of the question's.")
    vector_rank: int | None = Field(description="Its place by meaning; null if it is not near, or has no vectors.")


class FoundList(Answer):
    passages: list[FoundPassage]


class PassageQuery(Query):
    q: str = Field(max_length=2_000)
    collection: AnyId = Field("", description="The id of the only collection to search; empty for all you can see.")
    limit: int = Field(10, ge=1, le=50)
    as_: AnyId = Field(
        "", alias="as", description="With the scope `admin`: the id of a user, to find what they would. It is audited."
    )


@bp.get("/collections/<id>/documents")
@operation("List the documents of a collection", scope="read", query=Paged, answer=DocumentList)
def index(id: str, query: Paged) -> DocumentList:
    return list_of(_collection(id), query)


@bp.post("/collections/<id>/documents")
@operation(
    "Add documents: files, one text, or the address of a page",
    scope="knowledge",
    body=NewDocumentText,
    upload_field="file",
    answer=AddedList,
    status=202,
    errors=(409,),
)
def add(id: str) -> AddedList:
    collection = _collection(id)
    body = _sent_text()
    if body and body.url and body.text:
        raise Invalid("Send a text or a URL, not both.", field="url")
    if body and body.url:
        return added_answer([web_pages.add(collection, body.url, title=body.title, level=body.level, by=caller())])
    sent = [document_service.pasted(body.text, title=body.title, level=body.level)] if body else sent_files()
    return added_answer(document_service.add_all(collection, sent, by=caller()))


@bp.get("/documents/<id>")
@operation("Show a document and how far its reading is", scope="read", answer=DocumentAnswer)
def show(id: str) -> DocumentAnswer:
    return _answer_of(_visible(id))


@bp.patch("/documents/<id>")
@operation("Update a document", scope="knowledge", body=DocumentChange, answer=DocumentAnswer, errors=(409,))
def change(id: str, body: DocumentChange) -> DocumentAnswer:
    document_service.change(_visible(id), title=body.title, level=body.level, by=caller())
    return _answer_of(_visible(id))


@bp.delete("/documents/<id>")
@operation("Delete a document; it can be restored", scope="knowledge", status=204, errors=(409,))
def delete(id: str) -> None:
    document_service.delete(_visible(id), by=caller())


@bp.post("/documents/<id>/restore")
@operation("Restore a deleted document", scope="knowledge", answer=DocumentAnswer, errors=(409,))
def restore(id: str) -> DocumentAnswer:
    document_service.restore(found(queries.document(caller(), id, is_deleted=True)), by=caller())
    return _answer_of(_visible(id))


@bp.post("/documents/<id>/again")
@operation(
    "Read a document again; one from an address is fetched first",
    scope="knowledge",
    answer=DocumentAnswer,
    status=202,
    errors=(409, 413, 422, 429),
)
def again(id: str) -> DocumentAnswer:
    web_pages.again(_visible(id), by=caller())
    return _answer_of(_visible(id))


@bp.get("/documents/<id>/text")
@operation("Get the text of a document as Markdown", scope="read", media="text/markdown")
def text(id: str) -> Response:
    return written(document_service.text_of(the_engine(), _visible(id).id, caller().id), "text/markdown; charset=utf-8")


@bp.get("/documents/<id>/file")
@operation("Get the file of a document, as it was added", scope="read", media="application/octet-stream")
def file(id: str) -> Response:
    document = _visible(id)
    document_service.refuse_without_original(document)
    content = document_service.original_of(the_engine(), id, caller().id)
    return written(content, "application/octet-stream", name=document.name or document.title)


@bp.get("/documents/<id>/passages")
@operation("List the passages of a document", scope="read", query=PassagesQuery, answer=PassageList)
def passages(id: str, query: PassagesQuery) -> PassageList:
    rows = queries.passages(caller(), _visible(id).id, limit=query.limit, start=query.start)
    return PassageList(passages=[PassageAnswer.of(row, text=row.head + row.text) for row in rows])


@bp.get("/search")
@operation("Find passages in the documents you can see", scope="read", query=PassageQuery, answer=FoundList, errors=(404,))
def search(query: PassageQuery) -> FoundList:
    person = _viewed_as(query.as_) if query.as_ else caller()
    which = [found(queries.SEEN_COLLECTIONS.one(person, query.collection)).id] if query.collection else []
    bounds: ranking.SearchOptions = {"collections": which, "limit": query.limit, "is_viewed": bool(query.as_)}
    return FoundList(passages=[_hit(hit) for hit in ranking.search(person, query.q, **bounds)])


def _viewed_as(id: str) -> User:
    check("admin")
    person = found(account_queries.person(id))
    question_service.viewed_as(person, author=audit_author())
    return found(account_queries.person(id))


def _collection(id: str) -> Collection:
    return found(queries.SEEN_COLLECTIONS.one(caller(), id))


def _visible(id: str) -> Document:
    return found(queries.document(caller(), id))


def _sent_text() -> NewDocumentText | None:
    """Returns the JSON body; None if the request contains files."""
    if request.mimetype == "multipart/form-data":
        return None
    request.max_content_length = MOST_JSON_BYTES
    return taken_body(NewDocumentText)


def list_of(collection: Collection, query: Paged) -> DocumentList:
    """Returns a page of the documents of a collection."""
    page = cut(queries.documents(caller(), collection, limit=query.limit + 1, after=query.cursor), query.limit)
    return DocumentList(documents=[_answer_of(row) for row in page.rows], next_cursor=page.next_cursor)


def sent_files() -> list[UploadedDocument]:
    """Returns the files of the request."""
    expect_files(document_service.most_bytes(), files=MOST_FILES)
    files = request.files.getlist("file")
    if not files or len(files) > MOST_FILES:
        raise Invalid(f"Send 1 to {MOST_FILES} files in the field `file`.", field="file")
    level = NewDocumentInput.entered({"level": request.form.get("level", "0")}).level
    return [UploadedDocument(file.stream, file.filename or "", level=level) for file in files]


def added_answer(added: list[Added]) -> AddedList:
    """Returns the documents that were added, and which of them were there already."""
    return AddedList(documents=[_answer_of(file.document) for file in added], already_there=document_service.already_there(added))


def _answer_of(row: Document) -> DocumentAnswer:
    progress = ReadingProgress(done=row.done, of=row.of)
    return DocumentAnswer.of(row, progress=progress, error=row.error or None)


def _hit(hit: ranking.PassageHit) -> FoundPassage:
    passage: Passage = hit.passage
    return FoundPassage.of(
        passage,
        collection_id=hit.document.collection_id,
        title=hit.document.title,
        text=passage.head + passage.text,
        rank=hit.rank,
        keyword_rank=hit.ranked.keyword_rank,
        vector_rank=hit.ranked.vector_rank,
    )
