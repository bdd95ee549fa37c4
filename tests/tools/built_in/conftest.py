"""Fixtures: a person who asks, and a web server that does whatever a test needs."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from gevent.event import Event
from gevent.pywsgi import WSGIServer

from tests.support.people import user_with_password
from webapp.base.db import db
from webapp.people.accounts.tables import User
from webapp.streaming.stop import Stop
from webapp.tools.tool import CallContext

NewContext = Callable[..., CallContext]


@dataclass
class Request:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any


@dataclass
class Answer:
    content: bytes | Callable[[], Iterable[bytes]]
    kind: str = "text/html"
    status: str = "200 OK"
    headers: dict[str, str] = field(default_factory=dict)


class Site:
    """A web server with an answer for each path, which records its requests."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[Request] = []
        # Is called at each request.
        self.meanwhile: Callable[[], object] = lambda: None
        self.server = WSGIServer(("127.0.0.1", 0), self._answer, log=None, error_log=None)
        self.server.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def says(self, path: str, content: str | bytes | Callable[[], Iterable[bytes]], **more: Any) -> str:
        """Sets the answer of a path, and returns its address; a function yields the content piece by piece."""
        self.answers[path] = Answer(content.encode() if isinstance(content, str) else content, **more)
        return self.url + path

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
        self.requests.append(
            Request(
                environ["REQUEST_METHOD"],
                environ["PATH_INFO"],
                environ["QUERY_STRING"],
                headers,
                json.loads(body) if body else None,
            )
        )
        self.meanwhile()
        answer = self.answers.get(environ["PATH_INFO"], Answer(b"", status="404 Not Found"))
        start_response(answer.status, [("Content-Type", answer.kind), *answer.headers.items()])
        return answer.content() if callable(answer.content) else [answer.content]


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.server.stop()


def added(email: str, role: str = "member") -> User:
    """Adds an account."""
    return user_with_password(email, role)


def noted_connections(site: Site) -> list[int]:
    """Returns the numbers of database connections in use at each request of a site, from now on."""
    noted, engine = list[int](), db.engine
    site.meanwhile = lambda: noted.append(engine.pool.checkedout())  # type: ignore[attr-defined]
    return noted


@pytest.fixture
def new_context(app: Flask) -> Iterator[NewContext]:
    """Makes the contexts of calls, inside the application."""
    with app.app_context():
        person = added("asker@example.org")

        def make(asker: User = person, **more: Any) -> CallContext:
            return CallContext("call", "chat", asker, Stop(Event), **more)

        yield make
