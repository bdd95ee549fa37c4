"""The debug log of streaming: what it reports of answers and watchers, for which values of DEBUG, and never their text.

Only LOG_CONTENT adds the text.
"""

import json
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from flask import Flask

from tests.conftest import MakeApp, signed_in
from tests.support.browser import Browser
from tests.upstream.handle import Upstream
from webapp.engine.engine import ENGINE
from webapp.engine.trace import fields_of
from webapp.streaming.events import Unknown

QUESTION, ANSWER, REFUSAL = "canary-of-the-question", "canary-of-the-answer", "canary-in-the-words-of-the-server"
REFUSED = {"status": 400, "json": {"error": {"message": REFUSAL, "code": 400}}}

Tell = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def tell(make_app: MakeApp, fake: Upstream, capfd: pytest.CaptureFixture[str]) -> Tell:
    """Returns the log lines of a server on which one question was answered, another refused, and a page has watched."""

    def tell(**environ: str) -> list[dict[str, Any]]:
        app = make_app(**fake.environ, LOG_FORMAT="json", **environ)
        fake.behaves([{"says": ANSWER}, REFUSED])
        owner = signed_in(app, "owner@example.org", "owner")
        for _ in range(2):
            ask_and_watch(app, owner)
        return [json.loads(line) for line in capfd.readouterr().err.splitlines()]

    return tell


def ask_and_watch(app: Flask, owner: Browser) -> None:
    chat = owner.page("/").press("Send", message=QUESTION)
    stream = owner.client.get(f"{chat.path}/events", headers={"Sec-Fetch-Site": "same-origin"}, base_url=owner.origin)
    next(stream.iter_encoded())
    with gevent.Timeout(60):
        while ENGINE.of(app).live:
            gevent.sleep(0.01)
    stream.close()


def of_us(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["level"] == "DEBUG"]


def test_of_an_event_of_another_version_nothing_is_told_that_may_be_content() -> None:
    facts, content = fields_of(Unknown({"kind": "mood", "text": QUESTION}))

    assert QUESTION not in str(facts)
    assert QUESTION in str(content)


@pytest.mark.mostly_slow
@pytest.mark.parametrize("wish", ["chat:streaming", "chat", "stream", "*"])
def test_it_tells_of_beginnings_events_watchers_and_errors(tell: Tell, wish: str) -> None:
    lines = [line for line in of_us(tell(DEBUG=wish)) if line["logger"] == "chat:streaming"]
    events = [line for line in lines if line["message"] == "stream_event"]

    assert {"stream_begun", "stream_event", "watcher_connected", "watcher_left"} <= {line["message"] for line in lines}
    (begun, _) = [line for line in lines if line["message"] == "stream_begun"]
    assert (begun["model"], begun["kind"], begun["when_unwatched"]) == ("some/model", "chat", "detach")
    first = [event for event in events if event["generation_id"] == begun["generation_id"]]
    assert [line["seq"] for line in first] == list(range(1, len(first) + 1))
    assert sum(line.get("chars", 0) for line in first) == len(ANSWER)
    assert (first[-1]["event"], first[-1]["status"]) == ("ended", "completed")
    assert [event["code"] for event in events if event["event"] == "failed"] == ["invalid"]
    left = next(line for line in lines if line["message"] == "watcher_left")
    assert left["lane"].startswith("chat:")
    assert left["superseded"] is False


@pytest.mark.mostly_slow
@pytest.mark.parametrize("wish", ["chat:streaming", "*"])
def test_nobodys_words_are_in_it(tell: Tell, wish: str) -> None:
    told = json.dumps(tell(DEBUG=wish))

    assert "stream_event" in told
    assert "canary" not in told


@pytest.mark.slow
def test_with_log_content_it_holds_what_was_answered(tell: Tell) -> None:
    lines = of_us(tell(DEBUG="chat:streaming", LOG_CONTENT="1"))

    said = [line.get("text", "") for line in lines if line.get("event") == "delta"]
    assert "".join(said) == ANSWER
    assert any(REFUSAL in line.get("text", "") for line in lines if line.get("event") == "failed")


@pytest.mark.mostly_slow
@pytest.mark.parametrize("wish", ["", "plan", "upstream"])
def test_it_tells_nothing_where_nobody_asks(tell: Tell, wish: str) -> None:
    assert not of_us(tell(DEBUG=wish, LOG_CONTENT="1"))


@pytest.mark.slow
def test_the_namespace_of_plans_is_their_own(make_app: MakeApp, capfd: pytest.CaptureFixture[str]) -> None:
    app = make_app(DEBUG="plan")
    signed_in(app, "owner@example.org", "owner").submit("/plans/new?type=monthly", goals="Learn to row")
    with gevent.Timeout(60):
        while ENGINE.of(app).live:
            gevent.sleep(0.01)

    written = capfd.readouterr().err
    assert "plan:streaming stream_begun" in written
    assert "chat:streaming stream_begun" not in written
