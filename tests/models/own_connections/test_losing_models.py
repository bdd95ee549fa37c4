"""Answers that wait while their model goes: no decision is stored that nothing can follow, and another model continues them."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from tests.api.client import Client
from tests.api.test_tools import parked
from tests.support.browser import Browser
from tests.upstream.handle import Upstream
from webapp.base.db import db, write
from webapp.settings.service import set_setting
from webapp.tools.tables import Call, Fuse

ASK = {"tool": "ask_person", "arguments": {"question": "Which?", "choices": ["Red", "Blue"]}}
SEARCH = {"tool": "search_documents", "arguments": {"query": "weirs"}}
TEAMS = "openrouter/fusion"


def withdrawn(program: Client, admin: Client, model: str) -> None:
    program.said("DELETE", f"/connections/{model.partition(':')[0]}", 204)


def turned_off(program: Client, admin: Client, model: str) -> None:
    admin.said("PATCH", f"/connections/{model.partition(':')[0]}", 200, {"is_enabled": False})


def deleted(program: Client, admin: Client, model: str) -> None:
    admin.said("DELETE", f"/connections/{model.partition(':')[0]}", 204)


def not_offered(program: Client, admin: Client, model: str) -> None:
    set_in(admin.app, "connections.personal", "off")


def not_allowed(program: Client, admin: Client, model: str) -> None:
    set_in(admin.app, "models.allowed", TEAMS)


def set_in(app: Flask, name: str, value: str) -> None:
    with app.app_context():
        set_setting(name, value)


Way = Callable[[Client, Client, str], None]
OWN: tuple[Way, ...] = (withdrawn, not_offered)
WAYS: tuple[Way, ...] = (*OWN, turned_off, deleted, not_allowed)
# What an answer waits for, and what can be decided about it.
SITUATIONS = {
    "question": ("answer", "decline"),
    "waiting": ("allow", "allow_in_chat", "deny"),
    "unknown": ("done", "again", "leave"),
    "limit": ("continue", "answer", "end"),
}
# Every decision after one way, and after every way one decision of each situation; the others are deep.
EVERY = [(way, name, decision) for way in WAYS for name, some in SITUATIONS.items() for decision in some]
CASES = [
    case if way is WAYS[0] or decision == SITUATIONS[name][0] else pytest.param(*case, marks=pytest.mark.deep)
    for case in EVERY
    for way, name, decision in [case]
]


@pytest.fixture
def lost(
    app: Flask, program: Client, admin: Client, fake: Upstream, request: pytest.FixtureRequest
) -> Callable[[Way, str], dict[str, Any]]:
    """Has an answer wait, then takes its model away; returns what was sent, with its call."""

    def begin(way: Way, situation: str) -> dict[str, Any]:
        if way in OWN:
            model = request.getfixturevalue("model")
        else:
            body = {"kind": "openai", "name": "Here", "base_url": fake.base_url, "key": "sk-here-0123456789"}
            slug = admin.post("/connections", body, status=201)["slug"]
            admin.said("POST", f"/connections/{slug}/test", 200)
            model = next(row["id"] for row in program.get("/models")["models"] if row["id"].startswith(f"{slug}:"))
        set_in(app, "tools.rounds", "1" if situation == "limit" else "5")
        fake.always({"rounds": [{"says": "Hm.", "calls": [SEARCH if situation == "limit" else ASK]}, {"says": "So be it."}]})
        body = {"message": "Go", "model": model, "tools": ["search_documents", "ask_person"]}
        sent: dict[str, Any] = program.post("/chats", body, status=201)["sent"]
        parked(program, sent)
        if situation in ("waiting", "unknown"):
            with app.app_context(), write() as session:
                values = {"tool": "search_documents", "arguments": '{"query": "weirs"}', "state": situation}
                session.execute(update(Call).values(**values))
        way(program, admin, model)
        (call,) = program.get(f"/messages/{sent['message_id']}")["calls"]
        return sent | {"call": call["id"]}

    return begin


def decide(program: Client, sent: dict[str, Any], situation: str, decision: str, status: int) -> Any:
    if situation == "limit":
        return program.post(f"/generations/{sent['generation_id']}/fuse", {"decision": decision}, status=status)
    body = {"decision": decision, "result": "Red"}
    return program.post(f"/calls/{sent['call']}/decision", body, status=status)


def stored(app: Flask) -> list[str]:
    with app.app_context():
        decisions = (select(column) for column in (Call.decision, Fuse.decision))
        return [decision for query in decisions for decision in db.session.scalars(query) if decision]


@pytest.mark.mostly_slow
@pytest.mark.parametrize(("way", "situation", "decision"), CASES)
def test_every_answer_that_waits_is_decided_by_programs(
    app: Flask, program: Client, lost, way: Way, situation: str, decision: str
) -> None:
    sent = lost(way, situation)
    (waiting,) = program.get("/waiting")["answers"]
    assert (waiting["generation_id"], waiting["reason"]) == (sent["generation_id"], "model")
    assert program.get(f"/generations/{sent['generation_id']}")["reason"] == "model"
    if decision == "end":
        decide(program, sent, situation, decision, 200)
        return
    refused = decide(program, sent, situation, decision, 422)
    assert "Choose another one." in refused["error"] or "doesn't" in refused["error"], refused
    assert stored(app) == []
    gone = program.get(f"/generations/{sent['generation_id']}")["model_asked"]
    program.post(f"/generations/{sent['generation_id']}/model", {"model": gone}, status=422)
    changed = program.post(f"/generations/{sent['generation_id']}/model", {"model": TEAMS})
    assert (changed["status"], changed["model_asked"]) == ("waiting", TEAMS)
    decide(program, sent, situation, decision, 200)
    answer = program.ended(sent)
    assert (answer["status"], answer["content"]) == ("completed", "Hm.\n\nSo be it.")
    assert program.get("/waiting") == {"calls": [], "answers": []}


@pytest.mark.mostly_slow
@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_answer_that_waits_is_decided_on_its_page(
    app: Flask, program: Client, member: Browser, lost, situation: str
) -> None:
    sent = lost(turned_off, situation)
    path, decision = f"/chats/{sent['chat_id']}", SITUATIONS[situation][0]
    to = f"/messages/{sent['message_id']}/limit" if situation == "limit" else f"/calls/{sent['call']}/decision"
    assert member.page(path).says("Choose another model to continue, or stop the answer.")
    assert member.post(to, decision=decision, result="Red").status_code == 422
    assert stored(app) == []
    assert member.post(f"/messages/{sent['message_id']}/model", model=TEAMS).status_code == 303
    assert not member.page(path).says("Choose another model to continue, or stop the answer.")
    member.post(to, decision=decision, result="Red")
    assert program.ended(sent)["content"] == "Hm.\n\nSo be it."


@pytest.mark.parametrize("situation", ["waiting", "limit"])
def test_one_that_was_decided_before_its_model_went_goes_on_with_another(
    app: Flask, program: Client, other: Client, lost, situation: str
) -> None:
    sent = lost(turned_off, situation)
    with app.app_context(), write() as session:
        session.execute(update(Call).where(Call.state == "waiting").values(state="asked", decision="allow"))
        session.execute(update(Fuse).values(decision="continue", times=1))
    (waiting,) = program.get("/waiting")["answers"]
    assert waiting["reason"] == "model"
    other.post(f"/generations/{sent['generation_id']}/model", {"model": TEAMS}, status=404)
    program.post(f"/generations/{sent['generation_id']}/model", {"model": TEAMS})
    assert program.ended(sent)["content"] == "Hm.\n\nSo be it."


def test_it_is_said_at_which_limit_an_answer_waits(app: Flask, program: Client, fake: Upstream) -> None:
    set_in(app, "tools.rounds", "1")
    fake.always({"rounds": [{"says": "Hm.", "calls": [SEARCH]}, {"says": "So be it."}]})
    sent = program.post("/chats", {"message": "Go", "tools": ["search_documents"]}, status=201)["sent"]
    answer = parked(program, sent)
    (waiting,) = program.get("/waiting")["answers"]
    words = "It has reached the limit on rounds for one answer."
    ids = {name: sent[name] for name in ("generation_id", "message_id", "chat_id")}
    assert waiting == {**ids, "reason": "limit", "limit": "rounds", "figure": "1", "message": words}
    generation = program.get(f"/generations/{sent['generation_id']}")
    assert (generation["status"], generation["reason"]) == ("waiting", "limit")
    notice = {"code": "limit", "message": words, "detail": "rounds 1"}
    assert generation["notices"] == answer["generation"]["notices"] == [notice]
    program.post(f"/generations/{sent['generation_id']}/fuse", {"decision": "continue", "more": {"usd": "0.5"}})
    program.ended(sent)
    events = program.events(f"/generations/{sent['generation_id']}/events")
    assert ["rounds 1" in event.data for event in events if event.event == "notice"] == [True]
