"""API clients with a token, on an application whose model is the scripted upstream."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.api.dialects.live import Caller
from tests.chat.conftest import asked
from tests.support.people import user_with_password
from tests.support.server import prepared
from tests.support.waiting import until
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream
from webapp.base.db import db
from webapp.chat.record.tables import Message
from webapp.guests.dialects.quick import views as quick
from webapp.people.accounts import tokens
from webapp.people.accounts.permissions import allowed_scopes
from webapp.settings.service import set_setting
from webapp.streaming.codec import SseDecoder, SseMessage as Told

__all__ = ["app", "asked"]


class Program:
    """A JSON client with a bearer token; without a token it is a visitor, whose cookies are kept."""

    def __init__(self, app: Flask, token: str = "") -> None:
        self.app, self.client, self.token = app, app.test_client(), token
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.client.get(path, headers={**self.headers, **headers})

    def post(self, path: str, *, accept: str = "application/json", **body: Any) -> TestResponse:
        return self.client.post(path, json=body, headers={**self.headers, "Accept": accept})

    def put(self, path: str, **body: Any) -> TestResponse:
        return self.client.put(path, json=body, headers=self.headers)

    def streamed(self, path: str, *, accept: str = "text/event-stream", **body: Any) -> list[Told]:
        """Returns every event of an answer, until its end."""
        response = self.client.post(path, json=body, headers={**self.headers, "Accept": accept}, buffered=False)
        assert response.status_code == 200, response.text
        assert response.content_type == "text/event-stream; charset=utf-8"
        assert response.headers["Cache-Control"] == "no-store, no-transform"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert response.headers["X-Stream-Id"]
        decoder = SseDecoder()
        return [message for piece in response.iter_encoded() for message in decoder.feed(piece)]

    def until_running(self, chat: str) -> None:
        """Waits until the answer has some text."""
        until(lambda: self.get(f"/api/chat/{chat}/stream/status").json["partialMessage"], "the answer has begun")

    def new_chat(self) -> str:
        thread: dict[str, str] = json.loads(self.post("/chat/threads").data)["thread"]
        return thread["id"]


@dataclass(frozen=True)
class Row:
    """A message as stored in the database."""

    id: str
    role: str
    content: str


@pytest.fixture
def unlimited(app: Flask) -> Iterator[None]:
    """Lifts the rate limits, unless a test sets them."""
    quick.VISITORS.full_at.clear()
    with app.app_context():
        for name in ("limits.streams_per_minute", "limits.concurrent_streams", "limits.sse_per_user", "limits.sse_per_chat"):
            set_setting(name, "0")
    yield
    quick.VISITORS.full_at.clear()


@pytest.fixture(scope="package")
def caller(upstream_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    """A client of a real server that all tests share: no limits, except eight connections per chat."""
    with prepared(tmp_path_factory.mktemp("dialects"), **upstream_process.environ) as server:
        server.lift_limits()
        server.set(limits__sse_per_chat="8", stream__idle_listener_seconds="2")
        server.set(models__temperature="0.5", models__max_tokens="500")
        yield Caller(server)
        assert "Traceback" not in server.log


@pytest.fixture
def make_program(app: Flask, unlimited: None) -> Callable[..., Program]:
    def make(email: str = "member@example.org", role: str = "member", *scopes: str) -> Program:
        with app.app_context():
            user = user_with_password(email, role)
            return Program(app, tokens.make_token(user, "a program", scopes or allowed_scopes(user)))

    return make


@pytest.fixture
def program(make_program: Callable[..., Program]) -> Program:
    return make_program()


@pytest.fixture
def messages(app: Flask) -> Callable[[str], list[Row]]:
    """A function that returns a chat's stored messages in the order in which they were written."""

    def stored(chat_id: str) -> list[Row]:
        with app.app_context():
            rows = db.session.scalars(select(Message).where(Message.chat_id == chat_id).order_by(Message.id))
            return [Row(row.id, row.role, row.content) for row in rows]

    return stored
