"""What can be done beside sending: queue, keep a draft, rate, choose another model, look at what was sent."""

from flask import Blueprint, Response, request, url_for

from webapp.chat import drafts, feedback, follow_up, prompt_parts, queries
from webapp.chat.access import own_chat, own_generation, own_message, writable_chat
from webapp.chat.forms import MessageForm
from webapp.chat.pages import composer_again, page_of, refused, sent
from webapp.generations.models import providers
from webapp.web.guards import anybody, current_user, signed_in, user_or_none
from webapp.web.htmx import done, is_htmx, redirect, render

bp = Blueprint("composer", __name__)


@bp.post("/chats/<id>/follow-up")
@anybody
def queue(id: str) -> Response:
    chat, form = own_chat(id), MessageForm()
    with form.attempt():
        follow_up.queue(chat, form.text, model="" if chat.visitor_hash else form.model.data or "")
        return sent(own_chat(id))
    return refused(own_chat(id), form)


@bp.post("/chats/<id>/follow-up/remove")
@anybody
def remove(id: str) -> Response:
    """What waited is a draft again, before what is typed by now."""
    chat, me = own_chat(id), user_or_none()
    text = "\n\n".join(each for each in (chat.follow_up, MessageForm().text) if each.strip())
    if me:
        drafts.save(me.id, text, id)
    follow_up.remove(chat)
    if me and not is_htmx():
        return redirect(page_of(id))
    chat = own_chat(id)
    return composer_again(chat, MessageForm.new(model=chat.model, message=text))


@bp.post("/chats/<id>/follow-up/send")
@anybody
def send_follow_up(id: str) -> Response:
    follow_up.send(own_chat(id))
    return done(page_of(id))


@bp.get("/generations/<id>/sent")
@anybody
def what_was_sent(id: str) -> Response:
    generation, me = own_generation(id), user_or_none()
    return render(
        "chat/_sent.html" if is_htmx() else "chat/sent.html",
        generation=generation,
        sent=prompt_parts.sent(generation),
        may_read_instructions=me is not None and me.id == generation.user_id,
        back_url=page_of(generation.chat_id),
    )


@bp.post("/draft")
@signed_in
def save_new_draft() -> Response:
    drafts.save(current_user().id, MessageForm().text)
    return Response(status=204)


@bp.post("/chats/<id>/draft")
@signed_in
def save_draft(id: str) -> Response:
    drafts.save(current_user().id, MessageForm().text, writable_chat(id).id)
    return Response(status=204)


@bp.get("/messages/<id>/again")
@signed_in
def choose(id: str) -> Response:
    message = own_message(id)
    chat = queries.chat_of(message)
    form = MessageForm.new(model=chat.model)
    template = "chat/_again.html" if is_htmx() else "chat/again.html"
    return render(template, message=message, form=form, models=providers().offered(), back_url=page_of(chat.id))


@bp.post("/messages/<id>/feedback")
@signed_in
def rate(id: str) -> Response:
    message, me = own_message(id), current_user()
    if wish := request.form.get("thumb", ""):
        feedback.rate(me.id, message, is_good=wish == "up", reason=request.form.get("reason", ""))
    else:
        feedback.take_back(me.id, message)
    if not is_htmx():
        return redirect(url_for("chat.show", id=message.chat_id, _anchor=f"message-{id}"))
    thumbs = feedback.by(me.id, [id])
    return render("chat/_thumbs.html", message={"id": id, "rate_url": url_for(".rate", id=id)}, thumbs=thumbs)
