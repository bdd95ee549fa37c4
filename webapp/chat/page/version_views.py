"""Editing and deleting messages, and switching versions."""

from flask import Blueprint, Response, render_template, url_for

from webapp.chat.messages import fork as forking
from webapp.chat.messages import sending, versions
from webapp.chat.messages.forms import MessageForm
from webapp.chat.page.pages import chat_page, message_fragment, page_of
from webapp.chat.record import queries
from webapp.chat.record.access import own_message, visible_message, writable_message, writer
from webapp.chat.record.tables import Message
from webapp.people.accounts.guards import anybody, current_user, found, signed_in
from webapp.rendering.part import part
from webapp.web.htmx import done, is_htmx, navigate, redirect

bp = Blueprint("tree", __name__)


@bp.get("/messages/<id>/edit")
@anybody
def edit(id: str) -> Response:
    message = writable_message(id)
    return _editing(message, MessageForm.new(message=message.content))


@bp.post("/messages/<id>/edit")
@anybody
def save(id: str) -> Response:
    message, form = writable_message(id), MessageForm()
    with form.attempt():
        return done(page_of(message.chat_id, _save(message, form)))
    return _editing(writable_message(id), form)


@bp.get("/messages/<id>/page")
@anybody
def cancel(id: str) -> Response:
    message = writable_message(id)
    return message_fragment(message) if is_htmx() else redirect(page_of(message.chat_id))


@bp.post("/messages/<id>/version")
@anybody
def show_version(id: str) -> Response:
    message = writable_message(id)
    versions.show_version(message)
    return done(page_of(message.chat_id))


@bp.post("/messages/<id>/hide")
@anybody
def hide(id: str) -> Response:
    return _hidden(writable_message(id), is_hidden=True)


@bp.post("/messages/<id>/unhide")
@anybody
def unhide(id: str) -> Response:
    return _hidden(writable_message(id), is_hidden=False)


@bp.post("/messages/<id>/delete")
@anybody
def delete(id: str) -> Response:
    message = own_message(id)
    deleted = {"message": message, "after": versions.delete(message)}
    if is_htmx():
        return Response(render_template("chat/page/_deleted.html", **deleted))
    return chat_page(queries.chat_of(message), MessageForm.new(), deleted=deleted, cut=None)


@bp.post("/messages/<id>/restore")
@anybody
def restore(id: str) -> Response:
    message = own_message(id, even_deleted=True)
    versions.restore(message)
    return done(page_of(message.chat_id))


@bp.post("/messages/<id>/erase")
@signed_in
def erase(id: str) -> Response:
    message = own_message(id, even_deleted=True)
    versions.erase(found(message if message.deleted_at else None))
    return redirect(url_for("list.trash"))


@bp.post("/messages/<id>/fork")
@signed_in
def fork(id: str) -> Response:
    model = MessageForm().model.data or ""
    return navigate(page_of(forking.fork(visible_message(id), owner_id=current_user().id, model=model)))


def _hidden(message: Message, *, is_hidden: bool) -> Response:
    """Returns the changed message itself: an open page's stream doesn't update messages far above its end."""
    versions.hide(message, is_hidden=is_hidden)
    message = writable_message(message.id)
    return message_fragment(message) if is_htmx() else redirect(page_of(message.chat_id, f"message-{message.id}"))


def _save(message: Message, form: MessageForm) -> str:
    """Stores the edit: a person's message gets a new answer, unless what follows is to be kept; an answer does not.

    Returns the place on the page to go to: where the text is read on.
    """
    if form.keep.data:
        return f"message-{versions.correct(message, form.text, by=writer()).id}"
    if message.role == "assistant":
        versions.rewrite(message, form.text, by=writer())
    else:
        sending.edit(message, form.text, key=form.key.data or "", by=writer())
    return "end"


def _editing(message: Message, form: MessageForm) -> Response:
    status = form.refusal.status if form.refusal else 200
    follows = queries.chat_of(message).head_id != message.id
    if is_htmx():
        html = render_template("chat/page/composer/_edit.html", message=message, edit_form=form, follows=follows)
        return Response(part(f"#message-{message.id}", "outerHTML", html), status)
    page = MessageForm.new(model=queries.chat_of(message).model)
    return chat_page(queries.chat_of(message), page, status=status, editing=message.id, edit_form=form, follows=follows)
