"""From what a person typed to a generation that runs: checked, stored in one transaction, started, announced."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.chat import queries
from webapp.chat.prompt_parts import prompt_for, request_of
from webapp.chat.sharing import readers
from webapp.chat.tables import Chat, Message
from webapp.errors import Conflict, Invalid, TooMany
from webapp.extensions import db, utc_now, write
from webapp.generations import service as generations
from webapp.generations.engine import the_engine
from webapp.generations.models import providers
from webapp.generations.tables import Generation
from webapp.rendering import markdown
from webapp.settings.service import setting
from webapp.streaming.events import Changed

VISITORS = "idle:60"
VISITORS_AT_ONCE = 20
PIECE_CHARS = 4_096


@dataclass(frozen=True, slots=True)
class How:
    """How an answer is to be made, where that is not as usual.

    `context_limit` is how many earlier messages are sent, `when_unwatched` what becomes of it when nobody is there:
    `detach`, or `idle:SECONDS` or `abort:SECONDS`.
    """

    context_limit: int | None = None
    when_unwatched: str = ""


USUAL = How()


@dataclass(frozen=True, slots=True)
class Typed:
    """What a person typed, fit to be stored, and its rendering."""

    content: str
    html: str


def checked(text: str) -> str:
    """A message fit to be stored."""
    content = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if not content.strip():
        raise Invalid("Write something first.", field="message")
    limit = int(setting("limits.message_chars"))
    if limit and len(content) > limit:
        raise Invalid(f"That is {len(content) - limit} characters too long. {limit} fit into one message.", field="message")
    return content


def typed(text: str) -> Typed:
    """Checks a message; a long one is rendered in pieces, so that nobody waits for it."""
    content = checked(text)
    growing = markdown.GrowingMarkdown()
    for start in range(0, len(content), PIECE_CHARS):
        if start:
            # What was read before others had their turn may be old by now.
            db.session.rollback()
            the_engine().pause(0)
        growing.feed(content[start : start + PIECE_CHARS])
    return Typed(content, growing.finish().html)


def person_of(chat: Chat) -> str:
    """Who writes here: an account, or a visitor's cookie."""
    return chat.owner_id or chat.visitor_hash or ""


def lane_of(chat: Chat) -> str:
    return f"chat:{chat.id}"


def announce(chat: Chat, what: str, id: str) -> None:
    """Tells every open page that something of the chat has changed."""
    topics = the_engine().topics
    topics.append(lane_of(chat), Changed(what, id))
    if chat.owner_id:
        for id in {chat.owner_id, *readers(chat.id)}:
            topics.append(f"user:{id}", Changed("chat", chat.id))


def question(session: Session, chat: Chat, parent_id: str | None, said: Typed, *, by: str = "") -> Message:
    """A person's message below its parent; of a visitor nothing is known."""
    author_id = None if chat.visitor_hash else by or chat.owner_id
    values = {"role": "user", "content": said.content, "html": said.html, "html_version": markdown.VERSION}
    return _added(session, Message(chat_id=chat.id, parent_id=parent_id, author_id=author_id, **values))


def answer(
    session: Session,
    chat: Chat,
    parent_id: str | None,
    *,
    model: str = "",
    sent_as: str | None = None,
    how: How = USUAL,
) -> Generation:
    """An empty answer below its question, at the head of the chat, with the generation that is to fill it."""
    message = _added(session, Message(chat_id=chat.id, parent_id=parent_id, role="assistant"))
    chat.head_id, chat.changed_at = message.id, utc_now()
    return queue(session, chat, message, model=model or chat.model, sent_as=sent_as, how=how)


def queue(
    session: Session,
    chat: Chat,
    message: Message,
    *,
    model: str,
    sent_as: str | None = None,
    continues_id: str | None = None,
    how: How = USUAL,
) -> Generation:
    """A generation for the message; one that continues another begins where the text ends."""
    if chat.visitor_hash:
        _refuse_a_crowd()
    generation = generations.queue(
        session,
        kind=chat.kind,
        lane=lane_of(chat),
        message_id=message.id,
        user_id=chat.owner_id,
        model_asked=model,
        connection=providers().connection_of(model),
        when_unwatched=how.when_unwatched or (VISITORS if chat.visitor_hash else "detach"),
        owner=the_engine().worker.id,
        sent_as=sent_as,
        continues_id=continues_id,
        text_offset=len(message.content) if continues_id else 0,
        prompt=prompt_for(session, chat, message, model, history_limit=how.context_limit),
    )
    session.flush()
    return generation


def start(store: Callable[[Session], Generation], person: str, *, lane: str = "", sent_as: str | None = None) -> Generation:
    """Stores in one transaction, then starts; when two come in the same moment, one is refused or was the same."""
    engine = the_engine()
    generations.refuse_if_too_many(engine, person)
    try:
        with write() as session:
            generation = store(session)
            # A chat of a visitor belongs to no account.
            if generation.user_id:
                generation.user_id = person
    except IntegrityError as error:
        if repeated := generations.sent_before(sent_as):
            return repeated
        generations.refuse_if_busy(lane)
        raise Conflict("Something changed here in this very moment. Please try again.") from error
    message = db.session.get_one(Message, generation.message_id)
    generations.start(engine, generation, request_of(generation, message))
    announce(queries.chat_of(message), "message", message.id)
    return generation


def _refuse_a_crowd() -> None:
    """All visitors together have so many places, however they came to ask."""
    if sum(not live.person for live in the_engine().live.values()) >= VISITORS_AT_ONCE:
        raise TooMany("Many people are trying this at the moment. Please come back in a minute.", retry_after=60)


def _added(session: Session, message: Message) -> Message:
    session.add(message)
    session.flush()
    return message
