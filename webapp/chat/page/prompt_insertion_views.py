"""Inserts a prompt of the library: a form for its fields, then the text as a draft to be checked and sent."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, request, url_for

from webapp.base.errors import Invalid
from webapp.base.ids import new_id
from webapp.chat.messages import drafts
from webapp.chat.messages.forms import MessageForm
from webapp.chat.messages.prompt_insertion import InsertablePrompt, attach, insertable, named_in, similar_names, unknown_name
from webapp.chat.record.access import writable_chat
from webapp.people.accounts.guards import current_user, found, signed_in, user_or_none
from webapp.prompts.template import objections
from webapp.web.htmx import navigate, redirect, render

bp = Blueprint("prompted", __name__)


@bp.get("/prompts/<name>/fill")
@signed_in
def fill(name: str) -> Response:
    prompt = found(insertable(current_user(), name))
    first = {each.name: request.args.get("with", "") for each in prompt.fields[:1]}
    return _form(prompt, first)


@bp.post("/prompts/<name>/fill")
@signed_in
def insert(name: str) -> Response:
    prompt, chat_id = found(insertable(current_user(), name)), _chat_id()
    values = {each.name: request.form.get(f"field-{each.name}", "").replace("\r\n", "\n") for each in prompt.fields}
    if wrong := objections(prompt.fields, values):
        return _form(prompt, values, errors=wrong)
    try:
        return redirect(_put(prompt, prompt.text(values), chat_id, request.args.getlist("knowledge")))
    except Invalid as refusal:
        return _form(prompt, values, refusal=refusal.message)


def taken(form: MessageForm, chat_id: str = drafts.NEW_CHAT) -> Response | None:
    """Redirects a message that names a prompt: to the form for its fields or, without fields, to the draft. Otherwise None."""
    me = user_or_none()
    if form.files or not me or not (prompt := named_in(me, form.typed_instead)):
        return None
    reads = form.knowledge.data or []
    if prompt.fields:
        # Leaves out empty query parameters.
        wanted: dict[str, Any] = {"chat": chat_id or None, "with": prompt.rest or None, "knowledge": reads}
        return navigate(url_for("prompted.fill", name=prompt.name, **wanted))
    return navigate(_put(prompt, "\n\n".join(filter(None, (prompt.text({}), prompt.rest))), chat_id, reads))


def refuse_unknown(form: MessageForm) -> None:
    """Raises `Invalid` for a message that begins with a mistyped name of a prompt, until the person sends it anyway."""
    me = user_or_none()
    if not me or form.files or form.anyway.data or not (name := unknown_name(me, form.typed)):
        return
    form.unknown_prompt, form.similar_prompts = name, similar_names(me, name)
    raise Invalid(f"There is no prompt /{name}. Send it as a message?", field="message")


def _put(prompt: InsertablePrompt, text: str, chat_id: str, reads: Sequence[str]) -> str:
    """Saves the text as a draft and returns its page; `reads` are the collections that were chosen for a new chat."""
    me, text = current_user(), drafts.fitting(text)
    more = attach(prompt, chat_id, by=me)
    drafts.save(me.id, text, chat_id)
    return _page_of(chat_id, [*reads, *more])


def _chat_id() -> str:
    """Returns the id of the requested chat if the person can write in it."""
    chat_id = request.args.get("chat", "")
    return writable_chat(chat_id).id if chat_id else drafts.NEW_CHAT


def _page_of(chat_id: str, reads: Sequence[str] = ()) -> str:
    if not chat_id:
        return url_for("home.show", knowledge=list(dict.fromkeys(reads)))
    # The address must be unique: for one that differs in its fragment only, a browser scrolls and doesn't load the page.
    return url_for("chat.show", id=chat_id, at=new_id()[:10], _anchor="composer-box")


def _form(
    prompt: InsertablePrompt, values: dict[str, str], *, errors: dict[str, str] | None = None, refusal: str = ""
) -> Response:
    chat_id = _chat_id()
    back_url = _page_of(chat_id, request.args.getlist("knowledge"))
    status = 422 if errors or refusal else 200
    more = {"errors": errors or {}, "refusal": refusal, "back_url": back_url, "chat_id": chat_id}
    return render("prompts/fill.html", status=status, prompt=prompt, values=values, **more)
