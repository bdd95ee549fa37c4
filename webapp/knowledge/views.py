"""/knowledge: the pages of collections, their documents, sharing and search."""

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for

from webapp.base import topic_names
from webapp.base.errors import Invalid
from webapp.engine.engine import Engine, the_engine
from webapp.engine.watching import watchers
from webapp.engine.watching.lane_feed import LaneFeed, known_at, now_in, position_in
from webapp.engine.watching.views import list_url
from webapp.engine.watching.watcher_loop import watch
from webapp.knowledge import queries, service, shown
from webapp.knowledge.documents import service as document_service, web_pages
from webapp.knowledge.forms import AddForm, CollectionForm
from webapp.knowledge.kind import COLLECTIONS, DOCUMENTS
from webapp.knowledge.tables import Collection, Document
from webapp.knowledge.vectors import service as vector_service
from webapp.people.accounts.guards import current_user, found, signed_in, user_or_none
from webapp.people.accounts.permissions import may
from webapp.people.things import shares_shown
from webapp.people.things.views import add_people_pages, add_trash_pages, own, seen, trash_for_list
from webapp.rendering.part import part
from webapp.streaming.broadcaster import Frame
from webapp.web.htmx import done_message, redirect, render
from webapp.web.uploads import expect_files

bp = Blueprint("knowledge", __name__, url_prefix="/knowledge")
MOST_FILES = 20
DONE = {
    "added": "Added. You can leave this page while documents are read.",
    "saved": "Saved.",
    "restored": "Restored.",
    "deleted": "The document was deleted.",
    "embedding": "Embedding continues. You can leave this page.",
}


class CollectionFeed(LaneFeed):
    """The feed of one collection page, rendered for its person, because people may see different documents."""

    def __init__(
        self, engine: Engine, collection_id: str, position: str, context: watchers.Context, draw: Callable[[], str]
    ) -> None:
        super().__init__(engine, topic_names.of_collection(collection_id), context)
        (self._after,), self._draw, self._sent = known_at(engine, position), draw, ""

    def topics(self) -> dict[str, int]:
        return {self.lane: self._after}

    def position(self) -> str:
        return position_in(self._engine.logs.topics.epoch, [self._after])

    def news(self) -> list[Frame]:
        """Renders the whole list of documents once, however many changes there were."""
        if self._entries(self._after) == []:
            return []
        self._after = self._engine.logs.topics.last(self.lane)
        with self._context():
            html = self._draw()
        if html == self._sent:
            return []
        self._sent = html
        return [Frame(part("#documents", "outerMorph", html))]


@bp.url_value_preprocessor
def allow_files(endpoint: str | None, _values: object) -> None:
    """Raises the upload limit before anything parses the form; only for signed-in people, and only on this route."""
    if endpoint == "knowledge.add" and user_or_none():
        expect_files(document_service.most_bytes(), files=MOST_FILES)


@bp.get("")
@signed_in
def index() -> Response:
    return _index(CollectionForm.fresh())


@bp.post("")
@signed_in
def create() -> Response:
    form = CollectionForm.opened()
    with form.attempt():
        return _to(service.create(form.entered, by=current_user()).id)
    return _index(form)


@bp.get("/<id>")
@signed_in
def show(id: str) -> Response:
    return _page(visible_collection(id))


@bp.get("/<id>/events")
@signed_in
def events(id: str) -> Response:
    id, me, context = visible_collection(id).id, current_user().id, watchers.same_request()
    feed = CollectionFeed(the_engine(), id, watchers.position(), context, partial(_drawn, id))
    return watch(feed, watchers.watcher(me, context, _is_still_theirs, id))


@bp.get("/<id>/edit")
@signed_in
def edit(id: str) -> Response:
    collection = own_collection(id)
    return _editor(collection, CollectionForm.from_row(collection))


@bp.post("/<id>")
@signed_in
def update(id: str) -> Response:
    form = CollectionForm.opened()
    form.merge(CollectionForm.from_row(own_collection(id)))
    with form.attempt():
        service.change(own_collection(id), form.entered, by=current_user())
        return _to(id, done="saved")
    return _editor(own_collection(id), form)


@bp.post("/<id>/embed")
@signed_in
def embed(id: str) -> Response:
    vector_service.retry(own_collection(id), by=current_user(), everything=request.form.get("how") == "again")
    return _to(id, done="embedding")


