"""Dictation on pages: scripts get what was said, a plain form gets its page back with it in the message box."""

from flask import Blueprint, Response, flash, jsonify, request, url_for

from webapp.base.errors import Invalid
from webapp.chat.calls import choosing
from webapp.chat.dictation import service
from webapp.chat.files.attachments import joined, parted
from webapp.chat.messages import drafts
from webapp.chat.messages.forms import MessageForm, choices_in
from webapp.chat.record.access import writable_chat
from webapp.people.accounts.guards import current_user, signed_in, user_or_none
from webapp.people.accounts.tables import User
from webapp.web.htmx import redirect, wants_json
from webapp.web.uploads import expect_files

bp = Blueprint("dictation", __name__)
# Room for the message in the same form.
AROUND_BYTES = 1024 * 1024
# The category of the message that the composer shows.
REFUSED = "dictation"


@bp.url_value_preprocessor
def allow_recording(_endpoint: str | None, _values: object) -> None:
    """Raises the upload limit before anything reads the form."""
    if user_or_none():
        expect_files(service.MOST_BYTES, around_bytes=AROUND_BYTES)


@bp.post("/dictation")
@signed_in
def write() -> Response:
    choices = choices_in(request.form)
    if choosing.are_offered(None):
        # All of them can be off, which an address without any doesn't say.
        choices.setdefault("tools", [""])
    return _written(drafts.NEW_CHAT, url_for("home.show", **choices, _anchor="composer-box"))


@bp.post("/chats/<id>/dictation")
@signed_in
def write_in_chat(id: str) -> Response:
    chat = writable_chat(id)
    return _written(chat.id, url_for("chat.show", id=id, model=request.form.get("model") or None, _anchor="composer-box"))


def _written(chat_id: str, page_url: str) -> Response:
    """Returns what was said; a plain form has it added to its draft, in which what was typed is kept in any case."""
    me, form = current_user(), MessageForm()
    if wants_json():
        return jsonify(text=_said(me))
    whole = form.text
    drafts.save(me.id, whole, chat_id, mentions=form.mentions)
    with form.attempt():
        typed, files = parted(whole)
        text = " ".join(part for part in (typed.rstrip(" "), _said(me)) if part)
        drafts.save(me.id, joined(text, [file.block for file in files]), chat_id, mentions=form.mentions)
    if form.refusal:
        flash(form.refusal.message, REFUSED)
    return redirect(page_url)


def _said(me: User) -> str:
    file = request.files.get("recording")
    if not file or not file.filename:
        raise Invalid("Choose a recording.", field="recording")
    if text := service.transcribe(file.stream, by=me):
        return text
    raise Invalid(service.SILENT, field="recording")
