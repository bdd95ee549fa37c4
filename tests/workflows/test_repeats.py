"""A request to a run that is repeated with its idempotency key has its first result, and changes nothing."""

import json

import gevent
import pytest

from tests.api.client import Client, client_of
from tests.support.marks import also_on_postgres, on_both_databases
from tests.upstream.fixtures import app
from tests.workflows.programs import published, settled

__all__ = ["app"]
THREE = """workflow: three
title: Three
slots: {mood: {type: choice, options: [low, good]}, win: {type: text}, plan: {type: text}}
steps: [collect: mood, collect: win, collect: plan]
"""
TALK = "workflow: talk\ntitle: Talk\nslots: {win: {type: text}}\nsteps: [collect: win, {chat: Speak., turns: 1}]\n"


@pytest.fixture
def program(app, owner) -> Client:
    return client_of(app, owner.email)


def said_in(program: Client, run) -> list[str]:
    return [message["content"] for message in program.get(f"/chat/threads/{run['thread_id']}/messages")["messages"]]


@also_on_postgres
def test_a_repeated_answer_is_not_the_answer_to_the_next_question(program):
    run = program.post(published(program, THREE), {}, status=201)
    path = f"/runs/{run['id']}/answer"
    for _ in range(2):
        assert program.post(path, {"value": "good"}, Idempotency_Key="a")["step"]["id"] == "win"
    # Another text with the same key, and the same text without a key, are new answers.
    assert program.post(path, {"value": "I swam"}, Idempotency_Key="a")["step"]["id"] == "plan"
    assert program.post(path, {"value": "good"}, Idempotency_Key="a")["step"]["id"] == "plan"
    assert program.post(path, {"value": "I swam"})["state"] == "completed"
    assert program.post(path, {"value": "I swam"}, Idempotency_Key="a")["state"] == "completed"


def test_a_repeated_invalid_answer_is_refused_the_same_way(program):
    run = program.post(published(program, THREE), {}, status=201)
    path, said = f"/runs/{run['id']}/answer", {"value": "awful"}
    first, again = (program.post(path, said, status=422, Idempotency_Key="a")["error"] for _ in range(2))
    assert first == again
    assert "For example" in program.post(path, said, status=422)["error"]


def test_a_repeated_message_in_a_thread_has_the_same_response(program):
    run = program.post(published(program, THREE), {}, status=201)
    path, said = f"/chat/threads/{run['thread_id']}/messages", {"content": "good"}
    first, again = (program.post(path, said, Idempotency_Key="a") for _ in range(2))
    assert (first, first["workflow"]["step"]) == (again, "win")
    assert said_in(program, run) == ["Mood?", "good", "Win?"]


@pytest.mark.slow
def test_a_repeated_message_streams_the_rest_of_what_it_has_started(program, fake):
    fake.says("One. Two.", holds=[1])
    run = program.post(published(program, TALK), {}, status=201)
    path, said = f"/chat/threads/{run['thread_id']}/messages/stream", {"content": "I swam"}
    dropped = program.call("POST", path, said, Idempotency_Key="a")
    next(iter(dropped.iter_encoded()))
    dropped.close()
    fake.goes_on()
    settled(program, run)
    whole = program.call("POST", path, said, Idempotency_Key="a").get_data(as_text=True)
    events = [json.loads(line.removeprefix("data:")) for line in whole.splitlines() if line.startswith("data:")]
    texts = [event["data"]["accumulated"] for event in events if event["data"].get("isComplete")]
    assert (texts, events[-1]["data"]["success"]) == (["One. Two."], True)
    assert said_in(program, run) == ["Win?", "I swam", "One. Two."]


@also_on_postgres
def test_a_repeated_start_begins_no_second_run(program):
    path, other = published(program, THREE), published(program, TALK)
    first, again = (program.post(path, {}, status=201, Idempotency_Key="a") for _ in range(2))
    assert first == again
    assert program.post(path, {}, status=201, Idempotency_Key="b")["id"] != first["id"]
    assert program.post(other, {}, status=201, Idempotency_Key="a")["id"] != first["id"]
    assert program.post(path, {}, status=201)["id"] != first["id"]

    threads = [
        program.post("/chat/threads", {"workflow": "three", "title": title}, status=201, Idempotency_Key="a")["thread"]["id"]
        for title in ("One", "One", "Two")
    ]
    assert len(set(threads)) == 2
    assert first["thread_id"] not in threads


@on_both_databases
def test_repeated_starts_at_the_same_time_begin_one_run(program):
    path = published(program, THREE)
    starts = [gevent.spawn(program.post, path, {}, status=201, Idempotency_Key="a") for _ in range(4)]
    gevent.joinall(starts, raise_error=True)
    assert len({start.value["id"] for start in starts}) == 1
