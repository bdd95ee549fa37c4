"""Ownership of running generations: one living worker owns each, and only that worker writes its end."""

import fcntl
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, Connection, Row, Select, bindparam, or_, select, type_coerce, update
from sqlalchemy.orm import Session, aliased

from webapp.base.database import rows
from webapp.base.database.statements import Prepared
from webapp.base.db import is_sqlite, utc_now
from webapp.base.process.instance_lock import is_held
from webapp.engine.tables import ACTIVE, WAITING, WHILE_ACTIVE, Generation, among_active

LEASE = timedelta(seconds=30)
# A heartbeat rewrites the row and those of its indexes.
HEARTBEAT_EVERY = timedelta(seconds=1)
TABLE = rows.table(Generation)
# The prompt is as long as the chat; code that needs it reads it separately.
ALL_BUT_PROMPT = [column for column in TABLE.columns if column.name != "prompt"]
OWNED_BY_US = among_active(TABLE.c.owner) == bindparam("of"), WHILE_ACTIVE


class Worker:
    """This process as an owner: it counts as alive while it holds the lock on its file, which any kind of death releases."""

    def __init__(self, id: str, folder: Path) -> None:
        self.id, self._folder = id, folder
        self._file: int | None = None
        # When each dead owner was first found dead.
        self._dead_since = dict[str, float]()

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
        """Returns whether an owner is dead: its lock is free or, without a file on this host, its lease has expired."""
        if owner == self.id:
            return False
        if not owner:
            return True
        try:
            return not is_held(self._folder / owner)
        except (OSError, ValueError):
            # Also for a name that is not a valid file name.
            return utc_now() - heartbeat_at > LEASE

    def has_file(self, owner: str) -> bool:
        return bool(owner) and owner in self.others()

    def has_gone(self, owner: str) -> bool:
        """Returns whether the owner no longer lives, as far as this host can tell."""
        return owner != self.id and (not self.has_file(owner) or self.is_dead(owner, utc_now()))

    def others(self) -> list[str]:
        """Returns the other owners that have a file on this host, dead or alive."""
        return [file.name for file in self._folder.iterdir() if file.name != self.id]

    def remove_dead(self, now: float, after_seconds: float) -> None:
        """Removes the files of owners that have been dead for `after_seconds`.

        Afterwards such an owner counts as dead once its lease has expired. Until then, its file lets other workers find
        immediately what it had begun, or was about to continue, just before it died.
        """
        dead = [owner for owner in self.others() if self.is_dead(owner, utc_now())]
        self._dead_since = {owner: self._dead_since.get(owner, now) for owner in dead}
        for owner, since in self._dead_since.items():
            if now - since >= after_seconds:
                (self._folder / owner).unlink(missing_ok=True)


def renew(session: Session | Connection, owner: str) -> dict[str, datetime | None]:
    """Returns all this worker's generations, each with the time if a stop was requested, and updates heartbeats that are due.

    Until the end of the transaction no one else can take them. On PostgreSQL it skips locked rows: an end that is being
    written, or a lock held by an administrator, must not delay the journal of the others.
    """
    now = utc_now()
    values = {"of": owner, "now": now, "due": now - HEARTBEAT_EVERY}
    hold, beat = (HOLD, BEAT) if is_sqlite() else (HOLD_UNLOCKED, BEAT_UNLOCKED)
    owned_rows = hold.all(session, values)
    if any(row.is_due for row in owned_rows):
        beat.run(session, values)
    return {row.id: row.stop_requested_at for row in owned_rows}


def owned(session: Session | Connection, owner: str) -> set[str]:
    """Returns all active generations of this worker, including rows that are locked."""
    return {row.id for row in OWNED.all(session, {"of": owner})}


def is_locked(session: Session, generation: Generation) -> bool:
    """Returns whether another transaction holds the row; otherwise this one does until its end.

    It is not waited for: other orphans come first, and an owner that is alive updates its heartbeat once the lock is released, so
    that the next pass of the recovery leaves it alone.
    """
    return not is_sqlite() and FREE.scalar(session, {"which": generation.id}) is None


