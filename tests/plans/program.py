"""A program with a token, which makes plans by the dialect."""

import json
from typing import Any

from flask import Flask

from tests.support.people import user_with_password
from webapp.models.connections.providers import PROVIDERS, Providers
from webapp.models.providers.demo import DemoProvider
from webapp.models.upstream import Upstream
from webapp.people.accounts import tokens
from webapp.people.accounts.permissions import allowed_scopes
from webapp.streaming.codec import SseDecoder, SseMessage

GENERATE = "/api/streaming/generate-plan"
GOALS = {"goals": ["Finish the shelf"], "preferences": {}}


class Program:
    def __init__(
        self, app: Flask, email: str, role: str = "member", *, pace: float = 0, scopes: tuple[str, ...] | None = None
    ) -> None:
        PROVIDERS.set(Providers(DemoProvider(pace=pace), Upstream()), app)
        self.client = app.test_client()
        with app.app_context():
            user = user_with_password(email, role)
            self.id = user.id
            token = tokens.make_token(user, "a program", scopes or allowed_scopes(user))
        self.headers = {"Authorization": f"Bearer {token}"}

    def send(self, method: str, path: str, body: Any = None, *, key: str = "") -> tuple[int, Any]:
        response = self.client.open(path, method=method, json=body, headers=self._headers(key))
        return response.status_code, json.loads(response.get_data(as_text=True))

    def wish(self, **more: Any) -> str:
        status, said = self.send("POST", "/api/plan/inputs", {**GOALS, **more})
        assert status == 201, said
        return str(said["preferenceId"])

    def watch(self, path: str = GENERATE, *, key: str = "", **body: Any) -> tuple[Any, list[SseMessage]]:
        response = self.open(path, key=key, **body)
        decoder = SseDecoder()
        return response, [message for piece in response.iter_encoded() for message in decoder.feed(piece)]

    def open(self, path: str = GENERATE, *, method: str = "POST", key: str = "", **body: Any) -> Any:
        """Opens a stream, which ends only when it is read or closed."""
        headers = {**self._headers(key), "Accept": "text/event-stream"}
        return self.client.open(path, method=method, json=body or None, headers=headers, buffered=False)

    def _headers(self, key: str) -> dict[str, str]:
        return {**self.headers, **({"Idempotency-Key": key} if key else {})}
