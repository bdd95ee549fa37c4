"""The page of a chat, and its stream, which begins at the page's position."""

from typing import Any
from urllib.parse import urlencode

from flask import Response, render_template, request, url_for

from webapp.base import topic_names
from webapp.base.database import rows
from webapp.base.db import db
from webapp.base.ids import new_id
from webapp.chat.attachments import service as attachment_service
from webapp.chat.calls import tools_shown
from webapp.chat.messages import deleted_branches, feedback
from webapp.chat.messages.forms import MessageForm, choices_in
from webapp.chat.prompt import chat_collections
from webapp.chat.record import queries, unfolded
from webapp.chat.record.access import right_in
from webapp.chat.record.leader import replacing_composer
from webapp.chat.record.model_choice import choice_in
from webapp.chat.record.tables import Chat, Feedback, Message
from webapp.engine.engine import the_engine
from webapp.engine.watching import watchers
from webapp.engine.watching.watcher_loop import watch
from webapp.people.accounts.guards import user_or_none
from webapp.people.accounts.kept_pages import let_be_kept
from webapp.rendering.part import part
from webapp.web.addresses import address, fixed
from webapp.web.htmx import fragment, is_htmx, redirect, render
from webapp.web.security import with_microphone
from webapp.workspace.page import mentions_shown, shown, snapshot_shown
from webapp.workspace.page.composer_shown import beside, composer_values, dictation_url, picker
from webapp.workspace.page.feed import ChatFeed, ChatPosition, cursors_of


def chat_page(chat: Chat, form: MessageForm, *, status: int = 200, **more: Any) -> Response:
    """Renders the chat's page.

    The position is taken before anything is read, so that no event is lost between page and stream.
    """
    engine, lane, me = the_engine(), chat.lane, user_or_none()
    right = right_in(chat, me)
    topics = engine.logs.topics
    seq, sidebar = topics.last(lane), tuple(map(topics.last, topic_names.for_person(me.id if me else "")))
    engine.presence.seen(lane, me.id if me else "")
    # One that is shared with a person isn't kept: their access can end while they are offline.
    if (
        me
        and chat.owner_id == me.id
        and not chat.is_temporary
        and request.endpoint == "chat.show"
        and "writing" not in request.args
    ):
        let_be_kept()
    moment = snapshot_shown.read_snapshot(engine, chat, right, me.id if me else "")
    restore_draft(form, moment.chat_state.draft, moment.chat_state.draft_mentions)
    messages, thread = moment.messages, moment.thread
    running, every = snapshot_shown.running_in(thread), snapshot_shown.each_shown(thread)
    generation, cursor = (running.generation_id, running.cursor) if running else ("", ())
    columns = cursors_of(snapshot_shown.running_columns(thread))
    around = {**composer_values(chat, messages, moment.running, right, moment.chat_state), **composer(form, chat)}
    position = ChatPosition(topics.epoch, seq, snapshot_shown.end_of(thread), generation, cursor, sidebar, dict(columns))
    page = render(
        "workspace/page/visitor.html" if chat.visitor_hash else "workspace/page/show.html",
        status=status,
        chat=shown.chat(chat, is_running=bool(running or columns), right=right, given=moment.given if me else None),
        thread=thread,
        # Their font comes before the first paint: later, it would move the text.
        has_formulas=any("<math" in message.html for message in every),
        has_several_models=len({message.model for message in thread if message.model}) > 1,
        thumbs=_thumbs(every),
        earlier_url=shown.earlier_url(messages),
        events_url=f"{address('chat.events', chat.id)}?at={position}",
        # The address must be unique: for one that differs in its fragment only, a browser scrolls and doesn't load the page.
        refresh_url=f"{address('chat.show', chat.id)}?at={new_id()[:10]}#end",
        led=replacing_composer(chat, right),
        **{"cut": deleted_branches.restorable_below(messages, right), **around, **more},
    )
    return with_microphone(page) if around["dictation_url"] else page


def composer(form: MessageForm, chat: Chat | None = None, *, send_url: str = "") -> dict[str, Any]:
    """Returns the template context of the composer, for every page that has one."""
    me = user_or_none()
    choice = picker(chat, form.model.data or "", person=me.id if me else "")
    more = {} if chat else tools_shown.new_chat_values(me, form.tools.data, choice["chosen_model"])
    return {
        "form": form,
        "draft_url": (address("composer.save_draft", chat.id) if chat else url_for("composer.save_new_draft")) if me else "",
        "chips": mentions_shown.chips(form, me, chat),
        "mentions_url": _mentions_url(form, chat) if me else "",
        "allowed": tools_shown.allowed(chat, me),
        **({} if chat else {"dictation_url": dictation_url(me, None)}),
        "reads": chat_collections.visible(chat, me) if chat else chat_collections.visible_to_new(me),
        "beside": beside(chat.models if chat else form.models.data or ()),
        "choices": {} if chat else choices_in(request.values),
        "most_whole": attachment_service.most_whole(is_member=bool(me)),
        **more,
        **choice,
        "send_url": send_url or address("chat.send", chat.id if chat else ""),
    }


