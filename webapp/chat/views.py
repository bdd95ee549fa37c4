"""Chats: their pages, what can be done in them, and their stream."""

from flask import Blueprint, Response, abort, url_for

from webapp.chat import drafts, list_shown, queries, service
from webapp.chat.access import (
    as_visitor,
    visible_chat,
    visible_message,
    visitor_hash,
    writable_chat,
    writable_generation,
    writable_message,
    writer,
)
from webapp.chat.answerer import VISITORS_MODEL
from webapp.chat.export import words_alone
from webapp.chat.forms import MessageForm
from webapp.chat.pages import chat_page, composer, page_of, refused, sent, stream, take_up_draft
from webapp.chat.rail_feed import rail_url
from webapp.generations import service as generations
from webapp.generations.engine import the_engine
from webapp.generations.models import providers
from webapp.generations.tables import Generation
from webapp.settings.checklist import checklist
from webapp.settings.service import setting
from webapp.web.guards import anybody, current_user, signed_in
from webapp.web.htmx import done, redirect, render

bp = Blueprint("chat", __name__)
MOST_RECENT = 5


@bp.get("/")
@signed_in
def home() -> Response:
    return _home(MessageForm.new(model=providers().default(current_user().default_model)))


@bp.post("/chats")
@signed_in
def begin() -> Response:
    form, me = MessageForm(), current_user().id
    with form.attempt():
        wish = {"model": form.model.data or "", "is_temporary": form.temporary.data}
        generation = service.begin(form.text, key=form.key.data or "", owner_id=me, **wish)
        drafts.forget(me)
        return redirect(_page_of(generation))
    return _home(form)


@bp.get("/chats/<id>")
@anybody
def show(id: str) -> Response:
    chat = visible_chat(id)
    return chat_page(chat, MessageForm.new(model=chat.model))


@bp.get("/chats/<id>/events")
@anybody
def events(id: str) -> Response:
    return stream(visible_chat(id))


@bp.post("/chats/<id>/messages")
@anybody
def send(id: str) -> Response:
    chat, form = writable_chat(id), MessageForm()
    model = "" if chat.visitor_hash else form.model.data or ""
    with form.attempt():
        service.ask(chat, form.text, key=form.key.data or "", model=model, after=form.after.data or "", by=writer())
        return sent(chat)
    return refused(writable_chat(id), form)


@bp.post("/generations/<id>/stop")
@anybody
def stop(id: str) -> Response:
    generation = writable_generation(id)
    generations.stop(the_engine(), generation)
    return done(_page_of(generation))


@bp.post("/messages/<id>/continue")
@anybody
def go_on(id: str) -> Response:
    return done(_page_of(service.go_on(writable_message(id), by=writer())))


@bp.post("/messages/<id>/again")
@anybody
def again(id: str) -> Response:
    return done(_page_of(service.again(writable_message(id), model=MessageForm().model.data or "", by=writer())))


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
    return render("chat/visitor.html", thread=[], **{**composer(form, send_url=url_for("chat.demo_begin")), "models": []})


@bp.post("/ai-demo")
@anybody
def demo_begin() -> Response:
    _refuse_unless_visitors_may_come()
    form = MessageForm()

    def begin(visitor: str) -> Response:
        service.begin_as_visitor(form.text, key=form.key.data or "", visitor_hash=visitor)
        return redirect(url_for("chat.demo", _anchor="end"))

    return as_visitor(begin)


@bp.post("/ai-demo/leave")
@anybody
def demo_leave() -> Response:
    service.forget_visitor(visitor_hash())
    return redirect(url_for("chat.demo"))


def _refuse_unless_visitors_may_come() -> None:
    if not setting("demo.visitors"):
        abort(404)


def _page_of(generation: Generation) -> str:
    return page_of(generation.chat_id)


def _home(form: MessageForm) -> Response:
    me = current_user()
    pinned, others, lanes = queries.rail_chats(me.id)
    newest = sorted([*pinned, *others], key=lambda each: (each.changed_at, each.id), reverse=True)
    recent = list_shown.chats(newest[:MOST_RECENT], lanes)
    rail = rail_url(the_engine(), me.id)
    take_up_draft(form)
    more = composer(form, send_url=url_for("chat.begin"))
    del more["form"]
    more |= {"temporary": queries.temporary_chat(me.id), "recent": recent, "checklist": checklist(me), "rail_url": rail}
    return form.shown("chat/home.html", may_be_temporary=True, **more)
