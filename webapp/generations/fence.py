"""Who owns a running generation: one living worker, and nobody else may write its end."""

import fcntl
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from webapp.extensions import utc_now
from webapp.generations.tables import ACTIVE, Generation

LEASE = timedelta(seconds=30)


class Worker:
    """This process as an owner: alive for as long as it holds the lock on its file, whatever ends it."""

    def __init__(self, id: str, folder: Path) -> None:
        self.id, self._folder = id, folder
        self._file: int | None = None

    def begin(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._folder / self.id, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def end(self) -> None:
        if self._file is not None:
            (self._folder / self.id).unlink(missing_ok=True)
            os.close(self._file)
            self._file = None

    def is_dead(self, owner: str, heartbeat_at: datetime) -> bool:
        """A free lock is a dead owner, at once; one without a file here may live on another host, for its lease."""
        if owner == self.id:
            return False
        try:
            file = os.open(self._folder / owner, os.O_RDWR)
        except FileNotFoundError:
            return utc_now() - heartbeat_at > LEASE
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(file)
        return True

    def others(self) -> list[str]:
        """Those who have, or had, a file beside this worker's."""
        return [file.name for file in self._folder.iterdir() if file.name != self.id]

    def bury_the_dead(self) -> None:
        """Removes the files of dead owners, whose generations have all been taken."""
        for owner in self.others():
            if self.is_dead(owner, utc_now()):
                (self._folder / owner).unlink(missing_ok=True)


def hold(session: Session, owner: str) -> dict[str, datetime | None]:
    """Beats the heart of all that this worker runs; says which those are, and which were asked to stop."""
    statement = (
        update(Generation)
        .where(Generation.owner == owner, Generation.status.in_(ACTIVE))
        .values(heartbeat_at=utc_now(), status="running")
        .returning(Generation.id, Generation.stop_requested_at)
        .execution_options(synchronize_session=False)
    )
    return {row.id: row.stop_requested_at for row in session.execute(statement)}


def take(session: Session, generation: Generation, owner: str) -> bool:
    """Makes an orphan this worker's own; false when another was faster."""
    return _changed(session, generation.id, generation.owner, {"owner": owner}) is not None


def settle(session: Session, id: str, owner: str, values: dict[str, Any]) -> Generation | None:
    """Writes the end of a generation, and gives it as it is then; nothing when it is not this owner's any more."""
    return _changed(session, id, owner, values)


def settled(session: Session, id: str, owner: str) -> Generation | None:
    """The generation, if this owner has written its end already."""
    is_ours = Generation.id == id, Generation.owner == owner, Generation.status.not_in(ACTIVE)
    return session.scalar(select(Generation).where(*is_ours))


def orphans(session: Session, worker: Worker) -> Sequence[Generation]:
    """Active generations whose owner is dead."""
    active = session.scalars(select(Generation).where(Generation.status.in_(ACTIVE), Generation.owner != worker.id)).all()
    return [generation for generation in active if worker.is_dead(generation.owner, generation.heartbeat_at)]


def _changed(session: Session, id: str, owner: str, values: dict[str, Any]) -> Generation | None:
    statement = (
        update(Generation)
        .where(Generation.id == id, Generation.owner == owner, Generation.status.in_(ACTIVE))
        .values(**values)
        .returning(Generation)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    return session.scalars(statement).first()
