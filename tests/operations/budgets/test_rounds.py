"""Budgets and answers with tools: every round is metered, and one that uses a budget up waits with all that it has."""

from tests.api.client import Client
from tests.operations.budgets.conftest import level
from tests.support.waiting import seen, until
from webapp.base.db import db
from webapp.engine.engine import ENGINE
from webapp.engine.tables import Generation

SEARCH = {"tool": "search_documents", "arguments": {"query": "weirs"}}
LONG = "word " * 400


def begin(program: Client) -> tuple[dict, str]:
    body = {"message": "Go", "tools": ["search_documents"]}
    sent = program.post("/chats", body, status=201)["sent"]
    return sent, f"/generations/{sent['generation_id']}"


def waits(program: Client, path: str) -> None:
    live = ENGINE.of(program.app).live
    seen(lambda: program.get(path)["status"], lambda status: status == "waiting" and not live, seconds=30)


def test_an_answer_that_uses_a_budget_up_waits_until_it_is_raised(program: Client, made, fake) -> None:
    budget = made(600, unit="tokens")
    fake.always({"rounds": [{"says": "I look.", "calls": [SEARCH]}, {"says": LONG * 10}]})
    sent, path = begin(program)
    waits(program, path)
    message = program.get(f"/messages/{sent['message_id']}")
    assert message["content"].startswith("I look.")
    assert [call["state"] for call in message["calls"]] == ["done"]
    # While nothing is left, it waits again before anything is asked.
    asked = len(fake.posts())
    program.post(f"{path}/fuse", {"decision": "continue"})
    waits(program, path)
    assert len(fake.posts()) == asked
    program.said("PATCH", f"/budgets/{budget['id']}", 200, {"limit": 100_000})
    program.post(f"{path}/fuse", {"decision": "continue"})
    ended = program.ended(sent)
    assert ended["status"] == "completed"
    assert ended["content"].count("word") >= 4_000
    used, reserved = level(program, budget)
    assert reserved == 0
    assert used > 0
    with program.app.app_context():
        assert db.session.scalars(db.select(Generation.status)).all() == ["completed"]


def test_the_requests_of_later_rounds_count(program: Client, made, fake) -> None:
    made(20_000, unit="tokens")
    # Each round sends more than six thousand characters again; without counting them, ten rounds would pass.
    fake.always({"rounds": [{"says": LONG * 3, "calls": [{**SEARCH, "arguments": {"query": f"weirs {n}"}}]} for n in range(12)]})
    _, path = begin(program)
    waits(program, path)
    until(lambda: program.get(path)["status"] == "waiting", "it waits")
    assert len(fake.posts()) < 8