def take_over(session: Session, generation: Generation, owner: str) -> bool:
    """Makes this worker the owner of an orphan; returns False if another was faster."""
    return change_owned(session, generation.id, generation.owner, {"owner": owner}) is not None


def claim(session: Session, generation: Generation, owner: str) -> bool:
    """Makes this worker the owner of an ended generation that was not continued; returns False if another was faster."""
    later = aliased(Generation)
    is_later = select(later.id).where(later.message_id == generation.message_id, later.id > generation.id)
    unchanged = Generation.id == generation.id, Generation.owner == generation.owner, ~is_later.exists()
    claimed = update(Generation).where(*unchanged).values(owner=owner, heartbeat_at=utc_now()).returning(Generation.id)
    return session.execute(claimed.execution_options(synchronize_session=False)).first() is not None


def change_owned(session: Session, id: str, owner: str, values: dict[str, Any]) -> Generation | None:
    """Changes an active generation and returns it as stored; None if this owner no longer has it."""
    row = _change(tuple(values)).first(session, {"which": id, "of": owner, **values})
    # The values just written are known, and need not be read again.
    return rows.read(session, Generation, {**values, **row._asdict()}) if row else None


def ended_row(session: Session, id: str, owner: str) -> Generation | None:
    """Returns the generation if this owner has already written its end."""
    is_ours = Generation.id == id, Generation.owner == owner, Generation.status.not_in(ACTIVE)
    return session.scalar(select(Generation).where(*is_ours))


def active_generations(session: Session) -> Sequence[Row[str, str, str, datetime]]:
    """Returns all active generations that aren't parked, with their owner and last heartbeat, oldest first."""
    columns = Generation.id, Generation.kind, Generation.owner, Generation.heartbeat_at
    query = select(*columns).where(WHILE_ACTIVE, Generation.status != WAITING)
    return session.execute(query.order_by(Generation.id)).all()


def claim_parked(session: Session, id: str, owner: str) -> bool:
    """Makes this worker the owner of a parked generation, which it will run; returns False if it isn't parked any more."""
    is_parked = Generation.id == id, Generation.status == WAITING
    claimed = update(Generation).where(*is_parked).values(status="queued", owner=owner, heartbeat_at=utc_now())
    return session.execute(claimed.returning(Generation.id).execution_options(synchronize_session=False)).first() is not None


@cache
def _change(names: tuple[str, ...]) -> Prepared:
    others = [column for column in ALL_BUT_PROMPT if column.name not in names]
    is_ours = TABLE.c.id == bindparam("which"), TABLE.c.owner == bindparam("of"), WHILE_ACTIVE
    return Prepared(update(TABLE).where(*is_ours).values({name: bindparam(name) for name in names}).returning(*others))


def _unlocked(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    return query.with_for_update(key_share=True, skip_locked=True)


IS_DUE = or_(TABLE.c.status != "running", TABLE.c.heartbeat_at <= bindparam("due"))
HELD = select(TABLE.c.id, TABLE.c.stop_requested_at, type_coerce(IS_DUE, Boolean).label("is_due")).where(*OWNED_BY_US)
BEATING = update(TABLE).where(*OWNED_BY_US, IS_DUE).values(heartbeat_at=bindparam("now"), status="running")
HOLD, HOLD_UNLOCKED = Prepared(HELD), Prepared(_unlocked(HELD))
UNLOCKED = TABLE.c.id.in_(_unlocked(select(TABLE.c.id).where(*OWNED_BY_US)))
BEAT, BEAT_UNLOCKED = Prepared(BEATING), Prepared(BEATING.where(UNLOCKED))
FREE = Prepared(select(TABLE.c.id).where(TABLE.c.id == bindparam("which")).with_for_update(key_share=True, skip_locked=True))
OWNED = Prepared(select(TABLE.c.id).where(*OWNED_BY_US))
