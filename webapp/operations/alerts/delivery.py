"""Delivers alerts by email and by a signed webhook, in the background and with retries."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from flask import current_app
from sqlalchemy import update

from webapp.base.current import the_config
from webapp.base.errors import Invalid
from webapp.engine.engine import Engine, the_engine
from webapp.models.providers.base import ProviderError
from webapp.models.upstream.addresses import parts_of
from webapp.operations.alerts.tables import AlertEvent
from webapp.operations.delivery import posted, refuse_status, seconds_to_next, store
from webapp.operations.notices.mail import service as mail_service
from webapp.settings.service import setting
from webapp.streaming.stop import Stop

AGAIN_SECONDS = (5.0, 30.0, 120.0)
SUBJECTS = {"firing": "Alert", "test": "Test alert"}
SIGNATURE = "X-Millrace-Signature"


@dataclass(frozen=True, slots=True)
class News:
    """An alert message; `state` is the rule's, or `test`."""

    rule: str
    state: str
    value: float | None
    words: str


@dataclass(frozen=True, slots=True)
class Channel:
    """A delivery channel; `send` delivers and returns the status text for the event's `column`, or raises `ProviderError`."""

    column: str
    name: str
    is_set: Callable[[], bool]
    send: Callable[[News], str]


def has_addresses() -> bool:
    return bool(setting("alerts.emails")) and mail_service.is_set()


def send_email(news: News) -> str:
    """Sends one email to all addresses; raises `ProviderError` if the server does not accept it."""
    subject = f"[Millrace] {SUBJECTS.get(news.state, 'Resolved')}: {news.words}"
    address = the_config().public_url
    page = f"{address}/admin/alerts/{news.rule}" if address else "Administration, Alerts."
    text = f"{news.words}\n\nLimits, mute and history: {page}\n"
    refused = mail_service.send(setting("alerts.emails"), subject, text)
    return f"delivered, but not to {', '.join(refused)}" if refused else "delivered"


def has_webhook() -> bool:
    return bool(setting("alerts.webhook"))


def send_to_webhook(news: News) -> str:
    """Sends it once; raises `ProviderError` if it was not delivered."""
    body = {"rule": news.rule, "state": news.state, "value": news.value, "text": news.words}
    url, payload = _form(str(setting("alerts.webhook")), body)
    at, content = int(time.time()), json.dumps(payload).encode()
    signature = hmac.new(webhook_secret().encode(), f"{at}.".encode() + content, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", SIGNATURE: f"t={at},v1={signature}"}
    # A shutdown waits for it: an alert isn't sent again by the next server.
    stop = Stop(the_engine().signal)
    refuse_status("The webhook", *posted(url, headers, content, stop=stop, trust="operator"))
    return "delivered"


def webhook_secret() -> str:
    """Returns the key that signs requests, derived from this server's secret key for this purpose only."""
    return hmac.new(str(current_app.secret_key).encode(), b"alerts webhook", hashlib.sha256).hexdigest()


def check_webhook(value: Any) -> None:
    """Raises `Invalid` for an invalid URL."""
    try:
        if value:
            parts_of(str(value))
    except ProviderError as error:
        raise Invalid(str(error), field="value") from error


def _form(url: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Returns the URL and the body in the configured format; ntfy accepts JSON only at its root path."""
    form = setting("alerts.webhook_form")
    if form == "slack":
        return url, {"text": body["text"]}
    if form == "ntfy":
        parts = urlsplit(url)
        priority = 4 if body["state"] == "firing" else 3
        message = {"topic": parts.path.strip("/"), "title": "Millrace", "message": body["text"], "priority": priority}
        return urlunsplit(parts._replace(path="/")), message
    return url, body


CHANNELS = (
    Channel("delivery", "webhook", has_webhook, send_to_webhook),
    Channel("email", "email", has_addresses, send_email),
)


def channels() -> list[Channel]:
    """Returns the channels that are configured."""
    return [channel for channel in CHANNELS if channel.is_set()]


def deliver_later(event: AlertEvent) -> None:
    """Delivers an event by each channel, each in a separate greenlet."""
    news, engine = News(event.rule, event.state, event.value, event.words), the_engine()
    for channel in channels():
        engine.in_background(partial(_insist, engine, channel, event.id, news))


def _insist(engine: Engine, channel: Channel, id: str, news: News, stop: Stop) -> None:
    for attempts in count(1):
        with engine.in_app():
            seconds = _tried(channel, id, news, attempts)
        if seconds is None or stop.wait(seconds):
            return


def _tried(channel: Channel, id: str, news: News, attempts: int) -> float | None:
    """Tries a delivery and stores its status; returns how long to wait for the next attempt, None after the last."""
    try:
        words, seconds = channel.send(news), None
    except ProviderError as error:
        words, seconds = f"failed: {error}", seconds_to_next(error, attempts, AGAIN_SECONDS)
    note(id, channel.column, words)
    return seconds


def note(id: str, column: str, words: str) -> None:
    """Stores the delivery status of an event."""
    # The alert can be about the database's trouble itself, so a failed write must not prevent its delivery.
    store(id, update(AlertEvent).where(AlertEvent.id == id).values({column: words[:500]}))
