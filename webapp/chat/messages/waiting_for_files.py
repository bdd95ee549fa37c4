"""Delays an answer for a while until the chat's long files have been read, then builds its request with their passages."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from webapp.base.db import db, write
from webapp.base.errors import Unavailable
from webapp.chat.files import long_files
from webapp.chat.messages import source_search
from webapp.chat.prompt import answer_prompt
from webapp.chat.record import paths
from webapp.chat.record.tables import Chat, Message
from webapp.chat.record.variables import below
from webapp.engine import service as generations
from webapp.engine.engine import Engine
from webapp.engine.live import Source
from webapp.engine.tables import Generation
from webapp.knowledge.documents import chat_files
from webapp.models.providers.base import ModelRequest
from webapp.settings.service import setting
from webapp.streaming.events import Event
from webapp.streaming.stop import Stop

log = logging.getLogger("chat:awaiting")
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class WaitingAnswer:
    """The waiting answer, and the options to build its request with."""

    generation_id: str
    chat_id: str
    question_id: str
    history_limit: int | None
    is_personal: bool
    speaker_id: str | None = None


class SourceAfterFiles:
    """A source that starts once all files have been read, or after a timeout."""

    def __init__(self, engine: Engine, awaited: WaitingAnswer, source: Source) -> None:
        self._engine, self._awaited, self._source = engine, awaited, source
        self._is_waiting = True

    def events(self, stop: Stop) -> Iterator[Event]:
        self._wait(stop)
        if stop:
            return
        try:
            with self._engine.in_app():
                self._source = generations.ladder(self._engine, _rebuilt_request(self._awaited))
        except (Unavailable, SQLAlchemyError) as error:
            log.warning("an answer is written without the files of its chat: %s", type(error).__name__)
        self._is_waiting = False
        yield from self._source.events(stop)

    def check_timeout(self) -> str:
        """Reports no timeout before the request has been sent."""
        return "" if self._is_waiting else self._source.check_timeout()

    def _wait(self, stop: Stop) -> None:
        engine = self._engine
        with engine.in_app():
            long_files.wake()
            until = engine.now() + float(setting("files.reading_seconds"))
        while engine.now() < until and self._has_unread() and not stop.wait(POLL_SECONDS):
            pass

    def _has_unread(self) -> bool:
        try:
            with self._engine.in_app():
                return bool(chat_files.not_indexed(self._awaited.chat_id))
        except (Unavailable, SQLAlchemyError):
            # The database can be available again at the next check.
            return True


def _rebuilt_request(awaited: WaitingAnswer) -> ModelRequest:
    """Builds the request again with the passages found by now, and stores it as the generation's prompt."""
    generation, chat = db.session.get_one(Generation, awaited.generation_id), db.session.get_one(Chat, awaited.chat_id)
    path, model = paths.messages_to(generation.message_id or ""), generation.model_asked
    given = source_search.for_retry(chat, awaited.question_id, generation.user_id or "", speaker_id=awaited.speaker_id)
    limit = awaited.history_limit
    options: dict[str, Any] = {"given": given, "is_personal": awaited.is_personal, "speaker_id": awaited.speaker_id}
    # Variables were saved when the generation was stored; building the prompt again gives the same values.
    options["variables"] = below(awaited.question_id, chat, is_personal=awaited.is_personal)
    prompt = answer_prompt.prompt_for(chat, path, model, history_limit=limit, **options)
    with write() as session:
        session.execute(update(Generation).where(Generation.id == awaited.generation_id).values(prompt=prompt))
        sources = list(prompt.get("sources", ()))
        session.execute(update(Message).where(Message.id == generation.message_id).values(sources=sources))
    return answer_prompt.request_of(
        db.session.get_one(Generation, awaited.generation_id, populate_existing=True), path, given=given
    )
