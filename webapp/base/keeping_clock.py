"""The clock by which things are deleted when their time is over: it stands still for a day when the server's time has jumped.

What is deleted for good can't come back, and a server's time can be wrong: a dead battery, a restored machine. Set right within
that day, it has cost nothing.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import String
from sqlalchemy.orm import Mapped, Session, mapped_column

from webapp.base.db import Base, db, utc_now, write

# A server that has been off for longer looks as if its clock had jumped.
GAP = timedelta(days=2)
STANDS_FOR = timedelta(days=1)
# A computer that runs once a week must not wait each time.
AT_MOST_EVERY = timedelta(days=31)
ONLY = 1
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class KeepingClock(Base):
    """The one row: when a sweep last looked, and the time that counts until `until`, if there was a jump."""

    __tablename__ = "keeping_clock"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seen_at: Mapped[datetime]
    stands_at: Mapped[datetime | None]
    until: Mapped[datetime | None]


def keeping_now() -> datetime:
    """Returns the time up to which something can be due: now or, after a jump, the time before it."""
    now, clock = utc_now(), db.session.get(KeepingClock, ONLY)
    if clock is None:
        return now
    if now - clock.seen_at > GAP and not _stood_lately(clock, now):
        return clock.seen_at
    return min(now, clock.stands_at) if clock.stands_at and clock.until and now < clock.until else now


def waits_until() -> datetime | None:
    """Returns until when the clock stands still; None if it runs."""
    clock = db.session.get(KeepingClock, ONLY)
    return clock.until if clock and clock.stands_at and clock.until and utc_now() < clock.until else None


def look() -> None:
    """Compares the time with that of the last look, and lets the clock stand after a jump."""
    now = utc_now()
    with write() as session:
        clock = session.get(KeepingClock, ONLY, populate_existing=True)
        if clock is None:
            session.add(KeepingClock(id=ONLY, seen_at=now))
            return
        if clock.until and (now >= clock.until or clock.until > now + STANDS_FOR):
            # It is over, or was counted from a time that was wrong.
            clock.stands_at, clock.until = None, min(clock.until, now)
        if now - clock.seen_at > GAP and not clock.stands_at and not _stood_lately(clock, now):
            clock.stands_at, clock.until = clock.seen_at, now + STANDS_FOR
        clock.seen_at = now


def _stood_lately(clock: KeepingClock, now: datetime) -> bool:
    return bool(clock.until and timedelta(0) <= now - clock.until < AT_MOST_EVERY)


class KeepingMark(Base):
    """Up to which time something has been deleted, so that no sweep reads that again."""

    __tablename__ = "keeping_marks"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    until: Mapped[datetime]


def mark_of(name: str) -> datetime:
    """Returns the time up to which this has been deleted."""
    mark = db.session.get(KeepingMark, name)
    return mark.until if mark else LONG_AGO


def set_mark(session: Session, name: str, until: datetime) -> None:
    session.merge(KeepingMark(name=name, until=until))
