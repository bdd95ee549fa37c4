"""The ledger of an answer: its calls in their order, each in its state. That of an answer in a chat is stored with it."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

from sqlalchemy import JSON, Integer, Text, column, select, table, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.base.db import utc_now, write
from webapp.base.errors import Unavailable
from webapp.engine.duties import journal
from webapp.engine.engine import Engine
from webapp.engine.tables import Generation
from webapp.streaming.events import SourceRecord
from webapp.streaming.stop import Stop
from webapp.tools import calls as stored
from webapp.tools.calls import CallRecord
from webapp.tools.folded import NEW
from webapp.tools.outside import places_text

log = logging.getLogger("tools:ledger")
T = TypeVar("T")
TRY_AGAIN_SECONDS = 0.5
CHATS = table("chats", column("id"), column("fold_count", Integer))
MESSAGES = table(
    "messages", column("id"), column("chat_id"), column("call_count"), column("sources", JSON), column("outside", Text)
)


class Ledger:
    """The calls of one answer, and its sources: those of its prompt, then those of its calls.

    This one is known to its run alone: a program that asks again begins another answer.
    """

    message_id = generation_id = ""

    def __init__(self, calls: Sequence[CallRecord] = (), prompt_sources: Sequence[SourceRecord] = ()) -> None:
        self.calls, self._prompt_sources = list(calls), prompt_sources
        # The round in which a program's tools were called, too; 0 if there is none.
        self.programs_round = 0
        # How many folds of its own have a number.
        self._numbered = 0

    def __iter__(self) -> Iterator[CallRecord]:
        return iter(self.calls)

    def sources(self) -> list[SourceRecord]:
        """Returns each source once: a result that is opened again has those that it had."""
        every = [*self._prompt_sources, *(source for call in self.calls for source in call.sources)]
        return list({source["number"]: source for source in every}.values())

    def of(self, id: str) -> CallRecord:
        return next(call for call in self.calls if call.id == id)

    def note(self, *changed: CallRecord) -> None:
        """Puts calls that have been changed in the place of those before."""
        by_id = {call.id: call for call in changed}
        self.calls = [by_id.get(call.id, call) for call in self.calls]

    def add(self, calls: Sequence[CallRecord], stop: Stop) -> None:
        """Adds the calls of a round, each in the state in which it begins."""
        self.calls += calls

    def change(self, calls: Sequence[CallRecord], stop: Stop) -> bool:
        """Puts changed calls in the place of those before; returns whether all of them could be changed."""
        self.note(*calls)
        return True

    def fold(self, calls: Sequence[CallRecord], stop: Stop) -> bool:
        """Changes how these calls stand in requests, and numbers those folds that have none yet."""
        is_of_rounds = any(call.fold and call.fold["rounds"] == NEW for call in calls)
        new = sum(bool(call.fold and call.fold["number"] == NEW) for call in calls)
        first = self._numbers(new + is_of_rounds, stop)
        return first > 0 and self.change([*_with_numbers(calls, first, rounds=first + new)], stop)

    def _numbers(self, count: int, stop: Stop) -> int:
        """Returns the first of so many numbers for folds that its chat has never had; 0 if it was stopped before."""
        self._numbered += count
        return self._numbered - count + 1


class StoredLedger(Ledger):
    """A ledger whose calls are rows of a message. A change is committed when `add` or `change` returns, unless it was stopped.

    `outside` is what the message had from its prompt; the places of its calls come to it.
    Only the worker that runs the generation adds or begins calls: another that has taken it over does them.
    """

    def __init__(
        self,
        engine: Engine,
        message_id: str,
        generation_id: str,
        calls: Sequence[CallRecord] = (),
        prompt_sources: Sequence[SourceRecord] = (),
        outside: str = "",
    ) -> None:
        super().__init__(calls, prompt_sources)
        self._outside = outside
        self._engine, self.message_id, self.generation_id = engine, message_id, generation_id

    def add(self, calls: Sequence[CallRecord], stop: Stop) -> None:
        """Adds the calls of a round; the text before them is stored first."""
        journal.catch_up(self._engine, self.generation_id, stop)

        def store(session: Session) -> bool:
            if not self._is_ours(session, stop):
                return False
            stored.store(session, calls)
            counted = update(MESSAGES).where(MESSAGES.c.id == self.message_id)
            session.execute(counted.values(call_count=MESSAGES.c.call_count + len(calls)))
            return True

        if self._committed(store, stop):
            super().add(calls, stop)

    def change(self, calls: Sequence[CallRecord], stop: Stop) -> bool:
        """Changes calls that are still in the state that is known of them."""
        before = {call.id: call for call in self.calls}
        is_beginning = any(call.state == "running" for call in calls)

        def store(session: Session) -> list[CallRecord]:
            if is_beginning and not self._is_ours(session, stop):
                return []
            changed = [call for call in calls if _store_change(session, before[call.id], call)]
            after = Ledger(self.calls, self._prompt_sources)
            after.note(*changed)
            values: dict[str, Any] = {"sources": after.sources()} if any(call.sources for call in changed) else {}
            if any(call.outside for call in changed):
                places = (place for call in after for place in call.outside)
                values["outside"] = places_text([*self._outside.splitlines(), *places])
            if values:
                session.execute(update(MESSAGES).where(MESSAGES.c.id == self.message_id).values(values))
            return changed

        changed = self._committed(store, stop) or []
        self.note(*changed)
        return len(changed) == len(calls)

    def _numbers(self, count: int, stop: Stop) -> int:
        def take(session: Session) -> int:
            of_message = select(MESSAGES.c.chat_id).where(MESSAGES.c.id == self.message_id).scalar_subquery()
            taken = update(CHATS).where(CHATS.c.id == of_message).values(fold_count=CHATS.c.fold_count + count)
            return session.scalar(taken.returning(CHATS.c.fold_count)) or 0

        last = self._committed(take, stop) or 0
        return last - count + 1 if last else 0

    def _committed(self, work: Callable[[Session], T], stop: Stop) -> T | None:
        """Runs a transaction until the database takes it; returns None if the answer is stopped before."""
        while True:
            try:
                with self._engine.in_app(), write(skips_queue=True) as session:
                    return work(session)
            except (SQLAlchemyError, Unavailable) as error:
                log.warning("a call could not be stored, trying again: %s", type(error).__name__)
            if stop.wait(TRY_AGAIN_SECONDS):
                return None

    def _is_ours(self, session: Session, stop: Stop) -> bool:
        is_ours = Generation.id == self.generation_id, Generation.owner == self._engine.worker.id
        if session.scalar(select(Generation.id).where(*is_ours).with_for_update()) is None:
            stop.request("taken")
            return False
        return True


def _store_change(session: Session, before: CallRecord, call: CallRecord) -> CallRecord | None:
    names = (field.name for field in fields(call))
    values = {name: value for name in names if (value := getattr(call, name)) != getattr(before, name)}
    return stored.change(session, before, after=(before.state,), **values)


def _with_numbers(calls: Iterable[CallRecord], number: int, *, rounds: int) -> Iterator[CallRecord]:
    """Yields the calls with numbers for their new folds, from this one on, and `rounds` for that of rounds folded now."""
    for call in calls:
        assert call.fold, "it is folded now"
        fold = call.fold.copy()
        fold["made_at"] = utc_now().isoformat()
        if fold["number"] == NEW:
            fold["number"], number = number, number + 1
        if fold["rounds"] == NEW:
            fold["rounds"] = rounds
        yield replace(call, fold=fold)
