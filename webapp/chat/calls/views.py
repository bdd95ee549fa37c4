"""Calls of answers on pages: what one has done, decisions about those that wait, and which tools a chat's answers can use."""

from collections.abc import Mapping
from typing import cast

from flask import Blueprint, Response, request, url_for

from webapp.base.languages import gettext as _
from webapp.chat.calls import choosing, lines, questions, service, tools_shown
from webapp.chat.calls.access import decidable_call, visible_call
from webapp.chat.calls.files import files_by_id
from webapp.chat.calls.questions import ShownQuestion
from webapp.chat.record import queries
from webapp.chat.record.access import decidable_message, own_chat, right_in, stoppable_chat, visible_message
from webapp.chat.record.tables import Chat, Message
from webapp.knowledge import shown as knowledge_shown
from webapp.people.accounts.guards import anybody, current_user, signed_in, user_or_none
from webapp.tools.built_in.texts import without_frame
from webapp.tools.results import hidden_results
from webapp.tools.tables import Call
from webapp.web.addresses import address
from webapp.web.htmx import is_htmx, redirect, render

bp = Blueprint("calls", __name__)


@bp.get("/calls/<id>")
@anybody
def show(id: str) -> Response:
    return _call_page(visible_call(id))


def _call_page(call: Call, *, asked: ShownQuestion | None = None, status: int = 200) -> Response:
    message, me = visible_message(call.message_id), user_or_none()
    hidden = hidden_results(me, [call])
    return render(
        "chat/calls/_call.html" if is_htmx() else "chat/calls/call.html",
        status=status,
        call=call,
        text=without_frame(call.text),
        shown=lines.shown_call(
            call,
            files_by_id([call]),
            is_live=_is_live(message),
            is_whole=True,
            asked=asked,
            reader=me.id if me else "",
            hidden=hidden.get(call.id, ""),
        ),
        is_wrong=asked is not None,
        sources=knowledge_shown.sources(me, call.sources),
        decided_by=service.name_of(call.decided_by),
        page_url=url_for(".show", id=call.id),
        back_url=_message_url(message.chat_id, message.id),
    )


@bp.post("/calls/<id>/decision")
@signed_in
def decide(id: str) -> Response:
    call, form = decidable_call(id), request.form
    try:
        decided = service.decide(
            call,
            cast(service.Decision, form.get("decision", "")),
            by=current_user(),
            note=form.get("note", "").strip(),
            result=form.get("option", "") or form.get("result", "").strip(),
            values=questions.values_in(call, form),
        )
    except service.WrongAnswers as wrong:
        return _wrong(call, wrong.errors)
    message = visible_message(decided.message_id)
    return _blocks(message) if is_htmx() else redirect(_message_url(message.chat_id, message.id))


def _wrong(call: Call, errors: Mapping[str, str]) -> Response:
    """Shows the form with what was typed, and what is wrong with it."""
    asked = questions.shown_question(call, typed=request.form, errors=errors)
    if not is_htmx():
        return _call_page(call, asked=asked, status=422)
    # With the status of an error, the page would take nothing from it.
    return render("chat/calls/_wrong.html", call=lines.shown_call(call, {}, is_live=True, asked=asked))


@bp.post("/messages/<id>/limit")
@signed_in
def decide_limit(id: str) -> Response:
    message, form = decidable_message(id), request.form
    decision = cast(service.FuseDecision, form.get("decision", ""))
    more_usd = service.dollars(form.get("more", ""))
    service.decide_limit(queries.last_generation(message), decision, by=current_user(), more_usd=more_usd)
    message = visible_message(id)
    return _blocks(message) if is_htmx() else redirect(_message_url(message.chat_id, id))


@bp.post("/messages/<id>/model")
@signed_in
def choose_model(id: str) -> Response:
    message = decidable_message(id)
    service.choose_model(queries.last_generation(message), request.form.get("model", ""), by=current_user())
    message = visible_message(id)
    return _blocks(message) if is_htmx() else redirect(_message_url(message.chat_id, id))


@bp.get("/messages/<id>/calls")
@anybody
def of_message(id: str) -> Response:
    message = visible_message(id)
    return _blocks(message) if is_htmx() else redirect(_message_url(message.chat_id, id))


@bp.get("/chats/<id>/tools")
@signed_in
def tools(id: str) -> Response:
    return _tools_page(own_chat(id))


@bp.post("/chats/<id>/tools")
@signed_in
def choose(id: str) -> Response:
    chat, form = own_chat(id), request.form
    choosing.choose_among(chat, current_user(), form.getlist("tool"), shown=form.getlist("shown"))
    return _tools_page(own_chat(id), is_saved=True) if is_htmx() else redirect(_end_of(id), _("Tools saved."))


@bp.post("/chats/<id>/tools/take-back")
@signed_in
def take_back(id: str) -> Response:
    chat, me = stoppable_chat(id), current_user()
    choosing.take_back(chat.id, me.id, request.form.get("tool", ""))
    if not is_htmx():
        return redirect(_end_of(id))
    return render("chat/calls/_allowed_changed.html", chat=chat, allowed=tools_shown.allowed(chat, me))


def _tools_page(chat: Chat, *, is_saved: bool = False) -> Response:
    query = request.args.get("q", "").strip()
    is_list_alone = is_saved or "q" in request.args
    fragment = "chat/calls/_tools_changed.html" if is_list_alone else "chat/calls/_tools.html"
    return render(
        fragment if is_htmx() else "chat/calls/tools.html",
        chat=chat,
        query=query,
        is_saved=is_saved,
        **tools_shown.tools_values(chat, current_user(), query),
        page_url=url_for(".tools", id=chat.id),
        back_url=_end_of(chat.id),
    )


def _blocks(message: Message) -> Response:
    chat, me = queries.chat_of(message), user_or_none()
    can_decide = right_in(chat, me) in ("own", "write")
    calls = lines.calls_in(message, me, is_live=_is_live(message), can_decide=can_decide)
    return render("chat/calls/_blocks.html", calls=calls, chat=chat, allowed=tools_shown.allowed(chat, me) if can_decide else ())


def _is_live(message: Message) -> bool:
    last = queries.last_generation(message)
    return last is not None and last.is_active


def _message_url(chat_id: str, message_id: str) -> str:
    return f"{address('chat.show', chat_id)}#message-{message_id}"


def _end_of(chat_id: str) -> str:
    return f"{address('chat.show', chat_id)}#end"
