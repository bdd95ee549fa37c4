"""Chats that read from collections: beginning one at a collection."""

from flask import Blueprint, Response

from webapp.accounts.guards import current_user, signed_in
from webapp.chat.messages import service
from webapp.chat.page.pages import page_of
from webapp.knowledge.access import visible_collection
from webapp.web.htmx import redirect

bp = Blueprint("reading", __name__)


@bp.post("/knowledge/<id>/chat")
@signed_in
def begin(id: str) -> Response:
    me, collection = current_user(), visible_collection(id)
    chat = service.create(me.id, model=service.starting_model(me), reads=[collection.id])
    return redirect(page_of(chat.id))
