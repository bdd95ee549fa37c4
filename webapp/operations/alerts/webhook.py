"""Sends alerts to a webhook, signed and in the configured format."""

import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from flask import current_app

from webapp.base.errors import Invalid
from webapp.models.connections.models import providers
from webapp.models.providers.base import ProviderError
from webapp.models.upstream.addresses import parts_of
from webapp.operations.alerts.news import News
from webapp.settings.service import setting

SECONDS = 10.0
SIGNATURE = "X-Millrace-Signature"


def secret() -> str:
    """Returns the key that signs requests, derived from this server's secret key for this purpose only."""
    return hmac.new(str(current_app.secret_key).encode(), b"alerts webhook", hashlib.sha256).hexdigest()


def is_set() -> bool:
    return bool(setting("alerts.webhook"))


def check(value: Any) -> None:
    """Raises `Invalid` for an invalid URL."""
    try:
        if value:
            parts_of(str(value))
    except ProviderError as error:
        raise Invalid(str(error), field="value") from error


def send(news: News) -> str:
    """Sends it once; raises `ProviderError` if it was not delivered."""
    body = {"rule": news.rule, "state": news.state, "value": news.value, "text": news.words}
    url, payload = _form(str(setting("alerts.webhook")), body)
    at = int(time.time())
    # The signed text equals the sent body, because requests serialises JSON in the same way.
    signature = hmac.new(secret().encode(), f"{at}.{json.dumps(payload)}".encode(), hashlib.sha256).hexdigest()
    headers = {SIGNATURE: f"t={at},v1={signature}"}
    reply = providers().upstream.json("POST", url, headers=headers, body=payload, seconds=SECONDS, trust="operator")
    if not 200 <= reply.status < 300:
        raise ProviderError("error", f"The webhook answered with status {reply.status}.", retryable=True)
    return "delivered"


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