@bp.post("/<id>/documents")
@signed_in
def add(id: str) -> Response:
    collection, form = visible_collection(id), AddForm.opened()
    with form.attempt():
        entered = form.entered
        added = document_service.add_all(collection, _sent(entered), by=current_user())
        if entered.url:
            added.append(web_pages.add(visible_collection(id), entered.url, by=current_user(), level=entered.level))
        return _to(
            id, done="added" if any(result.is_new for result in added) else None, already=document_service.already_there(added)
        )
    return _page(visible_collection(id), form)


def visible_collection(id: str) -> Collection:
    return seen(COLLECTIONS, id)


def own_collection(id: str) -> Collection:
    """Returns a collection for an action that only its owner can take."""
    return own(COLLECTIONS, id)


def visible_document(id: str) -> Document:
    return seen(DOCUMENTS, id)


def deleted_document(id: str) -> Document:
    return found(queries.document(current_user(), id, is_deleted=True))


def _index(form: CollectionForm) -> Response:
    me, question = current_user(), request.args.get("q", "").strip()[:2_000]
    # Before the list is read, so that no change is lost between the page and its event stream.
    live_url = list_url("collections")
    return form.shown(
        "knowledge/list.html",
        live_url=live_url,
        collections=shown.collections(me),
        question=question,
        hits=shown.hits(me, question) if question else [],
        **trash_for_list(COLLECTIONS),
    )


def _editor(collection: Collection, form: CollectionForm) -> Response:
    return form.shown("knowledge/edit.html", collection=collection)


def _page(collection: Collection, form: AddForm | None = None) -> Response:
    me, id, question = current_user(), collection.id, request.args.get("q", "").strip()[:2_000]
    # Read before the rows, so that no change is lost between the page and its event stream.
    at = now_in(topic_names.of_collection(id))
    rows = shown.documents(collection, me)
    trash = queries.deleted_documents(me, collection)
    vector_service.notice()
    shown_collection = shown.collection(collection, me)
    is_own = shown_collection.is_own and not collection.chat_id and not collection.project_id
    return render(
        "knowledge/show.html",
        status=form.refusal.status if form and form.refusal else 200,
        collection=shown_collection,
        **(shares_shown.in_card(COLLECTIONS, id) if is_own else {}),
        documents=rows,
        meaning=shown.meaning(collection, me),
        is_unfinished=any(row.is_unfinished for row in rows),
        add_form=form or AddForm.fresh(),
        may_share=may(me, "see people"),
        events_url=url_for("knowledge.events", id=id, at=at),
        question=question,
        hits=shown.hits(me, question, collections=[id]) if question else [],
        trash=trash[: queries.MOST_IN_TRASH],
        is_trash_cut=len(trash) > queries.MOST_IN_TRASH,
        deleted=queries.document(me, request.args.get("deleted", ""), is_deleted=True),
        done=done_message(DONE),
        already=queries.documents_among(me, request.args.getlist("already")[: MOST_FILES + 1]),
    )


def _sent(entered: document_service.NewDocumentInput) -> list[document_service.UploadedDocument]:
    sent = [
        document_service.UploadedDocument(storage.stream, storage.filename, level=entered.level)
        for storage in request.files.getlist("file")
        if storage.filename
    ]
    if len(sent) > MOST_FILES:
        raise Invalid(f"Add at most {MOST_FILES} files at once.", field="file")
    if entered.text.strip():
        sent.append(document_service.pasted(entered.text, title=entered.title, level=entered.level))
    if not sent and not entered.url:
        raise Invalid("Choose a file, or enter an address or some text.", field="file")
    return sent


def _drawn(id: str) -> str:
    me = current_user()
    collection = queries.SEEN_COLLECTIONS.one(me, id)
    if not collection:
        return ""
    vector_service.notice()
    meaning = shown.meaning(collection, me)
    return render_template("knowledge/_documents.html", documents=shown.documents(collection, me), meaning=meaning)


def _is_still_theirs(context: watchers.Context, id: str) -> bool:
    with context():
        user = user_or_none()
        return user is not None and queries.SEEN_COLLECTIONS.one(user, id) is not None


def _to(id: str, **more: Any) -> Response:
    return redirect(url_for("knowledge.show", id=id, **more))


add_people_pages(bp, COLLECTIONS, "knowledge/people.html")
add_trash_pages(bp, COLLECTIONS, lambda id: _to(id, done="restored"))
