"""Keeps the chats of a file: in small batches, with all branches, and each only once, however often it is brought."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from sqlalchemy import insert, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp import lanes
from webapp.accounts.tables import User
from webapp.chat import asking
from webapp.chat.export import OWN
from webapp.chat.imports import files
from webapp.chat.imports.filed import BadFile, FiledChat, FiledGeneration, FiledMessage
from webapp.chat.kind import seams_of
from webapp.chat.tables import Chat, Message
from webapp.errors import Conflict, Invalid
from webapp.extensions import db, utc_now, write
from webapp.generations.engine import the_engine
from webapp.generations.models import providers
from webapp.generations.tables import Generation
from webapp.ids import new_id
from webapp.rendering import markdown
from webapp.rendering.text import title
from webapp.streaming.events import Changed

BATCH = 100
MOST_MESSAGES = 100_000
MOST_NAMED = 20
TRIES = 5
# Generations of this kind were run elsewhere: no person's use of a model here.
KIND = "imported"
_importing: set[str] = set()


@dataclass
class Brought:
    """What became of a file: chats and messages that are new, chats that were here, those that cannot be kept, and why."""

    chats: int = 0
    messages: int = 0
    known: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    refused_count: int = 0
    trouble: str = ""

    def refuse(self, title: str, reason: str) -> None:
        self.refused_count += 1
        if len(self.refused) < MOST_NAMED:
            self.refused.append((title or "A chat without a title", reason))


def bring_in(user: User, file: IO[bytes], *, most_messages: int = MOST_MESSAGES) -> Brought:
    """Add what a file holds to a person's chats; what is here already stays as it is."""
    brought, user_id = Brought(), user.id
    model = providers().default(user.default_model)
    with _alone(user_id):
        try:
            for filed in _chats_of(file, brought, most_messages):
                _keep(user_id, filed, model, brought)
                the_engine().pause(0)
        except BadFile as error:
            brought.trouble = str(error)
    if brought.messages:
        the_engine().topics.append(lanes.of_person(user_id), Changed("chat", user_id))
    if not (brought.chats or brought.messages or brought.known):
        raise Invalid(_sentence(brought), field="file")
    return brought


def _sentence(brought: Brought) -> str:
    reason = brought.trouble or (brought.refused[0][1] if brought.refused else "There is no chat in it.")
    return f"This file was not taken. {reason}"


@contextmanager
def _alone(user_id: str) -> Iterator[None]:
    """One file at a time for each person, so that no chat comes in twice."""
    if user_id in _importing:
        raise Conflict("Another file of yours is being read at this moment. Wait for its end.", field="file")
    _importing.add(user_id)
    try:
        yield
    finally:
        _importing.discard(user_id)


def _chats_of(file: IO[bytes], brought: Brought, most_messages: int) -> Iterator[FiledChat]:
    for value in files.values_in(file):
        if not (filed := _read(value, brought)):
            continue
        if brought.messages + len(filed.messages) > most_messages:
            raise BadFile(f"One file may hold {most_messages:,} messages: bring the rest in another one.")
        yield filed


def _read(value: dict[str, Any], brought: Brought) -> FiledChat | None:
    try:
        return files.chat_of(value)
    except BadFile as error:
        brought.refuse(files.title_of(value), str(error))
        return None


def _keep(user_id: str, filed: FiledChat, model: str, brought: Brought) -> None:
    for _ in range(TRIES):
        try:
            chat_id, is_new = _place(user_id, filed, model)
            added = _Filling(chat_id, user_id).fill(filed)
            break
        except IntegrityError:
            # Another worker brings in the same at this moment: what it has added is found the next time.
            the_engine().pause(0.1)
    else:
        brought.refuse(filed.title, "It is being brought in from another page at this moment.")
        return
    brought.chats += is_new
    brought.known += not is_new and not added
    brought.messages += added


def _place(user_id: str, filed: FiledChat, model: str) -> tuple[str, bool]:
    """The chat that has this origin, made where there is none."""
    mine = Chat.id == filed.id.removeprefix(OWN) if filed.id.startswith(OWN) else None
    is_it = Chat.origin == filed.id if mine is None else or_(Chat.origin == filed.id, mine)
    with write() as session:
        found = session.scalar(select(Chat.id).where(Chat.owner_id == user_id, is_it).limit(1))
        if found:
            return found, False
        chat = Chat(owner_id=user_id, origin=filed.id, model=filed.model or model, **_values(filed))
        session.add(chat)
        session.flush()
        return chat.id, True


