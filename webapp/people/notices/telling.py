"""Telling people: a notice is stored for each of their channels that wants it; `webapp/operations/notices` sends it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.base.current import the_config
from webapp.base.database.recent import Recent
from webapp.base.db import db, utc_now, write
from webapp.base.ids import new_id
from webapp.base.keeping_clock import keeping_now
from webapp.base.words import shortened
from webapp.people.accounts.tables import User
from webapp.people.notices.kinds import KINDS, KindName
from webapp.people.notices.quiet_hours import QuietHours
from webapp.people.notices.tables import NoticeChannel, NoticeDelivery, NoticePreferences, StoredNotice
from webapp.settings.service import setting
from webapp.web.feature import brought

# Above this, a person learns nothing more from a notice, and what causes them has a fault.
MOST_AN_HOUR = 60
SUBJECT_CHARS, WORDS_CHARS = 200, 300
# With several workers, one learns as late as this of a person's first channel at another.
FRESH_SECONDS = 30.0
# A single worker knows of each change; it reads again in case the database could not be read.
ALONE_SECONDS = 600.0
KEPT = timedelta(days=7)
log = logging.getLogger("notices")


@dataclass(frozen=True)
class Deliverer:
    """What sends the notices that are stored; `wake` returns at once."""

    wake: Callable[[], None]


def _read() -> frozenset[str]:
    query = select(NoticeChannel.user_id).join(User, User.id == NoticeChannel.user_id).where(User.disabled_at.is_(None))
    with db.engine.connect() as connection:
        return frozenset(connection.scalars(query))


def _fresh_seconds() -> float:
    return FRESH_SECONDS if the_config().web_concurrency > 1 else ALONE_SECONDS


# Who has a channel: in memory, as it is asked at the end of every answer, where it must cost nothing.
REACHABLE = Recent[frozenset[str]](_read, frozenset(), unreadable="notice_channels_not_readable", fresh_seconds=_fresh_seconds)


def is_reachable(user_id: str | None) -> bool:
    """Returns whether a person has any channel, from memory."""
    return bool(user_id) and user_id in REACHABLE.get()


def tell(user_id: str, kind: KindName, subject: str, path: str, words: str = "", *, title: str = "", once: str = "") -> None:
    """Stores a notice for each of a person's channels that wants this kind, and has it sent in the background.

    `subject` and `words` go only where the person wants texts, `title` (else that of the kind) everywhere; `path` is a page of
    this server. What has the same `once` is told once, also by several workers. Not to be called inside `write`.
    """
    if not is_reachable(user_id):
        return
    notice = StoredNotice(user_id=user_id, kind=kind, title=title or KINDS[kind].title, path=path)
    notice.subject, notice.words = shortened(subject, SUBJECT_CHARS), shortened(words, WORDS_CHARS)
    try:
        with write() as session:
            is_stored = _store(session, notice, once, utc_now())
    except IntegrityError:
        # Another worker has just told the same.
        return
    if is_stored:
        for deliverer in brought(Deliverer):
            deliverer.wake()


def quiet_hours(preferences: NoticePreferences | None) -> QuietHours | None:
    """Returns a person's quiet hours, in their time zone or that of the team."""
    if not preferences or not preferences.quiet_from or not preferences.quiet_until:
        return None
    begins, ends = time.fromisoformat(preferences.quiet_from), time.fromisoformat(preferences.quiet_until)
    return QuietHours(begins, ends, preferences.time_zone or str(setting("team.time_zone")))


def forget_old_notices() -> None:
    """Deletes notices after a week."""
    old = StoredNotice.created_at < keeping_now() - KEPT
    if db.session.scalar(select(StoredNotice.id).where(old).limit(1)):
        with write() as session:
            session.execute(delete(StoredNotice).where(old).execution_options(synchronize_session=False))


def _store(session: Session, notice: StoredNotice, once: str, now: datetime) -> bool:
    of_person = StoredNotice.user_id == notice.user_id
    channels = session.scalars(select(NoticeChannel).where(NoticeChannel.user_id == notice.user_id)).all()
    wanted = [channel for channel in channels if notice.kind not in channel.muted_kinds]
    if not wanted or (once and session.scalar(select(StoredNotice.id).where(StoredNotice.once == once))):
        return False
    recent = select(func.count()).where(of_person, StoredNotice.created_at > now - timedelta(hours=1))
    if (session.scalar(recent) or 0) >= MOST_AN_HOUR:
        log.warning("notice_dropped", extra={"fields": {"user_id": notice.user_id, "kind": notice.kind}})
        return False
    hours = quiet_hours(session.get(NoticePreferences, notice.user_id))
    held_until = hours.end_after(now) if hours else None
    notice.id, notice.created_at = new_id(), now
    notice.once = once or notice.id
    session.add(notice)
    # Deliveries refer to it.
    session.flush()
    about = {"notice_id": notice.id, "due_at": held_until or now, "is_held": held_until is not None}
    session.add_all(NoticeDelivery(channel_id=channel.id, **about) for channel in wanted)
    return True
