"""What a browser needs without a network: the service worker, the page it then shows, and messages that were written offline."""

from flask import Blueprint, Response, jsonify, request, url_for

from webapp.base.errors import Invalid, SignedOut
from webapp.chat.messages import follow_up
from webapp.chat.messages.forms import MessageForm
from webapp.chat.record.access import writable_chat
from webapp.knowledge.service import attachable
from webapp.people.accounts.guards import anybody, current_user, signed_in, user_or_none
from webapp.people.accounts.kept_pages import keeps_pages
from webapp.people.accounts.tables import User
from webapp.web import assets
from webapp.web.htmx import render
from webapp.workspace.home.views import begin_chat
from webapp.workspace.page.mentions_shown import read_from, take_picture_command
from webapp.workspace.page.prompt_insertion_views import prompts_named_in, refuse_unknown
from webapp.workspace.projects import service as project_service

bp = Blueprint("offline", __name__)
SOMEONE_ELSE = "Someone else wrote this message on this device. It is sent when they sign in again."


@bp.app_template_global()
def keeps_offline() -> bool:
    """Returns whether the browser of the current person keeps pages and messages."""
    return keeps_pages(user_or_none())


@bp.get("/sw.js")
@anybody
def worker() -> Response:
    """Returns the service worker; its address is at the top, as a worker takes part in the pages below its own address.

    It names the page that it keeps for everyone by what that is made of, so that browsers install it again when that changes.
    """
    content = b"%s\n// %s\n" % (
        assets.script("unsent", "sw"),
        assets.bundle("page", "times", "keys", "copy", "kept-list").encode(),
    )
    return Response(content, mimetype="text/javascript", headers={"Cache-Control": "no-cache"})


@bp.get("/offline")
@anybody
def page() -> Response:
    """Shows what there is without a network: the same for everyone, as one copy is kept for all people of a browser."""
    return render("workspace/frame/offline/page.html")


@bp.post("/offline/messages")
@signed_in
def send() -> Response:
    """Sends one message that was written offline; a refusal says why, and the browser still has the text."""
    me, form, chat_id = current_user(), MessageForm(), request.form.get("chat", "")
    if request.form.get("person") != me.id:
        raise SignedOut(SOMEONE_ELSE)
    if prompts_named_in(me, form.typed):
        raise Invalid("This names a prompt. Take the message up again, and send it to insert the prompt.")
    take_picture_command(form)
    refuse_unknown(form)
    if chat_id:
        _ask_in_turn(form, chat_id, me)
    else:
        project = project_service.writable(me, form.project.data) if form.project.data else None
        chat_id = begin_chat(form, attachable(form.knowledge.data or (), (), me), project).chat_id or ""
    return jsonify(url=url_for("chat.show", id=chat_id))


def _ask_in_turn(form: MessageForm, chat_id: str, me: User) -> None:
    chat, answered_by = read_from(writable_chat(chat_id), form), form.answered_by.data or ""
    choices = follow_up.SenderChoices(
        person=me.id,
        model=form.model.data or "",
        answered_by=answered_by,
        speaker_id=form.speaker.data or form.spoken_by.data or "",
        models=[] if answered_by or form.alone.data else chat.models,
    )
    follow_up.ask_in_turn(chat, form.text, key=form.key.data or "", choices=choices)
