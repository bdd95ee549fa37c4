"""/api/v1/questions: questions with the documents that answer them, and how well the search finds these."""

from flask import Blueprint
from pydantic import Field

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.schemas import Answer, AnyId, Body, Text
from webapp.knowledge.tables import Question
from webapp.knowledge.trying import questions

bp = Blueprint("api_questions", __name__, url_prefix="/api/v1/questions")


class QuestionAnswer(Answer):
    id: str
    question: str
    document_id: str | None = Field(description="The document that answers it; null if none does.")


class QuestionList(Answer):
    questions: list[QuestionAnswer]


class NewQuestion(Body):
    question: Text
    document_id: AnyId | None = Field(None, description="The document that answers it; null if nothing should be found.")


class FiguresAnswer(Answer):
    questions: int
    ndcg_at_10: float = Field(description="How high the right documents stand among the first ten, from 0 to 1.")
    recall_at_5: float = Field(description="How many questions have the right document among the first five, from 0 to 1.")
    misses: list[str] = Field(description="The ids of the other questions.")


@bp.get("")
@operation("List your questions", scope="read", answer=QuestionList)
def index() -> QuestionList:
    return QuestionList(questions=[_answer_of(each) for each in questions.of(caller())])


@bp.post("")
@operation(
    "Keep a question with its document", scope="knowledge", body=NewQuestion, answer=QuestionAnswer, status=201, errors=(404,)
)
def create(body: NewQuestion) -> QuestionAnswer:
    return _answer_of(questions.add(body.question, body.document_id or "", by=caller()))


@bp.delete("/<id>")
@operation("Delete a question", scope="knowledge", status=204)
def delete(id: str) -> None:
    questions.forget(id, by=caller())


@bp.post("/run")
@operation("Measure how well your questions are answered", scope="knowledge", answer=FiguresAnswer, errors=(422, 429))
def run() -> FiguresAnswer:
    made = questions.run(caller())
    return FiguresAnswer(questions=made.questions, ndcg_at_10=made.ndcg, recall_at_5=made.recall, misses=made.misses)


def _answer_of(row: Question) -> QuestionAnswer:
    return QuestionAnswer.of(row, question=row.text)
