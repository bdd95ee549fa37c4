"""/models/side-by-side: choosing the models that answer a chat's messages side by side."""

from flask import Blueprint, Response, request, url_for

from webapp.base.errors import AppError
from webapp.chat.calls import choosing
from webapp.chat.messages import drafts, side_by_side
from webapp.chat.messages.forms import MessageForm, choices_in
from webapp.chat.record.access import writable_chat
from webapp.chat.record.model_choice import MOST_BESIDE, current_model, models_to_ask, new_choice
from webapp.chat.record.tables import Chat
from webapp.models.connections import model_marks
from webapp.models.connections.models import the_models
from webapp.models.makers import maker_named
from webapp.people.accounts.guards import current_user, signed_in
from webapp.web.htmx import navigate, redirect, render
from webapp.workspace.page.pages import chat_page_url
from webapp.workspace.page.picker_views import MOST_QUERY_CHARS, MOST_SKIPPED, models

bp = Blueprint("side_by_side", __name__)


@bp.get("/models/side-by-side")
@signed_in
def index() -> Response:
    id = request.args.get("chat", "")
    chat = writable_chat(id) if id else None
    return _choice(chat, request.args.getlist("models") or _present(chat))


@bp.post("/models/side-by-side/new")
@signed_in
def leave_composer() -> Response:
    """Opens the choice from the form of a new chat: its text is kept as the draft, and what was chosen in it stays so."""
    form = MessageForm()
    drafts.save(current_user().id, form.text, mentions=form.mentions)
    choices = choices_in(request.form)
    if choosing.are_offered(None):
        # All of them can be off, which an address without any doesn't say.
        choices.setdefault("tools", [""])
    return navigate(url_for(".index", **choices))


@bp.post("/models/side-by-side")
@signed_in
def begin() -> Response:
    """Opens a new chat that the models will answer in; nothing is stored before its first message."""
    chosen = [] if "off" in request.form else request.form.getlist("models")
    try:
        models = models_to_ask(chosen, by=current_user().id)
        return redirect(url_for("home.show", **choices_in(request.form) | {"models": models}))
    except AppError as refusal:
        return _choice(None, chosen, refusal)


@bp.post("/chats/<id>/models")
@signed_in
def choose(id: str) -> Response:
    chosen = [] if "off" in request.form else request.form.getlist("models")
    try:
        side_by_side.choose(writable_chat(id), chosen)
    except AppError as refusal:
        return _choice(writable_chat(id), chosen, refusal)
    return redirect(chat_page_url(id, "composer-box"))


def _present(chat: Chat | None) -> list[str]:
    if chat:
        return chat.models or [current_model(chat)]
    me = current_user()
    return [new_choice(me.id, request.args.get("model", ""), otherwise=the_models().default(person=me.id)).model]


def _choice(chat: Chat | None, chosen: list[str], refusal: AppError | None = None) -> Response:
    """Renders the list of models. Those that are chosen stay so while others are searched, as all of it is one form."""
    query = request.values.get("q", "")[:MOST_QUERY_CHARS].strip()
    after = max(0, min(request.values.get("after", 0, type=int), MOST_SKIPPED))
    me = current_user().id
    chosen = [model for model in dict.fromkeys(chosen) if the_models().is_choosable(model, me)][: 2 * MOST_BESIDE]
    page = models(model_marks.for_person(me), query, after, person=me, without=chosen)
    choices = {} if chat else choices_in(request.values)
    choices.pop("models", None)
    return render(
        "workspace/page/picker/side_by_side.html",
        status=refusal.status if refusal else 200,
        chat=chat,
        is_on=bool(chat.models if chat else request.values.getlist("models")),
        choices=choices,
        kept=[(model, the_models().display_name(model), maker_named(the_models().maker(model))) for model in chosen],
        rows=page.rows,
        next=page.next,
        query=query,
        wrong=refusal.message if refusal else "",
        send_url=url_for(".choose", id=chat.id) if chat else url_for(".begin"),
        back_url=chat_page_url(chat.id) if chat else url_for("home.show", **choices),
    )
