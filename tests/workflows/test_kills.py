"""A run of twelve steps continues at the same step wherever its server is killed, and writes no message twice."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest

from tests.support.inserted import add_token
from tests.support.person import Person
from tests.support.rounds import ROUNDS
from tests.support.server import Server, prepared
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.deep, pytest.mark.timeout(600 * ROUNDS)]
TWELVE = """
workflow: twelve
title: Twelve steps
slots: {a: {}, b: {type: number}, c: {type: yes/no}, d: {optional: true}}
steps:
  - say: Welcome.
  - collect: a
  - {id: first, chat: "Say hello to {{a}}.", max_sentences: 1}
  - collect: b
  - branch: [{if: b > 1, go: many}, {go: few}]
  - {id: many, say: Many., next: c}
  - {id: few, say: Few.}
  - collect: c
  - {id: card, generate: weekly-card, with: {goals: "{{a}}"}}
  - {id: talk, chat: Talk., turns: 1, max_sentences: 1}
  - collect: d
  - end: Bye.
"""
ANSWERS = {"a": "Ada", "b": "2", "c": "yes", "talk": "Well", "d": "x"}
# The final messages, each once; a star stands for a model's.
SAID = ["Welcome.", "A?", "Ada", "*", "B?", "2", "Many.", "C?", "yes", "*", "*", "Well", "*", "D?", "x", "Bye."]
EVENTS = 10
# In a deep run, after each of its events; otherwise where a model writes, and where one has just written a plan.
CUTS = list(range(1, EVENTS)) * max(1, ROUNDS // 10) if ROUNDS > 1 else [2, 6]


class Program:
    """An API client of a server that is killed and restarted."""

    def __init__(self, server: Server) -> None:
        token = add_token(server)
        self.url, self.headers = server.url, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1{path}", content, self.headers, method=method)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as reply:
            return json.load(reply)

    def run(self, id: str) -> dict[str, Any]:
        return dict(self.call("GET", f"/runs/{id}"))

    def log(self, id: str) -> list[dict[str, Any]]:
        return list(self.call("GET", f"/runs/{id}/events")["events"])

    def settled(self, id: str) -> dict[str, Any]:
        """Returns the run once no model is writing in it."""
        until(lambda: self.run(id)["state"] != "running", "no model writes", seconds=120)
        return self.run(id)

    def go_on(self, run: dict[str, Any]) -> None:
        """Does what a person does next: answers, or resumes a run that a kill has paused."""
        deed = "resume" if run["state"] == "paused" else "answer"
        body = None if deed == "resume" else {"value": ANSWERS[run["step"]["id"]]}
        self.call("POST", f"/runs/{run['id']}/{deed}", body)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with prepared(tmp_path_factory.mktemp("server")) as server:
        yield server


def begun(program: Program) -> str:
    return str(program.call("POST", "/workflows/twelve/runs", {})["id"])


def driven(program: Program, id: str, *, events: int) -> None:
    """Continues the run until its log has this many events; a model can be writing then."""
    while len(program.log(id)) < events and (run := program.settled(id))["state"] != "completed":
        if len(program.log(id)) < events:
            program.go_on(run)


def said(server: Server, run: dict[str, Any]) -> list[str]:
    """Returns the messages of a run, in order; a star stands for a model's."""
    rows = server.rows("SELECT id, parent_id, content FROM messages WHERE chat_id = ?", run["chat_id"])
    below = {parent: (id, content) for id, parent, content in rows}
    assert len(below) == len(rows), "two messages follow the same one"
    found, at = [], None
    while at in below:
        at, content = below[at]
        found.append(str(content) if content in SAID else "*")
    return found


def test_a_killed_server_goes_on_at_the_same_step_and_says_nothing_twice(server: Server) -> None:
    server.lift_limits()
    server.start()
    Person(server.url).become_owner(server.owner_link)
    program = Program(server)
    program.call("POST", "/workflows", {"definition": TWELVE})
    program.call("POST", "/workflows/twelve/publish", {"note": ""})
    for cut in CUTS:
        id = begun(program)
        driven(program, id, events=cut)
        log, before = program.log(id), program.run(id)
        server.kill()
        server.start()
        after = program.run(id)
        assert program.log(id)[: len(log)] == log
        assert after["slots"].items() >= before["slots"].items()
        driven(program, id, events=10_000)
        run = program.settled(id)
        assert (run["state"], said(server, run)) == ("completed", SAID), cut
        answered = [entry["value"] for entry in program.log(id) if entry["kind"] == "answer"]
        assert answered == list(chain(ANSWERS.values()))
