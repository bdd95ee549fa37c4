"""Queries for notices: a person's channels, their quiet hours, and what they were told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from webapp.base.db import db
from webapp.base.errors import NotFound
from webapp.base.languages import gettext as _
from webapp.operations.notices.sending import PUSH
from webapp.people.notices.tables import NoticeChannel, NoticeDelivery, NoticePreferences, StoredNotice

MOST_SHOWN = 20
# Of several channels, the first of these that one has says what became of a notice.
STATES = {"sent": "sent", "waiting": "on its way", "failed": "not delivered", "dropped": "not needed: you were here"}
HELD, GONE = "after your quiet hours", "to a removed channel"


@dataclass(frozen=True, slots=True)
class ToldNotice:
    """A notice, and what became of it in words."""

    notice: StoredNotice
    state: str


def channels_of(user_id: str) -> Sequence[NoticeChannel]:
    """Returns a person's channels, oldest first."""
    return db.session.scalars(select(NoticeChannel).where(NoticeChannel.user_id == user_id).order_by(NoticeChannel.id)).all()


def channel_by_way(user_id: str, way: str) -> NoticeChannel | None:
    """Returns a person's email or webhook."""
    return next((channel for channel in channels_of(user_id) if channel.way == way), None)


def devices_of(user_id: str) -> list[NoticeChannel]:
    return [channel for channel in channels_of(user_id) if channel.way == PUSH]


def own_channel(user_id: str, id: str) -> NoticeChannel:
    """Returns a channel of this person; raises `NotFound` for any other."""
    channel = db.session.get(NoticeChannel, id)
    if channel is None or channel.user_id != user_id:
        raise NotFound("Page not found, or you don't have access.")
    return channel


def own_device(user_id: str, id: str) -> NoticeChannel:
    channel = own_channel(user_id, id)
    if channel.way != PUSH:
        raise NotFound("Device not found, or you don't have access.")
    return channel


def preferences_of(user_id: str) -> NoticePreferences:
    """Returns a person's preferences; those who have chosen none have no quiet hours."""
    return db.session.get(NoticePreferences, user_id) or NoticePreferences(quiet_from="", quiet_until="", time_zone="")


def recent_notices(user_id: str) -> list[ToldNotice]:
    """Returns what a person was told last, newest first."""
    query = (
        select(StoredNotice)
        .where(StoredNotice.user_id == user_id)
        .order_by(StoredNotice.created_at.desc(), StoredNotice.id.desc())
        .limit(MOST_SHOWN)
    )
    notices = db.session.scalars(query).all()
    columns = select(NoticeDelivery.notice_id, NoticeDelivery.state, NoticeDelivery.is_held)
    states: dict[str, set[str]] = {}
    held = set[str]()
    for id, state, is_held in db.session.execute(columns.where(NoticeDelivery.notice_id.in_([notice.id for notice in notices]))):
        states.setdefault(id, set()).add(state)
        if is_held and state == "waiting":
            held.add(id)
    return [ToldNotice(notice, _state(states.get(notice.id, set()), is_held=notice.id in held)) for notice in notices]


def records(user_id: str) -> dict[str, Any]:
    """Returns a person's channels, without keys and secrets, their quiet hours and what they were told; empty without any."""
    channels = channels_of(user_id)
    notices = db.session.scalars(select(StoredNotice).where(StoredNotice.user_id == user_id).order_by(StoredNotice.id)).all()
    preferences = db.session.get(NoticePreferences, user_id)
    if not (channels or notices or preferences):
        return {}
    return {
        **{name: getattr(preferences, name, "") for name in ("quiet_from", "quiet_until", "time_zone")},
        "channels": [_values(channel, "way", "name", "muted_kinds", "has_words") for channel in channels],
        "notices": [
            {
                "at": notice.created_at.isoformat(timespec="seconds"),
                **_values(notice, "kind", "title", "subject", "words", "path"),
            }
            for notice in notices
        ],
    }


def _values(row: StoredNotice | NoticeChannel, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _state(states: set[str], *, is_held: bool) -> str:
    state = next((state for state in STATES if state in states), "")
    return _(HELD) if is_held and state == "waiting" else _(STATES.get(state, GONE))
