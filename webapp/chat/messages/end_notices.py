"""Notices about answers: one ended, or waits for a person, while they weren't looking."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from webapp.base.current import PerApp
from webapp.base.db import db
from webapp.base.errors import AppError
from webapp.base.heavy.turns import wait_for_turn
from webapp.chat.record.post_answer import PostAnswer
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import Engine
from webapp.engine.live import LiveGeneration
from webapp.engine.state.presence import Lookout
from webapp.engine.tables import WAITING, Generation
from webapp.people.notices.kinds import KindName
from webapp.people.notices.telling import is_reachable, tell
from webapp.rendering.text import plain
from webapp.streaming.stop import Stop
from webapp.web.feature import brought

# Who looked away for less is still here: a page needs a moment to connect, or to load again. Tests don't wait.
AWAY_SECONDS = PerApp[float](lambda: 5.0)
# Of which the beginning is plain text.
READS_CHARS = 1_000
TITLES = {"completed": "", "failed": "An answer failed"}
DETACHED = "detach"
log = logging.getLogger("chat:notices")


@dataclass(frozen=True, slots=True)
class EndNoticeExemption:
    """Answers whose end a feature announces itself: `covers` says whether the answer in this message is one."""

    covers: Callable[[str], bool]


def tell_of_end(engine: Engine, generation: Generation, after: PostAnswer) -> None:
    """Tells who began an answer that it has ended, unless they watch it; what programs read themselves isn't told."""
    person, is_kept = generation.user_id or "", not after.is_temporary
    if is_kept and generation.status in TITLES and generation.when_unwatched == DETACHED and is_reachable(person):
        title, about = TITLES[generation.status], (person, after.chat_id, after.title, generation.message_id or "")
        tell = partial(_tell, engine, "answer", *about, title=title, once=f"answer {generation.id}")
        _decide_later(engine, partial(_tell_if_away, engine, engine.presence.look_out(generation.lane, person), tell))


def tell_of_wait(engine: Engine, live: LiveGeneration, chat: Chat) -> None:
    """Tells who began an answer that it waits for them, unless they watch it a moment later or have decided by then."""
    if is_reachable(live.person):
        # The next call of the same answer waits at another place of its log.
        once, about = f"waiting {live.id} {len(live.run.transcript.calls)}", (live.person, chat.id, chat.title)
        _decide_later(engine, partial(_tell_if_waiting, engine, live, *about, once=once))


def _decide_later(engine: Engine, decide: Callable[[], None]) -> None:
    """Decides a moment later, or at once when the server stops, which waits for it."""
    seconds = AWAY_SECONDS.get()

    def later(stop: Stop) -> None:
        stop.wait(seconds)
        decide()

    engine.in_background(later)


def _tell_if_waiting(engine: Engine, live: LiveGeneration, person: str, chat_id: str, subject: str, *, once: str) -> None:
    if engine.presence.has(live.lane, person) or engine.is_watched_elsewhere(live.lane, person):
        return
    with engine.in_app():
        is_waiting = db.session.scalar(select(Generation.status).where(Generation.id == live.id)) == WAITING
    if is_waiting:
        _tell(engine, "waiting", person, chat_id, subject, live.message_id or "", once=once)


def _tell_if_away(engine: Engine, lookout: Lookout, tell: Callable[[], None]) -> None:
    """Asks a moment after the end: who has left just before it has not seen it, and a page may be loading again."""
    if not (engine.presence.has_come(lookout) or engine.is_watched_elsewhere(lookout.lane, lookout.person)):
        tell()


def _tell(
    engine: Engine, kind: KindName, person: str, chat_id: str, subject: str, message_id: str, *, title: str = "", once: str
) -> None:
    wait_for_turn()
    with engine.in_app():
        try:
            if kind == "answer" and any(exemption.covers(message_id) for exemption in brought(EndNoticeExemption)):
                return
            content = db.session.scalar(select(func.substr(Message.content, 1, READS_CHARS)).where(Message.id == message_id))
            words = plain(content or "") if kind == "answer" else ""
            tell(person, kind, subject, f"/chats/{chat_id}#message-{message_id}", words, title=title, once=once)
        except (AppError, SQLAlchemyError) as error:
            log.warning("not_told", extra={"fields": {"kind": kind, "error": type(error).__name__}})
