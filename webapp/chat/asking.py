"""From what a person typed to a generation that runs: checked, stored in one transaction, started, announced."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp import lanes
from webapp.chat import queries, rails
from webapp.chat.prompt_parts import names_in, prompt_for, request_of
from webapp.chat.sharing import readers
from webapp.chat.tables import Chat, Message
from webapp.counts import number, plural
from webapp.errors import Conflict, Invalid, TooMany
from webapp.extensions import db, utc_now, write
from webapp.generations import service as generations
from webapp.generations.engine import the_engine
from webapp.generations.figures import Limited
from webapp.generations.models import providers
from webapp.generations.tables import Generation
from webapp.ids import new_id
from webapp.providers.base import ModelRequest
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
class Asked:
    """A generation that is queued in a chat, and the request that it makes."""

    chat: Chat
    generation: Generation
    request: ModelRequest


@dataclass(frozen=True, slots=True)
class Typed:
    """What a person typed, fit to be stored, and its rendering."""

    content: str
    html: str


UNSAID = Typed("", "")


def checked(text: str) -> str:
    """A message fit to be stored."""
    content = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if not content.strip():
        raise Invalid("Write something first.", field="message")
    limit = int(setting("limits.message_chars"))
    if limit and len(content) > limit:
        over = plural(len(content) - limit, "character")
        raise Invalid(f"That is {over} too long. {number(limit)} fit into one message.", field="message")
    return content


def typed(text: str, chat: Chat | None = None) -> Typed:
    """Checks a message, in which names are filled in; a long one is rendered in pieces, so that nobody waits for it."""
    content = checked(names_in(chat).fill(text) if chat else text)
    growing = markdown.GrowingMarkdown()
    for start in range(0, len(content), PIECE_CHARS):
        if start:
            # What was read before others had their turn may be old by now.
            db.session.rollback()
            the_engine().pause(0)
        growing.feed(content[start : start + PIECE_CHARS])
    for _ in growing.finishing():
        db.session.rollback()
        the_engine().pause(0)
    return Typed(content, growing.finish().html)


def person_of(chat: Chat) -> str:
    """Who writes here: an account, or a visitor's cookie."""
    return chat.owner_id or chat.visitor_hash or ""


def announce(chat: Chat, what: str, id: str) -> None:
    """Tells every open page that something of the chat has changed."""
    _tell(chat.id, what, id, hearers(chat))


def hearers(chat: Chat) -> set[str]:
    """In whose lists the chat stands; a visitor's stands in none."""
    return {chat.owner_id, *readers(chat.id)} if chat.owner_id else set()


def question(session: Session, chat: Chat, parent_id: str | None, said: Typed, *, by: str = "") -> Message:
    """A person's message below its parent, stored with its answer; of a visitor nothing is known."""
    author_id = None if chat.visitor_hash else by or chat.owner_id
    return _added(session, chat, parent_id, "user", said, author_id=author_id)


def answer(
    session: Session,
    chat: Chat,
    parent_id: str | None,
    *,
    model: str = "",
    sent_as: str | None = None,
    how: How = USUAL,
) -> Asked:
    """An empty answer below its question, at the head of the chat, with the generation that is to fill it."""
    message = _added(session, chat, parent_id, "assistant")
    # Both messages in one statement, and before the chat refers to one of them.
    session.flush()
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
) -> Asked:
    """A generation for the message; one that continues another begins where the text ends."""
    if chat.visitor_hash:
        _refuse_a_crowd()
    path = queries.path_to(message)
    generation = generations.queue(
        session,
        kind=chat.kind,
        lane=chat.lane,
        message_id=message.id,
        user_id=chat.owner_id,
        model_asked=model,
        connection=providers().connection_of(model),
        when_unwatched=how.when_unwatched or (VISITORS if chat.visitor_hash else "detach"),
        owner=the_engine().worker.id,
        sent_as=sent_as,
        continues_id=continues_id,
        text_offset=len(message.content),
        prompt=prompt_for(session, chat, path, model, history_limit=how.context_limit),
    )
    return Asked(chat, generation, request_of(generation, path))


def start(store: Callable[[Session], Asked], person: str, *, lane: str = "", sent_as: str | None = None) -> Generation:
    """Stores in one transaction, then starts; when two come in the same moment, one is refused or was the same."""
    engine = the_engine()
    generations.refuse_if_too_many(engine, person)
    try:
        # Nothing that is read in between needs what is not stored yet: few statements are fewer round trips.
        with write(keeps=True) as session, session.no_autoflush:
            asked = store(session)
            generation = asked.generation
            # A chat of a visitor belongs to no account.
            if generation.user_id:
                generation.user_id = person
                generations.refuse_one_too_many(engine, session, generation)
            news = (asked.chat.id, "message", generation.message_id or "", hearers(asked.chat))
    except IntegrityError as error:
        if repeated := generations.sent_before(sent_as):
            return repeated
        generations.refuse_if_busy(lane)
        raise Conflict("Something changed here in this very moment. Please try again.") from error
    generations.start(engine, generation, asked.request)
    _tell(*news)
    return generation


def _tell(chat_id: str, what: str, id: str, people: Iterable[str]) -> None:
    engine = the_engine()
    engine.topics.append(lanes.of_chat(chat_id), Changed(what, id))
    for person in people:
        rails.tell(engine, person, chat_id)


def _refuse_a_crowd() -> None:
    """All visitors together have so many places, however they came to ask."""
    if sum(not live.person for live in the_engine().live.values()) >= VISITORS_AT_ONCE:
        the_engine().tell(Limited("visitors"))
        raise TooMany("Many people are trying this at the moment. Please come back in a minute.", retry_after=60)


def _added(
    session: Session, chat: Chat, parent_id: str | None, role: str, said: Typed = UNSAID, *, author_id: str | None = None
) -> Message:
    # All columns of every message: rows that say the same ones go in one statement.
    values = {"content": said.content, "html": said.html, "html_version": 0 if said is UNSAID else markdown.VERSION}
    message = Message(id=new_id(), chat_id=chat.id, parent_id=parent_id, role=role, author_id=author_id, **values)
    session.add(message)
    return message
