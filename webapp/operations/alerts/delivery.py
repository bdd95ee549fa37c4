"""Delivers alerts by every configured channel, in the background and with retries."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from webapp.base.db import write
from webapp.base.errors import Unavailable
from webapp.engine.engine import Engine, the_engine
from webapp.models.providers.base import ProviderError
from webapp.operations.alerts import emails, webhook
from webapp.operations.alerts.news import News
from webapp.operations.alerts.tables import AlertEvent
from webapp.streaming.stop import Stop

log = logging.getLogger("alerts")

AGAIN_SECONDS = (0.0, 5.0, 30.0, 120.0)


@dataclass(frozen=True, slots=True)
class Channel:
    """A delivery channel; `send` delivers and returns the status text for the event's `column`, or raises `ProviderError`."""

    column: str
    name: str
    is_set: Callable[[], bool]
    send: Callable[[News], str]


CHANNELS = (
    Channel("delivery", "webhook", webhook.is_set, webhook.send),
    Channel("email", "email", emails.is_set, emails.send),
)


def channels() -> list[Channel]:
    """Returns the channels that are configured."""
    return [each for each in CHANNELS if each.is_set()]


def deliver_later(event: AlertEvent) -> None:
    """Delivers an event by each channel, each in a separate greenlet."""
    news, engine = News(event.rule, event.state, event.value, event.words), the_engine()
    for channel in channels():
        _later(engine, channel, event.id, news)


def _later(engine: Engine, channel: Channel, id: str, news: News) -> None:
    stop = Stop(engine.signal)
    engine.other_requests.add(stop)
    engine.spawn(lambda: _insist(engine, stop, channel, id, news))


def _insist(engine: Engine, stop: Stop, channel: Channel, id: str, news: News) -> None:
    try:
        for seconds in AGAIN_SECONDS:
            if seconds and stop.wait(seconds):
                return
            with engine.in_app():
                words, is_over = _tried(channel, news)
                note(id, channel.column, words)
            if is_over:
                return
    finally:
        engine.other_requests.discard(stop)


def _tried(channel: Channel, news: News) -> tuple[str, bool]:
    """Tries a delivery; returns its status text, and whether it is final."""
    try:
        return channel.send(news), True
    except ProviderError as error:
        return f"failed: {error}", not error.retryable


def note(id: str, column: str, words: str) -> None:
    """Stores the delivery status of an event."""
    values: dict[str, Any] = {column: words[:500]}
    try:
        with write() as session:
            session.execute(update(AlertEvent).where(AlertEvent.id == id).values(values))
    except (Unavailable, SQLAlchemyError) as error:
        # The alert can be about the database's trouble itself, so a failed write must not prevent its delivery.
        log.warning("alert_delivery_not_noted", extra={"fields": {"event_id": id, "error": type(error).__name__}})