def _mentions_url(form: MessageForm, chat: Chat | None) -> str:
    place = {"chat": chat.id} if chat else {"chat": "", "project": form.project.data or ""}
    return f"{fixed('mentions.index')}?{urlencode(place)}"


def restore_draft(form: MessageForm, draft: str | None, draft_mentions: str | None) -> None:
    """Fills in the saved draft and what it names, unless the form has a text or an error to correct."""
    if form.refusal or form.message.data:
        return
    form.message.data = draft or ""
    form.add_mentions(draft_mentions or "")


def _thumbs(thread: list[shown.ShownMessage]) -> dict[str, Feedback]:
    me = user_or_none()
    return feedback.feedback_by_message(me.id, (message.id for message in thread if message.actions.rate_url)) if me else {}


def actions_page(message: Message) -> Response:
    """Renders what can be done with a message, for browsers without JavaScript: others draw its buttons beside it."""
    right = right_in(queries.chat_of(message), user_or_none())
    (shown_message,) = shown.ready_thread(the_engine(), lambda: [message], right)
    return render(
        "workspace/page/message/actions.html",
        message=shown_message,
        thumbs=_thumbs([shown_message]),
        back_url=chat_page_url(message.chat_id, f"message-{message.id}"),
    )


def message_fragment(message: Message) -> Response:
    """Renders one message as the chat's page shows it, as a fragment that replaces it."""
    me = user_or_none()
    (shown_message,) = shown.ready_thread(the_engine(), lambda: [message], right_in(queries.chat_of(message), me))
    html = render_template("workspace/page/message/_message.html", message=shown_message, thumbs=_thumbs([shown_message]))
    return fragment(part(f"#message-{message.id}", "outerHTML", html))


def sent_response(chat: Chat) -> Response:
    """Returns an empty composer after its message was sent."""
    if is_htmx():
        return _composer_fragment(chat, MessageForm.new(model=choice_in(chat).word), 200)
    return redirect(chat_page_url(chat.id))


def composer_with_error(chat: Chat, form: MessageForm) -> Response:
    """Returns the composer with the text that was typed."""
    status = form.refusal.status if form.refusal else 200
    return _composer_fragment(chat, form, status) if is_htmx() else chat_page(chat, form, status=status)


def first_composer_with_error(form: MessageForm) -> Response:
    """Returns the composer of the home page with the text that was typed."""
    around = composer(form, send_url=url_for("home.begin"))
    html = render_template("workspace/page/composer/_composer.html", may_be_temporary=True, **around)
    return fragment(part("#composer-box", "outerMorph", html), form.refusal.status if form.refusal else 200)


def refused_response(chat: Chat, form: MessageForm) -> Response:
    """Returns the composer with the text that was typed, and the reason why it was not sent."""
    response = composer_with_error(chat, form)
    if form.refusal and form.refusal.retry_after:
        response.headers["Retry-After"] = str(form.refusal.retry_after)
    return response


def chat_page_url(chat_id: str, anchor: str = "end") -> str:
    """Returns the address of a chat's page, at its end or another anchor."""
    return f"{address('chat.show', chat_id)}#{anchor}"


def stream(chat: Chat) -> Response:
    """Streams all events of the chat from the page's position on."""
    user, engine = user_or_none(), the_engine()
    right = right_in(chat, user)
    context = watchers.same_request()
    # A page that connects again leaves the sidebar as the person has it by now.
    if user and "Last-Event-ID" not in request.headers:
        unfolded.unfold_around(chat, user)
    person = user.id if user and not chat.visitor_hash else ""
    feed = ChatFeed(engine, chat.id, ChatPosition.parse(watchers.position()), context, right, person=person)
    who = user.id if user else chat.visitor_hash or ""
    return watch(feed, watchers.watcher(who, context, _is_allowed, chat.id, right))


def _composer_fragment(chat: Chat, form: MessageForm, status: int) -> Response:
    messages, me, now = queries.composer_messages(chat), user_or_none(), snapshot_shown.state_of(chat)
    running = snapshot_shown.hidden_answer(chat, now.active.id) if now.active else None
    context = {**composer_values(chat, messages, running, right_in(chat, me), now), **composer(form, chat)}
    is_running = context["running"] is not None
    html = render_template(
        "workspace/page/composer/_composer.html", chat=shown.chat(chat, is_running=is_running), thread=messages, **context
    )
    return fragment(part("#composer-box", "outerMorph", html), status)


def _is_allowed(context: watchers.Context, chat_id: str, right: str) -> bool:
    with context():
        chat = rows.found(db.session(), Chat, chat_id)
        # If the right has changed, the stream ends: with another right the page looks different, and has to be loaded again.
        return bool(chat and not chat.deleted_at and right_in(chat, user_or_none()) == right)
