"""Pages of chats and of the sources of their answers, actions on messages and their versions, and the stream of a page."""

from typing import Any

from flask import Blueprint, Response, abort, render_template, request, url_for

from webapp.chat.facts import queries as fact_queries
from webapp.chat.messages import chats, deleted_branches, follow_up, fork as forking, sending, side_by_side, versions
from webapp.chat.messages.forms import MessageForm
from webapp.chat.messages.renderings import citation_numbers, words_alone
from webapp.chat.record import queries
from webapp.chat.record.access import (
    as_visitor,
    own_message,
    stoppable_chat,
    visible_chat,
    visible_message,
    visitor_hash,
    writable_chat,
    writable_generation,
    writable_message,
    writer,
)
from webapp.chat.record.model_choice import VISITORS_MODEL, choice_in
from webapp.chat.record.tables import Message
from webapp.engine import generations
from webapp.engine.engine import the_engine
from webapp.engine.tables import Generation
from webapp.knowledge import shown
from webapp.models.connections import model_marks
from webapp.people.accounts.guards import anybody, current_user, found, signed_in, user_or_none
from webapp.rendering.part import part
from webapp.settings.service import setting
from webapp.web.downloads import written
from webapp.web.htmx import done, fragment, is_htmx, navigate, redirect, render
from webapp.workspace.page.mentions_shown import read_from, take_picture_command
from webapp.workspace.page.pages import (
    actions_page,
    chat_page,
    chat_page_url,
    composer,
    message_fragment,
    refused_response,
    sent_response,
    stream,
)
from webapp.workspace.page.prompt_insertion_views import prompt_redirect, refuse_unknown

tree = Blueprint("messages", __name__)
reading = Blueprint("reading", __name__)
bp = Blueprint("chat", __name__)


@bp.get("/chats/<id>")
@anybody
def show(id: str) -> Response:
    chat = visible_chat(id)
    form = MessageForm.new(model=request.args.get("model") or choice_in(chat).word)
    return chat_page(chat, form, is_writing="writing" in request.args)


@bp.get("/chats/<id>/events")
@anybody
def events(id: str) -> Response:
    return stream(visible_chat(id))


@bp.post("/chats/<id>/messages")
@anybody
def send(id: str) -> Response:
    chat, form = writable_chat(id), MessageForm()
    model = "" if chat.visitor_hash else form.model.data or ""
    is_chosen, me = model not in ("", choice_in(chat).word), user_or_none()
    if answer := prompt_redirect(form, id):
        return answer
    take_picture_command(form)
    answered_by = form.answered_by.data or "" if me else ""
    models = [] if answered_by or form.alone.data else chat.models
    with form.attempt():
        refuse_unknown(form)
        chat = read_from(chat, form)
        sending.ask(
            chat,
            form.text,
            key=form.key.data or "",
            model=model,
            after=follow_up.seen_last(chat, form.after.data or "", writer()),
            by=writer(),
            options=sending.TYPED_OPTIONS,
            speaker_id=form.speaker.data or form.spoken_by.data or "",
            answered_by=answered_by,
            models=models,
        )
        if is_chosen and me:
            model_marks.choose(me.id, model)
        return sent_response(chat)
    return refused_response(writable_chat(id), form)


@bp.post("/generations/<id>/stop")
@anybody
def stop(id: str) -> Response:
    generation = writable_generation(id)
    generations.stop(generation)
    return done(_page_of(generation))


@bp.post("/chats/<id>/stop")
@anybody
def stop_all(id: str) -> Response:
    side_by_side.stop_all(stoppable_chat(id))
    return done(chat_page_url(id))


@bp.post("/messages/<id>/continue")
@anybody
def go_on(id: str) -> Response:
    return done(_page_of(sending.continue_answer(writable_message(id), by=writer())))


@bp.post("/messages/<id>/again")
@anybody
def again(id: str) -> Response:
    message = writable_message(id)
    if "stop" in request.form and (last := queries.last_generation(message)) and last.is_active:
        generations.stop_and_wait(last)
        message = writable_message(id)
    without_facts = request.form.getlist("without_facts")[: fact_queries.MOST_LISTED]
    model = MessageForm().model.data or ""
    return done(_page_of(sending.regenerate(message, model=model, by=writer(), without_facts=without_facts)))


@bp.get("/messages/<id>.md")
@anybody
def raw(id: str) -> Response:
    return written(queries.text_so_far(the_engine(), visible_message(id)), "text/markdown; charset=utf-8")


@bp.get("/messages/<id>.txt")
@anybody
def plain(id: str) -> Response:
    return written(words_alone(queries.text_so_far(the_engine(), visible_message(id))), "text/plain; charset=utf-8")


@bp.get("/ai-demo")
@anybody
def demo() -> Response:
    _refuse_unless_visitors_may_come()
    if chat := queries.visitors_chat(visitor_hash()):
        return chat_page(chat, MessageForm.new(model=chat.model))
    form = MessageForm.new(model=VISITORS_MODEL)
    return render(
        "workspace/page/visitor.html", thread=[], **{**composer(form, send_url=url_for("chat.demo_begin")), "models": []}
    )


@bp.post("/ai-demo")
@anybody
def demo_begin() -> Response:
    _refuse_unless_visitors_may_come()
    form = MessageForm()

    def begin(visitor: str) -> Response:
        sending.start_visitor_chat(form.text, key=form.key.data or "", visitor_hash=visitor)
        return redirect(url_for("chat.demo", _anchor="end"))

    return as_visitor(begin)


@bp.post("/ai-demo/leave")
@anybody
def demo_leave() -> Response:
    chats.forget_visitor(visitor_hash())
    return redirect(url_for("chat.demo"))


def _refuse_unless_visitors_may_come() -> None:
    if not setting("demo.visitors"):
        abort(404)


