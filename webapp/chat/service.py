"""What a person can do in a chat."""

from collections.abc import Callable

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.chat import queries
from webapp.chat.history import build_request
from webapp.chat.tables import Chat, Message
from webapp.errors import Conflict, Invalid, TooMany
from webapp.extensions import db, utc_now, write
from webapp.generations import service as generations
from webapp.generations.engine import the_engine
from webapp.generations.models import providers
from webapp.generations.tables import Generation
from webapp.providers.base import ModelRequest
from webapp.rendering import markdown
from webapp.rendering.text import title as title_of
from webapp.settings.service import setting
from webapp.streaming.events import Changed

VISITORS = "idle:60"
VISITORS_MODEL = "demo/quick"
VISITORS_AT_ONCE = 20
# Complete as far as the provider is concerned, but more could be said.
CUT_SHORT = ("length", "cap")


def begin(
    text: str, *, model: str = "", key: str = "", owner_id: str | None = None, visitor_hash: str | None = None
) -> Generation:
    """Make a chat with its first message and start the answer; the same key and text again give the first result."""
    content = _checked(text)
    model = model or providers().default()
    providers().of(model)
    sent_as = generations.sent_as(owner_id or visitor_hash or "", key, f"new\0{content}")
    if repeated := generations.sent_before(sent_as):
        return repeated
    chat = Chat(owner_id=owner_id, visitor_hash=visitor_hash, model=model, title=title_of(content))

    def store(session: Session) -> Generation:
        session.add(chat)
        session.flush()
        return _asked(session, chat, content, sent_as)

    return _started(store, owner_id or visitor_hash or "", sent_as)


def begin_as_visitor(text: str, *, key: str, visitor_hash: str) -> Generation:
    """A chat for somebody without an account, answered by the demo; chats of yesterday's visitors go."""
    engine = the_engine()
    if sum(live.when_unwatched == VISITORS for live in engine.live.values()) >= VISITORS_AT_ONCE:
        raise TooMany("Many people are trying this at the moment. Please come back in a minute.", retry_after=60)
    with write() as session:
        session.execute(delete(Chat).where(Chat.visitor_hash.is_not(None), Chat.created_at < utc_now() - queries.VISITORS_DAY))
    return begin(text, model=VISITORS_MODEL, key=key, visitor_hash=visitor_hash)


def forget_visitor(visitor_hash: str) -> None:
    """Deletes what a visitor wrote, as they asked."""
    with write() as session:
        session.execute(delete(Chat).where(Chat.visitor_hash == visitor_hash, Chat.visitor_hash != ""))


def ask(chat: Chat, text: str, *, key: str = "", model: str = "") -> Generation:
    """Store the message and start the answer; the same key and text again give the first result.

    When this returns, the message is committed and the answer is on its way, whatever becomes of the caller.
    """
    content = _checked(text)
    providers().of(model or chat.model)
    sent_as = generations.sent_as(_person(chat), key, f"{chat.id}\0{content}")
    if repeated := generations.sent_before(sent_as):
        return repeated
    generations.refuse_if_busy(lane_of(chat))

    def store(session: Session) -> Generation:
        chat.model = model or chat.model
        return _asked(session, chat, content, sent_as)

    return _started(store, _person(chat), sent_as)


def go_on(message: Message) -> Generation:
    """Continue an answer that was cut, in the same message; without any text yet it is asked again."""
    chat, last = queries.chat_of(message), queries.last_generation(message)
    is_whole = last and last.status == "completed" and last.reason not in CUT_SHORT
    if not last or last.is_active or is_whole:
        raise Conflict("This answer is complete: there is nothing to continue.")
    providers().of(last.model_asked)
    generations.refuse_if_busy(lane_of(chat))

    def store(session: Session) -> Generation:
        return _queued(session, chat, message, continues_id=last.id, text_offset=len(message.content), model=last.model_asked)

    return _started(store, _person(chat))


def again(message: Message) -> Generation:
    """Ask for another version of an answer; the first stays beside it."""
    chat = queries.chat_of(message)
    if message.role != "assistant":
        raise Invalid("Only an answer can be tried again.")
    providers().of(chat.model)
    generations.refuse_if_busy(lane_of(chat))

    def store(session: Session) -> Generation:
        answer = Message(chat_id=chat.id, parent_id=message.parent_id, role="assistant")
        session.add(answer)
        session.flush()
        chat.head_id = answer.id
        return _queued(session, chat, answer)

    return _started(store, _person(chat))


def _person(chat: Chat) -> str:
    """Who writes here: an account, or a visitor's cookie."""
    return chat.owner_id or chat.visitor_hash or ""


def lane_of(chat: Chat) -> str:
    return f"chat:{chat.id}"


def announce(chat: Chat, what: str, id: str) -> None:
    """Tells every open page that something of the chat has changed."""
    topics = the_engine().topics
    topics.append(lane_of(chat), Changed(what, id))
    if chat.owner_id:
        topics.append(f"user:{chat.owner_id}", Changed("chat", chat.id))


def _checked(text: str) -> str:
    content = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if not content.strip():
        raise Invalid("Write something first.", field="message")
    limit = int(setting("limits.message_chars"))
    if limit and len(content) > limit:
        raise Invalid(f"That is {len(content) - limit} characters too long. {limit} fit into one message.", field="message")
    return content


def _asked(session: Session, chat: Chat, content: str, sent_as: str | None) -> Generation:
    html = markdown.render(content)
    question = Message(
        chat_id=chat.id, parent_id=chat.head_id, role="user", content=content, html=html, html_version=markdown.VERSION
    )
    session.add(question)
    session.flush()
    answer = Message(chat_id=chat.id, parent_id=question.id, role="assistant")
    session.add(answer)
    session.flush()
    chat.head_id, chat.changed_at = answer.id, utc_now()
    return _queued(session, chat, answer, sent_as=sent_as)


def _queued(
    session: Session,
    chat: Chat,
    answer: Message,
    *,
    model: str = "",
    sent_as: str | None = None,
    continues_id: str | None = None,
    text_offset: int = 0,
) -> Generation:
    generation = generations.queue(
        session,
        kind=chat.kind,
        lane=lane_of(chat),
        message_id=answer.id,
        user_id=chat.owner_id,
        model_asked=model or chat.model,
        when_unwatched=VISITORS if chat.visitor_hash else "detach",
        owner=the_engine().worker.id,
        connection=providers().connection_of(model or chat.model),
        sent_as=sent_as,
        continues_id=continues_id,
        text_offset=text_offset,
    )
    session.flush()
    return generation


def _started(store: Callable[[Session], Generation], person: str, sent_as: str | None = None) -> Generation:
    engine = the_engine()
    generations.refuse_if_too_many(engine, person)
    try:
        with write() as session:
            generation = store(session)
            lane = generation.lane
    except IntegrityError as error:
        # Two sent in the same moment and the database let one of them pass.
        if repeated := generations.sent_before(sent_as):
            return repeated
        generations.refuse_if_busy(lane)
        raise Conflict("Something changed here in this very moment. Please try again.") from error
    message = db.session.get_one(Message, generation.message_id)
    generations.start(engine, generation, _request(generation, message))
    announce(queries.chat_of(message), "message", message.id)
    return generation


def _request(generation: Generation, message: Message) -> ModelRequest:
    path = [(each.role, each.content) for each in queries.path_to(message)[:-1]]
    model = generation.model_asked
    return build_request(model, path, beginning=message.content, **providers().parameters(model))
