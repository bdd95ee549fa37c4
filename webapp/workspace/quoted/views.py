"""/knowledge/…/answers: the answers that have quoted the documents of a collection, or the files of a project."""

from flask import Blueprint, Response

from webapp.knowledge import queries as knowledge_queries
from webapp.people.accounts.guards import current_user, found, signed_in
from webapp.web.htmx import render
from webapp.workspace.quoted.queries import quoting_answers

bp = Blueprint("quoted", __name__, url_prefix="/knowledge")


@bp.get("/<id>/answers")
@signed_in
def show(id: str) -> Response:
    me = current_user()
    collection = found(knowledge_queries.SEEN_COLLECTIONS.one(me, id))
    documents = knowledge_queries.documents(me, collection)
    answers = quoting_answers(me, collection, [document.id for document in documents])
    rows = [(document, answers[document.id]) for document in documents if document.id in answers]
    return render("workspace/quoted/show.html", collection=collection, rows=rows)
