"""A chat's stream in the roleplay dialect: its state, then one generation after another."""

from collections.abc import Callable

from flask import Response
from sqlalchemy import Select, select

from webapp.api.streaming.encoding import DialectFrame, end_id, wire
from webapp.api.streaming.feed import GenerationFeed, id_after
from webapp.api.streaming.streams import stream
from webapp.base.db import db
from webapp.chat.record import queries
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import Engine, the_engine
from webapp.engine.tables import Generation
from webapp.guests.dialects.roleplay.encoder import RoleplayEncoder, idle, last_id_of
from webapp.streaming.events import Notice

# A position that no log contains: a reader at it gets a snapshot of the text so far.
NOWHERE = -1


class ChatStream:
    """A feed that never ends by itself. `last_id` is the last event id that an earlier connection of this reader received."""

    has_ended = False

    def __init__(self, engine: Engine, chat: Chat, last_id: str = "") -> None:
        self.lane = chat.lane
        self._engine, self._last_id = engine, last_id
        self._after = engine.logs.topics.last(self.lane)
        self._feed: GenerationFeed | None = None
        self._seen, self._has_opened = "", False

    def topics(self) -> dict[str, int]:
        return self._feed.topics() if self._feed else {self.lane: self._after}

    def news(self) -> list[bytes]:
        if not self._has_opened:
            return self._opened()
        if self._feed is None and self._has_changed():
            self._feed = self._in_app(self._next)
        return self._note_sent(self._feed.news()) if self._feed else []

    def quick_news(self) -> bytes:
        return self._feed.quick_news() if self._feed else b""

    def beat(self) -> list[bytes]:
        return self._note_sent(self._feed.beat()) if self._feed else []

    def disconnected(self, why: Notice) -> list[bytes]:
        return wire([DialectFrame({"code": why.code, "message": why.message}, "notice")], id=id_after(why))

    def _opened(self) -> list[bytes]:
        self._has_opened = True
        self._feed = self._in_app(self._joined)
        return self._note_sent(self._feed.news()) if self._feed else wire([idle(self._seen)])

    def _note_sent(self, lines: list[bytes]) -> list[bytes]:
        if self._feed and self._feed.has_ended:
            # `NOWHERE` makes `_has_changed` true once: another generation can have begun in the meantime.
            self._feed, self._after = None, NOWHERE
        return lines

    def _has_changed(self) -> bool:
        after, self._after = self._after, self._engine.logs.topics.last(self.lane)
        return after != self._after

    def _joined(self) -> GenerationFeed | None:
        """Follows the active generation, or the last one if this reader was connected before and missed its end."""
        last = db.session.scalar(self._lane().order_by(Generation.id.desc()).limit(1))
        self._seen = last.id if last else ""
        if last and (last.is_active or self._last_id not in ("", end_id(last.id), last_id_of(last.id))):
            return GenerationFeed(self._engine, last, encoder_of(last), after=position_of(last, self._engine))
        return None

    def _next(self) -> GenerationFeed | None:
        """Follows the oldest generation that has begun since the last one."""
        generation = db.session.scalar(self._lane().where(Generation.id > self._seen).order_by(Generation.id).limit(1))
        if generation is None:
            return None
        self._seen = generation.id
        return GenerationFeed(self._engine, generation, encoder_of(generation))

    def _lane(self) -> Select[Generation]:
        return select(Generation).where(Generation.lane == self.lane)

    def _in_app(self, find: Callable[[], GenerationFeed | None]) -> GenerationFeed | None:
        with self._engine.in_app():
            return find()


def only(generation: Generation) -> Response:
    """Streams one answer of a chat: its text so far, the rest, and its end, after which the stream ends too."""
    return stream(
        generation, encoder_of(generation, last_id=last_id_of(generation.id)), after=position_of(generation, the_engine())
    )


def encoder_of(generation: Generation, *, last_id: str = "") -> RoleplayEncoder:
    message = db.session.get_one(Message, generation.message_id)
    beginning = message.content[: generation.text_offset]
    return RoleplayEncoder(generation.id, message.id, new_question(generation, message), beginning=beginning, last_id=last_id)


def position_of(generation: Generation, engine: Engine) -> int:
    """Returns where a reader of an answer starts: with a snapshot, unless there is no text to take one of yet."""
    return 0 if generation.is_active and not engine.logs.follows(generation) else NOWHERE


def new_question(generation: Generation, answer: Message) -> str:
    """Returns the id of the question if it is new; empty if the answer is another version or a continuation."""
    is_first = not generation.continues_id and answer.id not in queries.siblings_of([answer])
    return answer.parent_id or "" if is_first else ""
