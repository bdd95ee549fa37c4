"""/api/v1/collections: documents that are shared together, who can read them, and questions that measure the search in them."""

from dataclasses import asdict
from datetime import datetime

from flask import Blueprint
from pydantic import BaseModel, Field

from webapp.api.access import caller
from webapp.api.native.things import add_grant_operations, add_trash_operations, seen
from webapp.api.operations import operation
from webapp.api.schemas import Answer, Body, Named, Text
from webapp.base.heavy.turns import by_turns
from webapp.base.inputs import LATER, AnyId, Changes, changes
from webapp.knowledge import queries, service
from webapp.knowledge.kind import COLLECTIONS
from webapp.knowledge.shown import MeaningState, meaning
from webapp.knowledge.tables import Collection, TrialQuestion
from webapp.knowledge.trying import service as question_service
from webapp.knowledge.vectors import service as vector_service

bp = Blueprint("api_collections", __name__, url_prefix="/api/v1/collections")


class Embedding(BaseModel):
    """The progress of embedding a collection's documents for semantic search."""

    model_config = LATER

    state: MeaningState
    model: str = Field(description="The model whose vectors are searched; empty if there are none.")
    next_model: str = Field(description="A model that embeds everything beside it, to take its place.")
    done: int = Field(description="How many documents have their vectors.")
    of: int
    error: str | None = Field(description="Why it waits, as a sentence.")
    tried_at: datetime | None = Field(description="When it is tried again.")


class CollectionAnswer(Named):
    about: str
    level: service.Level
    is_own: bool
    can_write: bool = Field(description="Whether you can add and delete documents.")
    documents: int = Field(description="How many documents you can see in it.")
    unfinished: int = Field(description="How many of them are still being read or embedded.")
    embedding_model: str
    embedding: Embedding | None = Field(description="How far it is found by meaning; null if you can't add documents to it.")
    chat_id: str | None = Field(description="The chat whose long files it holds; everyone who can see that chat can see it.")
    created_at: datetime
    changed_at: datetime


class CollectionList(Answer):
    collections: list[CollectionAnswer]


class NewCollection(service.CollectionInput):
    pass


class NewEmbedding(Body):
    everything: bool = Field(False, description="Embed all documents again; until then, the current vectors are searched.")


CollectionChange = changes("CollectionChange", service.CollectionInput)


@bp.get("")
@operation("List the collections you can see", scope="read", answer=CollectionList)
def index() -> CollectionList:
    rows = queries.SEEN_COLLECTIONS.all(caller())
    counts = queries.counts(caller(), [row.id for row in rows])
    vector_service.notice()
    return CollectionList(collections=[_answer_of(row, counts.get(row.id, queries.Counts())) for row in by_turns(rows)])


@bp.post("")
@operation("Create a collection", scope="knowledge", body=NewCollection, answer=CollectionAnswer, status=201, errors=(409,))
def create(body: NewCollection) -> CollectionAnswer:
    return _one(service.create(body, by=caller()))


@bp.get("/<id>")
@operation("Show a collection", scope="read", answer=CollectionAnswer)
def show(id: str) -> CollectionAnswer:
    return _one(seen(COLLECTIONS, id))


@bp.patch("/<id>")
@operation("Update a collection", scope="knowledge", body=CollectionChange, answer=CollectionAnswer, errors=(409,))
def change(id: str, body: Changes) -> CollectionAnswer:
    row = seen(COLLECTIONS, id)
    service.change(row, service.CollectionInput.entered(body.over(row)), by=caller())
    return _one(seen(COLLECTIONS, id))


@bp.post("/<id>/embed")
@operation(
    "Continue embedding a collection, or embed it again",
    scope="knowledge",
    body=NewEmbedding,
    answer=CollectionAnswer,
    status=202,
    errors=(409,),
)
def embed(id: str, body: NewEmbedding) -> CollectionAnswer:
    vector_service.retry(seen(COLLECTIONS, id), by=caller(), everything=body.everything)
    return _one(seen(COLLECTIONS, id))


def _one(row: Collection) -> CollectionAnswer:
    vector_service.notice()
    return _answer_of(row, queries.counts(caller(), [row.id]).get(row.id, queries.Counts()))


def _answer_of(row: Collection, counts: queries.Counts) -> CollectionAnswer:
    is_own, can_write = row.owner_id == caller().id, queries.can_write(caller(), row)
    counted = {"documents": counts.documents, "unfinished": counts.unfinished}
    return CollectionAnswer.of(row, is_own=is_own, can_write=can_write, embedding=_embedding(row), **counted)


def _embedding(row: Collection) -> Embedding | None:
    state = meaning(row, caller())
    return Embedding(**{**asdict(state), "error": state.error or None}) if state else None


add_trash_operations(
    bp,
    COLLECTIONS,
    _one,
    scope="knowledge",
    deleting="Delete a collection with its documents; it can be restored",
    restoring="Restore a deleted collection",
)
add_grant_operations(
    bp,
    COLLECTIONS,
    scope="knowledge",
    listing="List who can see a collection; for its owner",
    granting="Grant a collection, or change what was granted",
    revoking="Remove a grant",
)


questions_bp = Blueprint("api_questions", __name__, url_prefix="/api/v1/questions")


class TrialQuestionAnswer(Answer):
    id: str
    question: str
    document_id: str | None = Field(description="The document that answers it; null if none does.")


class QuestionList(Answer):
    questions: list[TrialQuestionAnswer]


class NewQuestion(Body):
    question: Text
    document_id: AnyId | None = Field(None, description="The document that answers it; null if nothing should be found.")


class FiguresAnswer(Answer):
    questions: int
    ndcg_at_10: float = Field(description="How high the right documents stand among the first ten, from 0 to 1.")
    recall_at_5: float = Field(description="How many questions have the right document among the first five, from 0 to 1.")
    misses: list[str] = Field(description="The ids of the other questions.")


@questions_bp.get("", endpoint="index")
@operation("List your questions", scope="read", answer=QuestionList)
def index_questions() -> QuestionList:
    return QuestionList(questions=[_question(question) for question in question_service.kept_by(caller())])


@questions_bp.post("", endpoint="create")
@operation(
    "Keep a question with its document",
    scope="knowledge",
    body=NewQuestion,
    answer=TrialQuestionAnswer,
    status=201,
    errors=(404,),
)
def keep_question(body: NewQuestion) -> TrialQuestionAnswer:
    return _question(question_service.add(body.question, body.document_id or "", by=caller()))


@questions_bp.delete("/<id>", endpoint="delete")
@operation("Delete a question", scope="knowledge", status=204)
def delete_question(id: str) -> None:
    question_service.forget(id, by=caller())


@questions_bp.post("/run", endpoint="run")
@operation("Measure how well your questions are answered", scope="knowledge", answer=FiguresAnswer, errors=(422, 429))
def run_questions() -> FiguresAnswer:
    run = question_service.run(caller())
    return FiguresAnswer(questions=run.questions, ndcg_at_10=run.ndcg, recall_at_5=run.recall, misses=run.misses)


def _question(row: TrialQuestion) -> TrialQuestionAnswer:
    return TrialQuestionAnswer.of(row, question=row.text)
