"""Actions in and around the composer besides sending: queue, save a draft, rate, choose another model, inspect a request."""

from flask import Blueprint, Response, request, url_for

from webapp.chat.calls.choosing import choose_among
from webapp.chat.calls.tools_shown import web_search_in
from webapp.chat.messages import drafts, feedback, follow_up, suggestion
from webapp.chat.messages.forms import MessageForm, queued_mentions
from webapp.chat.prompt import answer_prompt
from webapp.chat.record import queries
from webapp.chat.record.access import own_chat, own_generation, own_message, writable_chat, writer
from webapp.chat.record.model_choice import choice_in
from webapp.models.connections import model_marks
from webapp.models.connections.models import the_models
from webapp.people.accounts.guards import anybody, current_user, signed_in, user_or_none
from webapp.tools.built_in.search_web import SEARCH_WEB
from webapp.web.htmx import done, is_htmx, redirect, render, render_long
from webapp.workspace.page.composer_shown import suggested_models
from webapp.workspace.page.mentions_shown import read_from, take_picture_command
from webapp.workspace.page.pages import chat_page_url, composer_with_error, refused_response, sent_response
from webapp.workspace.page.picker_views import first_models
from webapp.workspace.page.prompt_insertion_views import prompt_redirect, refuse_unknown

bp = Blueprint("composer", __name__)


@bp.post("/chats/<id>/follow-up")
@anybody
def queue(id: str) -> Response:
    chat, form = writable_chat(id), MessageForm()
    if answer := prompt_redirect(form, id):
        return answer
    take_picture_command(form)
    with form.attempt():
        refuse_unknown(form)
        chat, me = read_from(chat, form), user_or_none()
        follow_up.queue(
            chat,
            form.text,
            key=form.key.data or "",
            model="" if chat.visitor_hash else form.model.data or "",
            answered_by=(form.answered_by.data or (chat.model if chat.models and form.alone.data else "")) if me else "",
            speaker_id=form.spoken_by.data or "",
            by=writer(),
        )
        if me:
            drafts.forget(me.id, id)
        return sent_response(writable_chat(id))
    return refused_response(writable_chat(id), form)


@bp.post("/chats/<id>/follow-up/remove")
@anybody
def remove(id: str) -> Response:
    """Turns a queued message back into a draft, placed before the text typed so far; one's next one if none is named.

    Someone else's, which a chat's owner can remove, isn't turned into a draft.
    """
    chat, me, waiting_id = writable_chat(id), user_or_none(), request.form.get("waiting", "")
    own = [queued for queued in follow_up.waiting_in(id) if follow_up.is_by(chat, queued, writer())]
    waiting = next((queued for queued in own if waiting_id in ("", queued.id)), None)
    form = MessageForm()
    text = "\n\n".join(part for part in (waiting.text if waiting else "", form.text) if part.strip())
    if waiting:
        form.add_mentions(queued_mentions(waiting))
    if me:
        drafts.save(me.id, text, id, mentions=form.mentions)
    if removed_id := waiting.id if waiting else waiting_id:
        follow_up.remove(chat, removed_id, by=writer())
    if me and not is_htmx():
        return redirect(chat_page_url(id))
    chat = writable_chat(id)
    return composer_with_error(chat, MessageForm.new(model=choice_in(chat).word, message=text, mentions=form.mentions))


@bp.post("/chats/<id>/follow-up/edit")
@anybody
def edit_follow_up(id: str) -> Response:
    follow_up.edit(writable_chat(id), request.form.get("waiting", ""), MessageForm().text, by=writer())
    return done(chat_page_url(id))


@bp.post("/chats/<id>/follow-up/send")
@anybody
def send_follow_up(id: str) -> Response:
    follow_up.send(writable_chat(id))
    return done(chat_page_url(id))


