"""Reads archives that have arrived, one person after the other: a child process cuts out the chats, which are stored one by one.

How far it is stands in the row of the import, so that the next process continues from there.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from webapp.base.db import db, utc_now, write
from webapp.base.errors import AppError, Conflict
from webapp.base.heavy import child
from webapp.base.heavy.turns import give_way
from webapp.chat.imports import pieces
from webapp.chat.imports.filed import BadFile
from webapp.engine.chores import Chore
from webapp.engine.engine import the_engine
from webapp.models.connections.models import the_models
from webapp.people.accounts.tables import User
from webapp.workspace.exchange import arrivals
from webapp.workspace.exchange.service import TOO_MUCH, ChatImportResult, Storing, alone
from webapp.workspace.exchange.tables import DONE, FAILED, READING, ChatImport

MOST_MESSAGES = 2_000_000
# An archive that takes longer is read in several rounds. It waits for no turn, because one is read at a time.
LIMITS = child.WorkLimits(cpu_seconds=300, wall_seconds=1_800, is_admitted=True)
# Rounds in which not one chat was read: the server may have been stopped in the first, and one chat can take too much.
MOST_ATTEMPTS = 5
NOTICE_SECONDS = 1.0
MISSING = "The file isn't on the server any longer. Please choose it again."
BROKEN = "It couldn't be read because of an error in Millrace. You can try again."
EMPTY = "It contains no chats."
log = logging.getLogger("chat:imports")


def work() -> bool:
    """Reads on in the import that has waited longest; returns whether there are more."""
    if reading := _next():
        try:
            reading.read()
        except AppError as reason:
            # Such as a busy database.
            log.info("import_postponed", extra={"fields": {"import": reading.id, "reason": type(reason).__name__}})
    return _waiting() is not None


wake = Chore("imports", work, every_seconds=0.5, most_seconds=5.0).wake


def _waiting() -> ChatImport | None:
    return db.session.scalar(select(ChatImport).where(ChatImport.state == READING).order_by(ChatImport.touched_at).limit(1))


def _next() -> "_Reading | None":
    with write() as session:
        if (row := _waiting()) is None:
            return None
        row.attempts += 1
        # One that takes several rounds lets those of others go first.
        row.touched_at = utc_now()
        if row.attempts > MOST_ATTEMPTS:
            row.state, row.result = FAILED, {**row.result, "trouble": BROKEN}
        session.flush()
        result = ChatImportResult(**row.result)
        user = session.get_one(User, row.owner_id)
        model = user.default_model
        return _Reading(row.id, user.id, model, row.read, row.attempts, result, is_hopeless=row.state == FAILED)


@dataclass
class _Reading:
    """One round of reading an import, from the chat at which the last one ended."""

    id: str
    user_id: str
    model: str
    count: int
    attempts: int
    result: ChatImportResult
    is_hopeless: bool = False
    # It was cancelled or deleted meanwhile.
    is_over: bool = False
    _noticed: float = field(default=0.0)

    def read(self) -> None:
        if self.is_hopeless:
            self._end(FAILED)
            return
        with ExitStack() as stack:
            try:
                stack.enter_context(alone(self.user_id))
            except Conflict:
                # Another import of theirs is running: its end is waited for.
                self._save({"attempts": self.attempts - 1})
                return
            self._try_to_read()

    def _try_to_read(self) -> None:
        try:
            trouble = self._read()
        except FileNotFoundError:
            self._finish(MISSING)
        except child.ChildCrashed:
            self._finish(BROKEN)
        except child.Exceeded:
            self._skip_if_stuck()
        else:
            if not self._is_stopped:
                self._finish(trouble)

    def _read(self) -> str:
        """Stores the chats; returns why the rest can't be read, if so."""
        storing = self._storing()
        try:
            self._store(storing)
        except BadFile as error:
            return str(error)
        finally:
            storing.end()
            storing.notify()
        return ""

    def _store(self, storing: Storing) -> None:
        with arrivals.path_of(self.id).open("rb") as file:
            for piece in self._pieces(file):
                storing.take(piece)
                give_way()
        if not self._is_stopped:
            storing.end(self.count + 1)

    @property
    def _is_stopped(self) -> bool:
        return self.is_over or the_engine().is_closing

    def _storing(self) -> Storing:
        model = the_models().default(self.model, self.user_id)
        return Storing(self.user_id, model, self.result, MOST_MESSAGES, record=self._record)

    def _pieces(self, file: Any) -> Iterator[pieces.Piece]:
        """Yields the pieces until the import is over, or the server stops."""
        with closing(child.pieces(pieces.__name__, file, LIMITS, about=str(self.count))) as raw_pieces:
            for piece in raw_pieces:
                if self._is_stopped:
                    return
                if "of" in piece:
                    self._save({"total": piece["of"]})
                else:
                    yield pieces.read(piece)

    def _record(self, session: Session, count: int) -> None:
        """Records how many chats are over, in the transaction that ends one."""
        self.count, self.attempts = count, 0
        values = {"read": count, "attempts": 0, "result": asdict(self.result)}
        self.is_over = not self._update(session, values)
        if (now := time.monotonic()) > self._noticed + NOTICE_SECONDS:
            self._noticed = now
            arrivals.notify(self.user_id)

    def _skip_if_stuck(self) -> None:
        """Leaves out a chat that takes too much each time; after any progress, the next round continues."""
        if self.attempts < 2:
            return
        self.result.refuse("", TOO_MUCH)
        self._save({"read": self.count + 1, "attempts": 0, "result": asdict(self.result)})

    def _finish(self, trouble: str) -> None:
        has_any = self.result.messages or self.result.known
        reason = trouble or ("" if has_any else self.result.refused[0][1] if self.result.refused else EMPTY)
        self.result.trouble = reason
        self._end(DONE if has_any else FAILED, {"result": asdict(self.result)})

    def _end(self, state: str, values: dict[str, Any] | None = None) -> None:
        self._save({**(values or {}), "state": state})
        arrivals.remove(self.id)
        arrivals.notify(self.user_id)

    def _save(self, values: dict[str, Any]) -> None:
        with write() as session:
            self._update(session, values)

    def _update(self, session: Session, values: dict[str, Any]) -> bool:
        statement = update(ChatImport).where(ChatImport.id == self.id, ChatImport.state == READING).values(values)
        return bool(session.execute(statement.returning(ChatImport.id)).first())
