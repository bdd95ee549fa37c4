"""/models: choosing a model, and marking favorites."""

from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.base.errors import Invalid
from webapp.chat.page.pages import page_of
from webapp.chat.page.picker_shown import models
from webapp.chat.record import queries
from webapp.chat.record.model_choice import named
from webapp.models.connections import model_marks
from webapp.models.connections.models import providers
from webapp.people.accounts.guards import current_user, signed_in
from webapp.web.htmx import is_htmx, redirect, render

bp = Blueprint("picker", __name__)
MOST_QUERY_CHARS, MOST_SKIPPED = 100, 100_000


@bp.get("/models")
@signed_in
def index() -> Response:
    query, chat_id = request.args.get("q", "")[:MOST_QUERY_CHARS].strip(), request.args.get("chat", "")
    after = max(0, min(request.args.get("after", 0, type=int), MOST_SKIPPED))
    page = models(model_marks.of(current_user().id), query, after)
    template = "chat/page/picker/_models.html" if is_htmx() else "chat/page/picker/models.html"
    chat = queries.owned_chat(current_user().id, chat_id) if chat_id else None
    context: dict[str, Any] = {"current": chat.model if chat else "", "back_url": page_of(chat_id) if chat_id else "/"}
    return render(template, page=page, query=query, chat_id=chat_id, after=after, **context)


@bp.post("/models/star")
@signed_in
def star() -> Response:
    model, is_favorite = request.form.get("model", ""), request.form.get("is_favorite") == "y"
    if is_favorite and not providers().is_choosable(model):
        raise Invalid("That model is no longer available.")
    model_marks.star(current_user().id, model, is_favorite=is_favorite)
    chat, query, after = (request.form.get(name) or None for name in ("chat", "q", "after"))
    if not is_htmx():
        return redirect(url_for(".index", chat=chat, q=query, after=after))
    return render(
        "chat/page/picker/_star.html",
        model={"id": model, "name": named(model).name, "is_favorite": is_favorite},
        chat_id=chat,
        query=query,
    )
