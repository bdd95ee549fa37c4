"""The first page: a composer for a new chat, and the chats that changed last."""

from flask import Blueprint, Response, request, url_for

from webapp.chat.list import shown as list_shown
from webapp.chat.list.checklist import checklist
from webapp.chat.messages import drafts, sending
from webapp.chat.messages.forms import MessageForm
from webapp.chat.page.pages import chat_page_url, composer, first_composer_with_error, restore_draft
from webapp.chat.page.prompt_insertion_views import prompt_redirect, refuse_unknown
from webapp.chat.record import queries
from webapp.knowledge.service import MOST_COLLECTIONS, attachable
from webapp.models.connections import model_marks
from webapp.models.connections.models import providers
from webapp.people.accounts.guards import current_user, signed_in
from webapp.web.htmx import is_htmx, navigate

bp = Blueprint("home", __name__)
MOST_RECENT = 5


@bp.get("/")
@signed_in
def show() -> Response:
    model = request.args.get("model") or providers().default(model_marks.preferred_model(current_user()))
    return _home(MessageForm.new(model=model, knowledge=request.args.getlist("knowledge")[:MOST_COLLECTIONS]))


@bp.post("/chats")
@signed_in
def begin() -> Response:
    form, me = MessageForm(), current_user().id
    if answer := prompt_redirect(form):
        return answer
    with form.attempt():
        refuse_unknown(form)
        reads = attachable(form.knowledge.data or (), (), current_user())
        model = form.model.data or ""
        generation = sending.start_chat(
            form.text,
            model=model,
            key=form.key.data or "",
            owner_id=me,
            options=sending.TYPED_OPTIONS,
            is_temporary=form.temporary.data,
            reads=reads,
            answered_by=form.answered_by.data or "",
        )
        if model and model != providers().default(model_marks.preferred_model(current_user())):
            model_marks.choose(me, model)
        return navigate(chat_page_url(generation.chat_id))
    return first_composer_with_error(form) if is_htmx() else _home(form)


def _home(form: MessageForm) -> Response:
    me = current_user()
    pinned, others, lanes = queries.sidebar_chats(me.id)
    newest = sorted([*pinned, *others], key=lambda chat: (chat.changed_at, chat.id), reverse=True)
    recent = list_shown.chats(newest[:MOST_RECENT], lanes)
    restore_draft(form, drafts.draft_in(me.id), drafts.mentions_in(me.id))
    more = composer(form, send_url=url_for("home.begin"))
    del more["form"]
    more |= {"temporary": queries.temporary_chat(me.id), "recent": recent, "checklist": checklist(me)}
    return form.shown("chat/list/home.html", may_be_temporary=True, **more)
