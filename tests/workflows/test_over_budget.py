"""A run whose model a used-up budget refuses: it pauses, and programs are told as everywhere that a budget is used up."""

import json

import pytest

from tests.api.client import Client, client_of
from tests.upstream.fixtures import app
from tests.workflows.programs import published

__all__ = ["app"]
TALK = "workflow: talk\ntitle: Talk\nslots: {win: {type: text}}\nsteps: [collect: win, chat: Speak.]\n"


@pytest.fixture
def program(app, owner) -> Client:
    return client_of(app, owner.email)


def test_a_message_in_a_thread_is_refused_with_the_budget_and_its_reset(program, fake):
    budget = program.post("/budgets", {"who": "team", "unit": "answers", "limit": 1, "period": "month"}, status=201)
    runs = published(program, TALK)
    fake.says("Fine.")
    threads = [program.post(runs, {}, status=201)["thread_id"] for _ in range(3)]
    program.post(f"/chat/threads/{threads[0]}/messages", {"content": "I swam"})

    refused = program.call("POST", f"/chat/threads/{threads[1]}/messages", {"content": "I swam"}, buffered=True)
    said = refused.json
    assert (refused.status_code, said["code"], said["budget_id"]) == (402, "over_budget", budget["id"])
    assert said["resets_at"] == budget["resets_at"]
    assert int(refused.headers["Retry-After"]) > 0

    streamed = program.call("POST", f"/chat/threads/{threads[2]}/messages/stream", {"content": "I swam"}).get_data(as_text=True)
    events = [json.loads(line.removeprefix("data:")) for line in streamed.splitlines() if line.startswith("data:")]
    assert [event["type"] for event in events][-2:] == ["error", "done"]
    assert events[-2]["data"]["code"] == "over_budget"
    run = next(row for row in program.get("/runs")["runs"] if row["thread_id"] == threads[2])
    assert (run["state"], "is used up" in run["why"]) == ("paused", True)

    program.said("DELETE", f"/budgets/{budget['id']}", 204)
    assert program.post(f"/runs/{run['id']}/resume")["why"] == ""
