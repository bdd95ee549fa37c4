"""Tells a webhook what has happened: signed, in its own form, and again when it fails."""

import hashlib
import hmac
import json
import logging
import time
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from flask import current_app
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from webapp.alerts.tables import AlertEvent
from webapp.connections.models import providers
from webapp.db import write
from webapp.engine.engine import Engine, the_engine
from webapp.errors import Unavailable
from webapp.providers.base import ProviderError
from webapp.settings.service import setting
from webapp.streaming.stop import Stop

log = logging.getLogger("alerts")

AGAIN_SECONDS = (0.0, 5.0, 30.0, 120.0)
SECONDS = 10.0
SIGNATURE = "X-Millrace-Signature"


def secret() -> str:
    """What requests are signed with: this server's own, and of no other use."""
    return hmac.new(str(current_app.secret_key).encode(), b"alerts webhook", hashlib.sha256).hexdigest()


def tell_later(event: AlertEvent) -> None:
    """Tells of it in a greenlet of its own, where there is anywhere to tell it."""
    if not setting("alerts.webhook"):
        return
    engine, told = the_engine(), (event.id, event.rule, event.state, event.value, event.words)
    stop = Stop(engine.signal)
    engine.asides.add(stop)
    engine.spawn(lambda: _insist(engine, stop, *told))


def send(rule: str, state: str, value: float | None, words: str) -> None:
    """Sends it once; raises `ProviderError` when it did not arrive."""
    body = {"rule": rule, "state": state, "value": value, "text": words}
    url, told = _form(str(setting("alerts.webhook")), body)
    at = int(time.time())
    # What is signed is what is sent: requests writes JSON in the same way.
    signature = hmac.new(secret().encode(), f"{at}.{json.dumps(told)}".encode(), hashlib.sha256).hexdigest()
    headers = {SIGNATURE: f"t={at},v1={signature}"}
    reply = providers().upstream.json("POST", url, headers=headers, body=told, seconds=SECONDS, trust="operator")
    if not 200 <= reply.status < 300:
        raise ProviderError("error", f"The webhook answered with status {reply.status}.", retryable=True)


def _form(url: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """In the form that the other side understands; ntfy takes JSON at its root alone."""
    form = setting("alerts.webhook_form")
    if form == "slack":
        return url, {"text": body["text"]}
    if form == "ntfy":
        parts = urlsplit(url)
        priority = 4 if body["state"] == "firing" else 3
        message = {"topic": parts.path.strip("/"), "title": "Millrace", "message": body["text"], "priority": priority}
        return urlunsplit(parts._replace(path="/")), message
    return url, body


def _insist(engine: Engine, stop: Stop, id: str, *told: Any) -> None:
    outcome = ""
    try:
        for seconds in AGAIN_SECONDS:
            if seconds and stop.wait(seconds):
                return
            with engine.in_app():
                outcome = _tried(*told)
                _note(id, outcome)
            if outcome == "delivered":
                return
    finally:
        engine.asides.discard(stop)


def _tried(*told: Any) -> str:
    try:
        send(*told)
    except ProviderError as error:
        return f"failed: {error}"
    return "delivered"


def _note(id: str, outcome: str) -> None:
    try:
        with write() as session:
            session.execute(update(AlertEvent).where(AlertEvent.id == id).values(delivery=outcome[:500]))
    except (Unavailable, SQLAlchemyError) as error:
        # A database in trouble is what there may be an alert about: it is told all the same.
        log.warning("alert_delivery_not_noted", extra={"fields": {"event_id": id, "error": type(error).__name__}})