def _page_of(generation: Generation) -> str:
    return chat_page_url(generation.chat_id)


@reading.get("/messages/<id>/sources")
@anybody
def sources(id: str) -> Response:
    message, source_number = visible_message(id), request.args.get("number", 0, type=int)
    chosen = [source for source in message.sources if source_number in (0, source["number"])]
    # A number links to the passage in its document; if that can't be shown, the page gives the reason.
    if source_number and chosen and not is_htmx() and (url := shown.current_url(user_or_none(), chosen[0])):
        return redirect(url)
    return render(
        "workspace/page/message/_sources.html" if is_htmx() else "workspace/page/message/sources.html",
        message_id=id,
        number=source_number,
        numbers=citation_numbers(message),
        page_url=url_for("reading.sources", id=id, number=source_number or None),
        sources=shown.sources(user_or_none(), chosen),
        back_url=chat_page_url(message.chat_id),
    )


@tree.get("/messages/<id>/edit")
@anybody
def edit(id: str) -> Response:
    message = writable_message(id)
    return _editing(message, MessageForm.new(message=message.content))


@tree.post("/messages/<id>/edit")
@anybody
def save(id: str) -> Response:
    message, form = writable_message(id), MessageForm()
    with form.attempt():
        return done(chat_page_url(message.chat_id, _save(message, form)))
    return _editing(writable_message(id), form)


@tree.get("/messages/<id>/actions")
@anybody
def actions(id: str) -> Response:
    return actions_page(visible_message(id))


@tree.get("/messages/<id>/page")
@anybody
def cancel(id: str) -> Response:
    message = writable_message(id)
    return message_fragment(message) if is_htmx() else redirect(chat_page_url(message.chat_id))


@tree.post("/messages/<id>/version")
@anybody
def show_version(id: str) -> Response:
    message = writable_message(id)
    versions.show_version(message)
    return done(chat_page_url(message.chat_id))


@tree.post("/messages/<id>/keep")
@anybody
def keep(id: str) -> Response:
    message = writable_message(id)
    side_by_side.keep(message)
    return done(chat_page_url(message.chat_id))


@tree.post("/messages/<id>/hide")
@anybody
def hide(id: str) -> Response:
    return _hidden(writable_message(id), is_hidden=True)


@tree.post("/messages/<id>/unhide")
@anybody
def unhide(id: str) -> Response:
    return _hidden(writable_message(id), is_hidden=False)


@tree.post("/messages/<id>/keep-in-full")
@anybody
def keep_in_full(id: str) -> Response:
    return _kept(writable_message(id), is_kept=True)


@tree.post("/messages/<id>/let-fold")
@anybody
def let_fold(id: str) -> Response:
    return _kept(writable_message(id), is_kept=False)


@tree.post("/messages/<id>/delete")
@anybody
def delete(id: str) -> Response:
    message = own_message(id)
    me, chat = user_or_none(), queries.chat_of(message)
    has_facts = me and (me.has_facts or chat.project_id)
    remembered = fact_queries.read_in(me, deleted_branches.ids_with_descendants(message)) if me and has_facts else ()
    deleted: dict[str, Any] = {"message": message, "after": versions.delete(message), "remembered": remembered}
    if is_htmx():
        return render("workspace/page/_deleted.html", **deleted)
    return chat_page(chat, MessageForm.new(), deleted=deleted, cut=None)


@tree.post("/messages/<id>/restore")
@anybody
def restore(id: str) -> Response:
    message = own_message(id, even_deleted=True)
    versions.restore(message)
    return done(chat_page_url(message.chat_id))


@tree.post("/messages/<id>/erase")
@signed_in
def erase(id: str) -> Response:
    message = own_message(id, even_deleted=True)
    versions.erase(found(message if message.deleted_at else None))
    return redirect(url_for("list.trash"))


@tree.post("/messages/<id>/fork")
@signed_in
def fork(id: str) -> Response:
    model = MessageForm().model.data or ""
    return navigate(chat_page_url(forking.fork(visible_message(id), owner_id=current_user().id, model=model)))


def _hidden(message: Message, *, is_hidden: bool) -> Response:
    versions.hide(message, is_hidden=is_hidden)
    return _changed(message)


def _kept(message: Message, *, is_kept: bool) -> Response:
    versions.keep_in_full(message, is_kept=is_kept)
    return _changed(message)


def _changed(message: Message) -> Response:
    """Returns the changed message itself: an open page's stream doesn't update messages far above its end."""
    message = writable_message(message.id)
    return message_fragment(message) if is_htmx() else redirect(chat_page_url(message.chat_id, f"message-{message.id}"))


def _save(message: Message, form: MessageForm) -> str:
    """Stores the edit: a person's message gets a new answer, unless what follows is to be kept; an answer does not.

    Returns the place on the page to go to: where the text is read on.
    """
    if form.keep.data:
        return f"message-{versions.correct(message, form.text, by=writer()).id}"
    if message.role == "assistant":
        versions.rewrite(message, form.text, by=writer())
    else:
        models = queries.chat_of(message).models
        sending.edit(message, form.text, key=form.key.data or "", by=writer(), models=models)
    return "end"


def _editing(message: Message, form: MessageForm) -> Response:
    status = form.refusal.status if form.refusal else 200
    follows = queries.chat_of(message).head_id != message.id
    if is_htmx():
        html = render_template("workspace/page/composer/_edit.html", message=message, edit_form=form, follows=follows)
        return fragment(part(f"#message-{message.id}", "outerHTML", html), status)
    page = MessageForm.new(model=choice_in(queries.chat_of(message)).word)
    return chat_page(queries.chat_of(message), page, status=status, editing=message.id, edit_form=form, follows=follows)