@bp.post("/chats/<id>/suggestion")
@signed_in
def suggest(id: str) -> Response:
    """Has the model write the next message; it appears in the composer and begins with the text typed so far."""
    form = MessageForm()
    with form.attempt():
        text = suggestion.suggest(own_chat(id), form.typed)
        if not is_htmx():
            return redirect(chat_page_url(id))
        chat = own_chat(id)
        new_form = MessageForm.new(model=choice_in(chat).word, message=form.with_text(text), mentions=form.mentions)
        return composer_with_error(chat, new_form)
    return refused_response(own_chat(id), form)


@bp.post("/chats/<id>/suggestion/stop")
@signed_in
def stop_suggestion(id: str) -> Response:
    suggestion.stop(own_chat(id))
    return done(chat_page_url(id))


@bp.get("/generations/<id>/sent")
@anybody
def what_was_sent(id: str) -> Response:
    generation, me = own_generation(id), user_or_none()
    return render_long(
        "workspace/page/_sent.html" if is_htmx() else "workspace/page/sent.html",
        generation=generation,
        model_name=the_models().display_name(generation.model_asked),
        sent=answer_prompt.sent_prompt(generation, me),
        may_read_private=me is not None and me.id == generation.user_id,
        back_url=chat_page_url(generation.chat_id),
    )


@bp.post("/chats/<id>/web-search")
@signed_in
def switch_web_search(id: str) -> Response:
    """Turns the web search of a chat on or off; what is typed so far stays."""
    me, form = current_user(), MessageForm()
    choose_among(own_chat(id), me, request.form.getlist("tools"), shown=[SEARCH_WEB.key])
    if is_htmx():
        chat = own_chat(id)
        web_search, url = web_search_in(chat), url_for(".switch_web_search", id=id)
        return render("workspace/page/composer/_web_search_changed.html", chat=chat, web_search=web_search, web_search_url=url)
    drafts.save(me.id, form.text, id, mentions=form.mentions)
    return redirect(chat_page_url(id, "composer-box"))


@bp.post("/draft")
@signed_in
def save_new_draft() -> Response:
    form = MessageForm()
    drafts.save(current_user().id, form.text, mentions=form.mentions)
    return Response(status=204)


@bp.post("/chats/<id>/draft")
@signed_in
def save_draft(id: str) -> Response:
    me, form, chat = current_user(), MessageForm(), writable_chat(id)
    # It can arrive behind the message that its text became.
    if not (form.text.strip() and follow_up.has_come(chat.id, me.id, form.text, form.key.data or "")):
        drafts.save(me.id, form.text, chat.id, mentions=form.mentions)
    return Response(status=204)


@bp.get("/messages/<id>/again")
@signed_in
def choose(id: str) -> Response:
    message = own_message(id)
    chat, me = queries.chat_of(message), current_user().id
    if is_htmx():
        first = first_models(model_marks.for_person(me), me)
        return render("workspace/page/composer/_again.html", message=message, models=first)
    models = suggested_models(the_models().offered(me), chat.model, me)
    form = MessageForm.new(model=chat.model)
    last = queries.last_generation(message)
    is_running = last is not None and last.is_active
    return render(
        "workspace/page/composer/again.html",
        message=message,
        form=form,
        models=models,
        back_url=chat_page_url(chat.id),
        is_running=is_running,
    )


@bp.post("/messages/<id>/feedback")
@signed_in
def rate(id: str) -> Response:
    message, me = own_message(id), current_user()
    if thumb := request.form.get("thumb", ""):
        feedback.rate(me.id, message, is_good=thumb == "up", reason=request.form.get("reason", ""))
    else:
        feedback.remove_rating(me.id, message)
    if not is_htmx():
        return redirect(url_for("chat.show", id=message.chat_id, _anchor=f"message-{id}"))
    thumbs = feedback.feedback_by_message(me.id, [id])
    return render(
        "workspace/page/message/_thumbs.html", message={"id": id, "actions": {"rate_url": url_for(".rate", id=id)}}, thumbs=thumbs
    )
