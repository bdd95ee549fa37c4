"""/knowledge/documents: the page of a document, and the actions on it."""

from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.engine.engine import the_engine
from webapp.knowledge import formats, queries, shown
from webapp.knowledge.documents import service as document_service, web_pages
from webapp.knowledge.forms import DocumentForm
from webapp.knowledge.tables import Document
from webapp.knowledge.views import deleted_document, visible_document
from webapp.people.accounts.guards import current_user, signed_in
from webapp.web.downloads import SANDBOXED, VIEWED, written
from webapp.web.htmx import done_message, is_htmx, redirect, render

bp = Blueprint("documents", __name__, url_prefix="/knowledge/documents")
DONE = {
    "saved": "Saved.",
    "again": "Reading it again. Until that's done, the earlier text is used.",
    "restored": "Restored.",
    "same": "It hasn't changed since it was fetched.",
}


@bp.get("/<id>")
@signed_in
def show(id: str) -> Response:
    document = visible_document(id)
    if is_htmx():
        return render("knowledge/_document.html", page_url=request.full_path.rstrip("?"), **_reading(document))
    return _page(document, DocumentForm.from_row(document))


@bp.get("/<id>/file")
@signed_in
def file(id: str) -> Response:
    """Sends the file as it was added; what browsers show themselves is shown, unless it is to be downloaded."""
    document = visible_document(id)
    document_service.refuse_without_original(document)
    is_shown = formats.is_shown_by_browsers(document.name) and "download" not in request.args
    content, name = document_service.original_of(the_engine(), id, current_user().id), document.name or document.title
    policy = VIEWED if is_shown else SANDBOXED
    response = written(content, formats.media_type(document.name), name=name, is_shown=is_shown, policy=policy)
    response.content_length = document.bytes
    response.headers["Cache-Control"] = "private, no-cache"
    return response


@bp.post("/<id>")
@signed_in
def update(id: str) -> Response:
    document, form = visible_document(id), DocumentForm.opened()
    with form.attempt():
        entered = form.entered
        document_service.change(document, title=entered.title, level=entered.level, by=current_user())
        return redirect(url_for("documents.show", id=id, done="saved"))
    return _page(visible_document(id), form)


@bp.post("/<id>/again")
@signed_in
def again(id: str) -> Response:
    is_read = web_pages.again(visible_document(id), by=current_user())
    return redirect(url_for("documents.show", id=id, done="again" if is_read else "same"))


@bp.post("/<id>/delete")
@signed_in
def delete(id: str) -> Response:
    document = visible_document(id)
    collection_id = document.collection_id
    document_service.delete(document, by=current_user())
    return redirect(url_for("knowledge.show", id=collection_id, deleted=id))


@bp.post("/<id>/restore")
@signed_in
def restore(id: str) -> Response:
    document_service.restore(deleted_document(id), by=current_user())
    return redirect(url_for("documents.show", id=id, done="restored"))


def _page(document: Document, form: DocumentForm) -> Response:
    me = current_user()
    collection = queries.SEEN_COLLECTIONS.one(me, document.collection_id)
    assert collection
    return form.shown(
        "knowledge/document.html",
        collection=shown.collection(collection, me),
        done=done_message(DONE),
        **_reading(document),
    )


def _reading(document: Document) -> dict[str, Any]:
    """Returns the template context of a document's text, for its page and for the panel."""
    start, number = _number("start", 0), _number("passage", -1)
    passages = shown.passages(document, current_user(), start, number)
    return {
        "document": shown.document(document),
        "passages": passages,
        "opened": next((passage for passage in passages if passage.is_wanted and passage.page_url), None),
        "is_marked": "marked" in request.args,
        "start": start,
        "last": document.passages,
        "per_page": shown.MOST_PER_PAGE,
    }


def _number(name: str, default: int) -> int:
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default
