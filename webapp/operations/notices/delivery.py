"""Delivers the stored notices in the background: each channel in a greenlet of its own, each notice by one worker."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import delete, exists, func, select, update

from webapp.base.current import PerApp
from webapp.base.db import db, utc_now, write
from webapp.engine.chores import Chore
from webapp.engine.engine import Engine, the_engine
from webapp.models.providers.base import ProviderError
from webapp.models.upstream import Stopped
from webapp.operations.delivery import seconds_to_next, store
from webapp.operations.notices.sending import SUMMARY, DeviceGone, NoticeMessage, Target, send
from webapp.people.accounts.tables import User, UserSession
from webapp.people.notices.kinds import KINDS
from webapp.people.notices.tables import WAITING, NoticeChannel, NoticeDelivery, StoredNotice
from webapp.people.notices.telling import REACHABLE
from webapp.streaming.stop import Stop

log = logging.getLogger("notices")

SENT, FAILED, DROPPED = "sent", "failed", "dropped"
# How long after an attempt the next one follows; after the last, a notice has failed.
AGAIN_SECONDS = (10.0, 60.0, 600.0, 3600.0)
# Longer than an attempt at every way: what a worker has claimed and not sent by then, another one sends.
CLAIMED = timedelta(seconds=180)
LEAST_LEFT = timedelta(seconds=40)
# How many channels this process sends to at a time: one that hangs takes one of them for ten seconds.
MOST_AT_ONCE = 16
# More than can come to a channel in an hour; the rest follows.
MOST_AT_A_TIME = 100
SOON = timedelta(seconds=20)
# Older ones are of no use any more, as after a server was off for days; no quiet hours are as long.
STALE = timedelta(hours=36)
HERE = PerApp[set[str]](set)


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent as one message, and the deliveries that it settles; `attempts` is how often it was tried, with this time."""

    ids: Sequence[str]
    message: NoticeMessage
    attempts: int


def deliver() -> bool:
    """Starts to send what is due; returns whether more is due soon."""
    engine, now, here = the_engine(), utc_now(), HERE.get()
    is_due = NoticeDelivery.state == WAITING, NoticeDelivery.due_at <= now
    if (free := MOST_AT_ONCE - len(here)) > 0:
        query = select(NoticeDelivery.channel_id).where(*is_due, NoticeDelivery.channel_id.not_in(here))
        query = query.group_by(NoticeDelivery.channel_id).order_by(func.min(NoticeDelivery.due_at)).limit(free)
        for channel_id in db.session.scalars(query).all():
            _start(engine, channel_id, now)
    first = db.session.scalar(select(func.min(NoticeDelivery.due_at)).where(NoticeDelivery.state == WAITING))
    db.session.rollback()
    if first:
        _wake_later()
    return first is not None and first <= now + SOON


def look() -> bool:
    """Has sent what was held or is to be tried again; returns whether anything waits."""
    wake()
    waits = db.session.scalar(select(exists().where(NoticeDelivery.state == WAITING)))
    return bool(waits)


wake = Chore("notices", deliver, every_seconds=0.5, most_seconds=60.0).wake
_wake_later = Chore("held notices", look, every_seconds=60.0, most_seconds=60.0).wake


def _start(engine: Engine, channel_id: str, now: datetime) -> None:
    if engine.is_closing or not (claimed := claim(channel_id, now)):
        return
    here = HERE.get()
    here.add(channel_id)
    engine.in_background(partial(_send_all, engine, here, *claimed))


def claim(channel_id: str, now: datetime) -> tuple[Target, list[Parcel]] | None:
    """Takes what is due at a channel, so that no other worker sends it; returns None if nothing is left to be sent."""
    is_due = NoticeDelivery.channel_id == channel_id, NoticeDelivery.state == WAITING, NoticeDelivery.due_at <= now
    with write(keeps_loaded=True) as session:
        row = session.execute(select(NoticeChannel, User).join(User).where(NoticeChannel.id == channel_id)).first()
        some = select(NoticeDelivery.id).where(*is_due).order_by(NoticeDelivery.id).limit(MOST_AT_A_TIME)
        values = {"due_at": now + CLAIMED, "attempts": NoticeDelivery.attempts + 1}
        claim = update(NoticeDelivery).where(NoticeDelivery.id.in_(some), *is_due).values(**values).returning(NoticeDelivery.id)
        ids = session.scalars(claim.execution_options(synchronize_session=False)).all()
        if not row or not ids:
            return None
        pairs = (
            select(NoticeDelivery, StoredNotice).join(StoredNotice).where(NoticeDelivery.id.in_(ids)).order_by(NoticeDelivery.id)
        )
        due = [(delivery, notice) for delivery, notice in session.execute(pairs.execution_options(populate_existing=True))]
        channel, user = row
        seen_at = session.scalar(select(func.max(UserSession.seen_at)).where(UserSession.user_id == user.id))
        is_off = user.disabled_at is not None
        useless = [delivery for delivery, notice in due if is_off or _is_useless(delivery, notice, seen_at, now)]
        for delivery in useless:
            delivery.state = DROPPED
        parcels = _parcels(channel, [pair for pair in due if pair[0] not in useless])
    return (target_of(channel, user), parcels) if parcels else None


