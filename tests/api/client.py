"""An API client, authenticated by a token, or by a browser's session cookie."""

import json
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.support.browser import Browser
from tests.support.waiting import seen, until
from webapp.api.operations import Operation
from webapp.engine.engine import ENGINE
from webapp.people.accounts import queries, tokens
from webapp.people.accounts.permissions import allowed_scopes
from webapp.streaming.codec import SseDecoder, SseMessage
from webapp.web.htmx import API_PATHS

EVENTS = "text/event-stream"
ACTIVE = ("queued", "running")


class Client:
    """An API client. Paths are relative to /api/v1 unless complete. With a token it sends no cookie."""

    def __init__(self, app: Flask, token: str = "", browser: Browser | None = None) -> None:
        self.app, self.browser = app, browser
        self.client = browser.client if browser else app.test_client()
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def call(
        self, method: str, path: str, body: Any = None, *, query: Any = None, buffered: bool = False, **headers: str
    ) -> TestResponse:
        whole = path if path.startswith(API_PATHS) else f"/api/v1{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = {} if body is None else {"json": body}
        sent = {**self.headers, **named}
        return self.client.open(whole, method=method, headers=sent, query_string=query, buffered=buffered, **content)

    def get(self, path: str, **more: Any) -> Any:
        return self.said("GET", path, 200, **more)

    def post(self, path: str, body: Any = None, *, status: int = 200, **more: Any) -> Any:
        return self.said("POST", path, status, body, **more)

    def said(self, method: str, path: str, status: int, body: Any = None, **more: Any) -> Any:
        """Returns the JSON of a response that must have this status."""
        response = self.call(method, path, body, **more)
        text = response.get_data(as_text=True)
        assert response.status_code == status, f"{method} {path}: {response.status} {text[:600]}"
        return json.loads(text) if text else None

    def ended(self, sent: dict[str, Any], *, seconds: float = 30) -> dict[str, Any]:
        """Returns the answer that was started, once it has ended: an end is saved before it is announced."""
        id, live = sent["generation_id"], ENGINE.of(self.app).live
        # Requested only once the answer can have ended, as it can start even after the first check.
        until(lambda: id not in live, f"{sent} is over here", seconds=seconds)

        def has_ended(message: dict[str, Any]) -> bool:
            return message["status"] not in ACTIVE and id not in live

        return dict(seen(lambda: self.get(f"/messages/{sent['message_id']}"), has_ended, seconds=seconds))

    def events(self, path: str, **more: Any) -> list[SseMessage]:
        """Returns every event of a stream that ends by itself."""
        response = self.call("GET", path, **more)
        assert (response.status_code, response.content_type) == (200, f"{EVENTS}; charset=utf-8"), response.get_data(as_text=True)
        return decoded(response)


def decoded(response: TestResponse) -> list[SseMessage]:
    decoder = SseDecoder()
    found = [message for piece in response.iter_encoded() for message in decoder.feed(piece)]
    response.close()
    return found


def text_of(events: list[SseMessage]) -> str:
    """Returns the concatenated text of the deltas."""
    return "".join(json.loads(event.data)["text"] for event in events if event.event in ("delta", "snapshot"))


def least_body(operation: Operation) -> dict[str, Any] | None:
    """Builds a body with only the required fields."""
    fields = operation.body.model_fields.items() if operation.body else ()
    values = {
        "messages": [{"role": "user", "content": "Mine now."}],
        "value": "1",
        "scopes": ["read"],
        "role": "guest",
        "kind": "openai",
        "to": "everyone",
        "sections": [{"text": "Mine now."}],
        "strategy": "LATEST",
        "collection_ids": [],
        "scripts": [],
        "tags": [],
        "tools": [],
        "is_good": True,
        "is_hidden": True,
        "seconds": 5,
        "version": 1,
        "start": 0,
        "end": 4,
        "decision": "end",
    }
    return {name: values.get(name, "Mine now.") for name, field in fields if field.is_required()} if operation.body else None


def client_of(app: Flask, email: str, *scopes: str) -> Client:
    """Returns a client for an account; without `scopes` its token has all that the role allows."""
    with app.app_context():
        user = queries.user_by_email(email)
        assert user
        return Client(app, tokens.make_token(user, "a program", scopes or allowed_scopes(user)))
