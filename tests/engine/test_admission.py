"""The line in which requests wait for a place: its order, and who leaves it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gevent
import pytest
from flask import Flask
from gevent.event import Event
from sqlalchemy.pool import QueuePool

from tests.api.client import Client, client_of
from tests.conftest import signed_in
from tests.support.waiting import until
from webapp.base.db import db
from webapp.engine.engine import ENGINE, Engine
from webapp.engine.state.admission import AdmissionQueue, Waiter
from webapp.settings.service import set_setting

STREAMED = {"messages": [{"role": "user", "content": "Hello"}], "stream": True}


@dataclass
class Answers:
    """As many answers as a test says."""

    running: int


def waiting(line: AdmissionQueue, whose: str, lane: str = "") -> Waiter:
    waiter = Waiter(whose, lane, Event())
    line.join(waiter)
    return waiter


def test_people_are_served_in_turn_and_each_in_their_order() -> None:
    answers = Answers(1)
    line = AdmissionQueue(lambda: 1, lambda: answers.running)
    names = ["ada 1", "ada 2", "ada 3", "ben 1", "cleo 1", "ben 2"]
    waiters = {name: waiting(line, name.split()[0]) for name in names}
    order = []
    answers.running = 0
    line.serve()
    while served := [name for name, place in waiters.items() if place.has_slot]:
        (name,) = served
        order.append(name)
        del waiters[name]
        # Its answer came to nothing, so the next one has the place.
        line.give_back()
    assert order == ["ada 1", "ben 1", "cleo 1", "ada 2", "ben 2", "ada 3"]


def test_whoever_comes_later_takes_no_place_from_those_who_wait() -> None:
    answers = Answers(2)
    line = AdmissionQueue(lambda: 2, lambda: answers.running)
    assert not line.take()
    waiter = waiting(line, "ada")
    answers.running = 1
    assert not line.take()
    line.serve()
    assert waiter.has_slot
    assert not line.take()
    line.give_back()
    assert line.take()


def test_without_a_limit_nobody_waits() -> None:
    line = AdmissionQueue(lambda: 0, lambda: 1000)
    assert all(line.take() for _ in range(1000))


def test_a_stop_ends_the_waiting_in_its_lane_alone() -> None:
    line = AdmissionQueue(lambda: 1, lambda: 1)
    here, there = waiting(line, "ada", "chat:1"), waiting(line, "ada", "chat:2")
    line.stop("chat:1")
    assert (here.is_stopped, here.signal.is_set(), there.is_stopped, line.waiting) == (True, True, False, 1)
    line.stop()
    assert (there.is_stopped, line.waiting) == (True, 0)


# A server that is full


@pytest.fixture
def full(make_app: Any, fake: Any) -> Iterator[tuple[Flask, Engine, list[Client]]]:
    """An application with one place, which the first of its people has taken."""
    app = make_app(**fake.environ, MAX_STREAMS="1")
    emails = [f"{name}@example.org" for name in ("ada", "ben", "cleo")]
    for email in emails:
        signed_in(app, email, "member")
    clients = [client_of(app, email) for email in emails]
    fake.counts(4000, pace=0.02)
    with app.app_context():
        set_setting("limits.queue_seconds", "30")
    first = clients[0].call("POST", "/v1/chat/completions", STREAMED)
    assert first.status_code == 200
    yield app, ENGINE.of(app), clients
    first.close()


def leave(engine: Engine) -> None:
    """Stops the answer in progress."""
    (live,) = engine.live.values()
    live.run.stop.request("user")


def test_a_request_waits_until_a_place_is_free_and_holds_no_connection_meanwhile(full: Any) -> None:
    app, engine, (_, ben, _) = full
    asking = gevent.spawn(ben.call, "POST", "/v1/chat/completions", STREAMED)
    until(lambda: engine.admission.line.waiting == 1, "it waits")
    with app.app_context():
        pool = db.engine.pool
        assert isinstance(pool, QueuePool)
        until(lambda: pool.checkedout() <= 1, "only the running answer uses the database")
    assert not asking.ready()

    leave(engine)

    answer = asking.get(timeout=30)
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    answer.close()
    until(lambda: not engine.live and not engine.admission.line.arrived, "nothing is left over")


def test_after_its_time_it_is_refused_with_a_status_and_counts_for_nothing(full: Any) -> None:
    app, engine, (_, ben, _) = full
    with app.app_context():
        set_setting("limits.queue_seconds", "1")
    before = ben.call("GET", "/me").headers["RateLimit"]

    answer = ben.call("POST", "/v1/chat/completions", STREAMED)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert ben.call("GET", "/me").headers["RateLimit"] == before
    assert engine.admission.line.waiting == 0


def test_stopping_the_chat_ends_the_waiting_for_its_answer(full: Any) -> None:
    _, engine, (_, ben, _) = full
    chat = ben.post("/chats", {}, status=201)["chat"]["id"]
    asking = gevent.spawn(ben.call, "POST", f"/chats/{chat}/messages", {"message": "Hello"})
    until(lambda: engine.admission.line.waiting == 1, "it waits")

    ben.post(f"/api/chat/{chat}/stream/cancel")

    answer = asking.get(timeout=30)
    assert (answer.status_code, answer.json["code"]) == (409, "conflict")
    assert not ben.get(f"/chats/{chat}/messages")["messages"]


def test_waiting_requests_count_towards_the_answers_of_their_person(full: Any) -> None:
    app, engine, (_, ben, _) = full
    with app.app_context():
        set_setting("limits.concurrent_streams", "2")
    asking = [gevent.spawn(ben.call, "POST", "/v1/chat/completions", STREAMED) for _ in range(2)]
    until(lambda: engine.admission.line.waiting == 2, "two wait")

    assert ben.call("POST", "/v1/chat/completions", STREAMED).status_code == 429

    engine.admission.max_streams = 3
    engine.admission.line.serve()
    for answer in (greenlet.get(timeout=30) for greenlet in asking):
        assert answer.status_code == 200
        answer.close()


def test_a_server_that_closes_ends_all_waiting(full: Any) -> None:
    _, engine, (_, ben, _) = full
    asking = gevent.spawn(ben.call, "POST", "/v1/chat/completions", STREAMED)
    until(lambda: engine.admission.line.waiting == 1, "it waits")

    engine.finish(seconds=2)

    assert asking.get(timeout=30).status_code == 503