def _is_useless(delivery: NoticeDelivery, notice: StoredNotice, seen_at: datetime | None, now: datetime) -> bool:
    """Returns whether a notice comes too late, or was held while its person has been here, if that makes it useless.

    One that a worker has claimed again and again, but never settled, comes too late in the end.
    """
    kind = KINDS.get(notice.kind)
    if notice.created_at < now - STALE:
        return True
    return delivery.is_held and bool(kind and kind.is_seen_by_visit) and seen_at is not None and seen_at > notice.created_at


def _parcels(channel: NoticeChannel, due: Sequence[tuple[NoticeDelivery, StoredNotice]]) -> list[Parcel]:
    """Returns what is sent: several notices that were held as one summary, each other by itself."""
    held = [pair for pair in due if pair[0].is_held]
    alone = [pair for pair in due if pair not in held] if len(held) > 1 else due
    parcels = [
        Parcel([delivery.id], message_of(notice, has_words=channel.has_words), delivery.attempts) for delivery, notice in alone
    ]
    if len(held) > 1:
        messages = [message_of(notice, has_words=channel.has_words) for _, notice in held]
        ids, attempts = [delivery.id for delivery, _ in held], max(delivery.attempts for delivery, _ in held)
        parcels.append(Parcel(ids, _summary(messages), attempts))
    return parcels


def message_of(notice: StoredNotice, *, has_words: bool) -> NoticeMessage:
    text = ": ".join(filter(None, (notice.subject, notice.words))) if has_words else ""
    return NoticeMessage(notice.id, notice.kind, notice.title, text, notice.path, notice.created_at)


def _summary(messages: Sequence[NoticeMessage]) -> NoticeMessage:
    counts = Counter(message.kind for message in messages)
    text = " · ".join(KINDS[kind].counted(count) for kind, count in counts.items() if kind in KINDS)
    last = messages[-1]
    title = f"{len(messages)} notifications from your quiet hours"
    return NoticeMessage(last.id, SUMMARY, title, text, "/settings/notices", last.at, held=messages)


def target_of(channel: NoticeChannel, user: User) -> Target:
    return Target(channel.id, channel.way, channel.address, user.email, channel.p256dh, channel.auth, channel.secret)


def _send_all(engine: Engine, here: set[str], target: Target, parcels: Sequence[Parcel], stop: Stop) -> None:
    """Sends one parcel after another; once one fails, the others are not tried either.

    It ends before its claim does: what is left is then claimed again, and sent once.
    """
    until = utc_now() + CLAIMED - LEAST_LEFT
    try:
        with engine.in_app():
            for number, parcel in enumerate(parcels):
                if utc_now() > until or not _is_sent(target, parcel, parcels[number:], stop):
                    break
    finally:
        here.discard(target.id)
        with engine.in_app():
            wake()


def _is_sent(target: Target, parcel: Parcel, rest: Sequence[Parcel], stop: Stop) -> bool:
    now = utc_now()
    try:
        send(target, parcel.message, stop, now)
    except Stopped:
        # The next server sends them.
        _settle([id for left in rest for id in left.ids], target.id, {"due_at": now})
    except DeviceGone:
        forget_channel(target.id)
    except ProviderError as error:
        for left in rest:
            _settle_failed(target, left, error, now)
    else:
        _settle(parcel.ids, target.id, {"state": SENT}, {"delivered_at": now, "trouble": ""})
        return True
    return False


def _settle_failed(target: Target, parcel: Parcel, error: ProviderError, now: datetime) -> None:
    """Has a parcel tried again later, if that can help, else gives it up."""
    seconds = seconds_to_next(error, parcel.attempts, AGAIN_SECONDS)
    values = {"state": FAILED} if seconds is None else {"due_at": now + timedelta(seconds=seconds)}
    fields = {"channel_id": target.id, "way": target.way, "again": seconds is not None}
    log.info("notice_not_delivered", extra={"fields": fields})
    _settle(parcel.ids, target.id, values, {"trouble": error.message[:300]})


def _settle(ids: Sequence[str], channel_id: str, values: dict[str, Any], of_channel: dict[str, Any] | None = None) -> None:
    # Only what this worker has claimed: a channel that was removed meanwhile has taken its deliveries along.
    settled = update(NoticeDelivery).where(NoticeDelivery.id.in_(ids)).values(**values)
    noted = [update(NoticeChannel).where(NoticeChannel.id == channel_id).values(**of_channel)] if of_channel else []
    store(channel_id, settled, *noted)


def forget_channel(channel_id: str) -> None:
    """Deletes a channel with what waits for it."""
    with write() as session:
        gone = delete(NoticeChannel).where(NoticeChannel.id == channel_id)
        session.execute(gone.execution_options(synchronize_session=False))
        REACHABLE.read_again_after(session)