def _values(filed: FiledChat) -> dict[str, Any]:
    created_at = filed.created_at or utc_now()
    first = next((each.content for each in filed.messages if each.role == "user"), "")
    return {
        "title": filed.title or title(first),
        "title_is_own": filed.title_is_own if filed.title else False,
        "created_at": created_at,
        "changed_at": filed.changed_at or created_at,
        "pinned_at": filed.pinned_at,
        "archived_at": filed.archived_at,
    }


class _Filling:
    """Puts the messages that a chat lacks into it."""

    def __init__(self, chat_id: str, user_id: str) -> None:
        self._chat_id, self._user_id = chat_id, user_id
        rows = db.session.execute(select(Message.id, Message.origin).where(Message.chat_id == chat_id))
        self._ids = {origin or OWN + id: id for id, origin in rows}
        db.session.rollback()

    def fill(self, filed: FiledChat) -> int:
        """Adds what is missing, parents first, and shows the file's branch unless the person went on from another."""
        known = set(self._ids.values())
        missing = [each for each in filed.messages if each.id not in self._ids]
        for start in range(0, len(missing), BATCH):
            self._add(missing[start : start + BATCH])
            the_engine().pause(0)
        head = self._ids.get(filed.head) or self._ids[filed.messages[-1].id]
        with write() as session:
            chat = session.get_one(Chat, self._chat_id)
            if chat.head_id is None or (missing and self._is_as_brought(session, chat.head_id)):
                chat.head_id = head
        if missing and known:
            asking.announce(db.session.get_one(Chat, self._chat_id), "thread", head)
        return len(missing)

    def _is_as_brought(self, session: Session, head_id: str) -> bool:
        return bool(session.get_one(Message, head_id).origin)

    def _add(self, messages: Sequence[FiledMessage]) -> None:
        rows: list[dict[str, Any]] = []
        generations: list[Generation] = []
        for each in messages:
            id = self._ids[each.id] = new_id()
            made = _generations(each, id, lanes.of_chat(self._chat_id))
            rows.append(self._row(id, each, made))
            generations += made
        with write() as session:
            session.execute(insert(Message), rows)
            session.add_all(generations)

    def _row(self, id: str, message: FiledMessage, made: list[Generation]) -> dict[str, Any]:
        return {
            "id": id,
            "chat_id": self._chat_id,
            "parent_id": self._ids.get(message.parent) if message.parent else None,
            "role": message.role,
            "content": message.content,
            "reasoning": message.reasoning,
            "html": _rendered(message.content, made),
            "html_version": markdown.VERSION,
            "created_at": message.created_at or utc_now(),
            "origin": message.id,
            "author_id": self._user_id if (message.role == "user" or message.is_edited) and not message.author else None,
            "author_name": message.author,
            "is_edited": message.is_edited,
        }


def _generations(message: FiledMessage, message_id: str, lane: str) -> list[Generation]:
    made: list[Generation] = []
    for each in message.generations:
        continues_id = made[each.continues].id if each.continues is not None else None
        made.append(_generation(each, message, message_id=message_id, lane=lane, continues_id=continues_id))
    return made


def _generation(filed: FiledGeneration, message: FiledMessage, **places: Any) -> Generation:
    return Generation(
        id=new_id(),
        kind=KIND,
        owner="",
        model_asked=filed.model_asked,
        model_used=filed.model_used,
        provider=filed.provider,
        status=filed.status,
        reason=filed.reason,
        error=filed.error,
        is_demo=filed.is_demo,
        notices=list(filed.notices),
        text_offset=filed.text_offset,
        input_tokens=filed.input_tokens,
        output_tokens=filed.output_tokens,
        cost=filed.cost,
        created_at=filed.created_at or message.created_at or utc_now(),
        started_at=filed.started_at,
        first_text_at=filed.first_text_at,
        ended_at=filed.ended_at,
        **places,
    )


def _rendered(text: str, made: list[Generation]) -> str:
    """The text as HTML; a long one is rendered in pieces, so that nobody waits for it."""
    growing = markdown.GrowingMarkdown(seams=seams_of(made))
    for start in range(0, len(text), asking.PIECE_CHARS):
        if start:
            the_engine().pause(0)
        growing.feed(text[start : start + asking.PIECE_CHARS])
    for _ in growing.finishing():
        the_engine().pause(0)
    return growing.finish().html
