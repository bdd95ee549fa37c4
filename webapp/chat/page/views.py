"""Pages of chats and of the sources of their answers, the actions on them, and their stream."""

from flask import Blueprint, Response, abort, request, url_for

from webapp.chat.messages import chats, sending
from webapp.chat.messages.forms import MessageForm
from webapp.chat.messages.renderings import words_alone
from webapp.chat.messages.sending import TYPED
from webapp.chat.page.pages import chat_page, composer, page_of, refused, sent, stream
from webapp.chat.page.prompt_insertion_views import refuse_unknown, taken
from webapp.chat.record import queries
from webapp.chat.record.access import (
    as_visitor,
    visible_chat,
    visible_message,
    visitor_hash,
    writable_chat,
    writable_generation,
    writable_message,
    writer,
)
from webapp.chat.record.model_choice import VISITORS_MODEL
from webapp.engine import service as generations
from webapp.engine.engine import the_engine
from webapp.engine.tables import Generation
from webapp.knowledge import shown
from webapp.models.connections import model_marks
from webapp.people.accounts.guards import anybody, user_or_none
from webapp.settings.service import setting
from webapp.web.htmx import done, is_htmx, redirect, render

reading = Blueprint("reading", __name__)
bp = Blueprint("chat", __name__)


@bp.get("/chats/<id>")
@anybody
def show(id: str) -> Response:
    chat = visible_chat(id)
    form = MessageForm.new(model=request.args.get("model") or chat.model)
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
    is_chosen, me = model not in ("", chat.model), user_or_none()
    if answer := taken(form, id):
        return answer
    with form.attempt():
        refuse_unknown(form)
        sending.ask(
            chat,
            form.text,
            key=form.key.data or "",
            model=model,
            after=form.after.data or "",
            by=writer(),
            options=TYPED,
            speaker_id=form.speaker.data or "",
        )
        if is_chosen and me:
            model_marks.choose(me.id, model)
        return sent(chat)
    return refused(writable_chat(id), form)


@bp.post("/generations/<id>/stop")
@anybody
def stop(id: str) -> Response:
    generation = writable_generation(id)
    generations.stop(generation)
    return done(_page_of(generation))


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
    return done(_page_of(sending.again(message, model=MessageForm().model.data or "", by=writer())))


@bp.get("/messages/<id>.md")
@anybody
def raw(id: str) -> Response:
    return Response(queries.text_so_far(the_engine(), visible_message(id)), mimetype="text/markdown")


@bp.get("/messages/<id>.txt")
@anybody
def plain(id: str) -> Response:
    return Response(words_alone(queries.text_so_far(the_engine(), visible_message(id))), mimetype="text/plain")


@bp.get("/ai-demo")
@anybody
def demo() -> Response:
    _refuse_unless_visitors_may_come()
    if chat := queries.visitors_chat(visitor_hash()):
        return chat_page(chat, MessageForm.new(model=chat.model))
    form = MessageForm.new(model=VISITORS_MODEL)
    return render("chat/page/visitor.html", thread=[], **{**composer(form, send_url=url_for("chat.demo_begin")), "models": []})


@bp.post("/ai-demo")
@anybody
def demo_begin() -> Response:
    _refuse_unless_visitors_may_come()
    form = MessageForm()

    def begin(visitor: str) -> Response:
        sending.begin_as_visitor(form.text, key=form.key.data or "", visitor_hash=visitor)
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
    return page_of(generation.chat_id)


@reading.get("/messages/<id>/sources")
@anybody
def sources(id: str) -> Response:
    message, wanted = visible_message(id), request.args.get("number", 0, type=int)
    chosen = [each for each in message.sources if wanted in (0, each["number"])]
    # A number links to the passage in its document; if that can't be shown, the page gives the reason.
    if wanted and chosen and not is_htmx() and (url := shown.current_url(user_or_none(), chosen[0])):
        return redirect(url)
    return render(
        "chat/page/message/_sources.html" if is_htmx() else "chat/page/message/sources.html",
        message_id=id,
        sources=shown.sources(user_or_none(), chosen),
        back_url=page_of(message.chat_id),
    )
