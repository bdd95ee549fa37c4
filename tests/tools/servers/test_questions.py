"""What tool servers ask during calls of answers: it waits for a person, is checked, and goes to the server alone."""

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from tests.api.client import Client
from tests.chat.files import download
from tests.support.browser import Browser
from tests.support.marks import also_on_postgres
from tests.support.mcp_server import HANDSHAKE, STATELESS, McpServer
from tests.support.waiting import seen
from tests.tools.servers.conftest import accept_all
from webapp.base.db import db, write
from webapp.engine.engine import ENGINE
from webapp.tools.asking import ask_while_open, with_answer
from webapp.tools.calls import CallRecord
from webapp.tools.questions import ServerQuestion
from webapp.tools.tables import Call

FIELDS = ["people", "room", "extras", "late", "name"]


@pytest.fixture(params=[STATELESS, HANDSHAKE])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stand_in(kind: str) -> Any:
    server = McpServer(kind, replies="stream")
    yield server
    server.close()
    assert not server.faults


@pytest.fixture
def booking(program: Client, admin: Client, accepted: dict[str, Any], fake) -> dict[str, Any]:
    """An answer whose call of `book` has been allowed, and whose server asks for how many."""
    calls = [{"tool": "stand-in_book", "arguments": {"day": "today"}}]
    fake.always({"rounds": [{"says": "I see.", "calls": calls}, {"says": "There."}]})
    admin.said("PATCH", f"/tool-servers/{accepted['id']}/tools/book", 200, {"policy": "allow"})
    sent = program.post("/chats", {"message": "Go", "tools": ["stand-in.book"]}, status=201)["sent"]
    (call,) = seen(lambda: program.get("/waiting")["calls"], bool, seconds=30)
    return {**call, **sent}


def ended(program: Client, call: dict[str, Any]) -> dict[str, Any]:
    return dict(seen(lambda: program.get(f"/calls/{call['id']}"), lambda row: row["state"] in ("done", "failed"), seconds=30))


def decide(program: Client, call: dict[str, Any], decision: str, status: int = 200, **more: Any) -> dict[str, Any]:
    return dict(program.post(f"/calls/{call['id']}/decision", {"decision": decision, **more}, status=status))


@also_on_postgres
@pytest.mark.slow
def test_a_question_is_answered_by_whom_it_is_for_alone(
    program: Client, other: Client, stranger: Browser, booking: dict[str, Any], stand_in: McpServer, fake, kind: str
) -> None:
    question = booking["question"]
    assert (question["server"], question["message"], question["is_open"]) == ("Stand-in", "For how many?", True)
    assert [field["name"] for field in question["fields"]] == FIELDS
    assert booking["state"] == ("waiting" if kind == STATELESS else "running")
    wrong = decide(program, booking, "answer", 422, values={"people": 9, "name": "x" * 30})
    assert "“People” must be at most 8." in wrong["detail"]
    assert len(stand_in.of("tools/call")) == 1
    decide(program, booking, "allow", 409)
    decide(other, booking, "answer", 404, values={"people": 4})

    decide(program, booking, "answer", values={"people": 4, "extras": ["tea"]})
    decide(program, booking, "answer", 409, values={"people": 1})
    call = ended(program, booking)
    assert 'Booked: {"extras": ["tea"], "people": 4}' in call["text"]
    assert (call["decision"], call["question"]["values"]) == ("answer", {"people": 4, "extras": ["tea"]})
    message = program.ended(booking)
    assert message["content"] == "I see.\n\nThere."

    # No model reads the answers, nor does another reader of the chat.
    bodies = json.dumps([post["body"]["messages"] for post in fake.posts()])
    assert "For how many" not in bodies
    program.said("PUT", f"/chats/{message['chat_id']}/grants", 200, {"to": "user", "to_id": stranger.person_id, "right": "write"})
    assert other.get(f"/calls/{booking['id']}")["question"]["values"] is None
    events = program.events(f"/generations/{booking['generation_id']}/events")
    names = [event.event for event in events if event.event in ("asked", "question", "decided", "returned", "ended")]
    assert names == ["asked", "question", "decided", "returned", "ended"]
    assert not any("tea" in event.data and "Booked" not in event.data and event.event != "question" for event in events)


@pytest.mark.slow
@pytest.mark.parametrize(("decision", "state"), [("decline", "failed"), ("cancel", "denied")])
def test_a_question_is_not_answered(
    program: Client, booking: dict[str, Any], stand_in: McpServer, decision: str, state: str, kind: str
) -> None:
    decide(program, booking, decision)
    message = program.ended(booking)
    (call,) = message["calls"]
    # An older server is told, and says itself what becomes of the call.
    assert call["state"] == (state if kind == STATELESS else "failed")
    assert len(stand_in.of("tools/call")) == (1 if decision == "cancel" or kind == HANDSHAKE else 2)
    assert message["content"] == "I see.\n\nThere."


@pytest.mark.slow
@pytest.mark.parametrize("kind", [STATELESS], indirect=True)
def test_an_answer_goes_only_to_the_tool_that_asked(
    program: Client, admin: Client, accepted: dict[str, Any], booking: dict[str, Any], stand_in: McpServer
) -> None:
    path = f"/tool-servers/{accepted['id']}"
    stand_in.tools["book"] = {**stand_in.tools["book"], "description": "Books a room, and tells everyone."}
    admin.post(f"{path}/refresh")
    decide(program, booking, "answer", 409, values={"people": 4})
    accept_all(admin, accepted["id"])
    assert "has changed since it asked" in decide(program, booking, "answer", 409, values={"people": 4})["detail"]
    (grant,) = admin.get(f"{path}/grants")["grants"]
    admin.said("DELETE", f"{path}/grants/{grant['id']}", 204)
    decide(program, booking, "decline", 403)
    assert len(stand_in.of("tools/call")) == 1
    decide(program, booking, "cancel")
    assert program.ended(booking)["calls"][0]["state"] == "denied"


@pytest.mark.slow
@pytest.mark.parametrize("kind", [STATELESS], indirect=True)
def test_answers_are_in_no_file_and_no_copy(app, program: Client, member: Browser, booking: dict[str, Any]) -> None:
    decide(program, booking, "answer", values={"people": 4, "name": "Heron"})
    chat_id = program.ended(booking)["chat_id"]
    with app.app_context(), write() as session:
        # The result repeats them, in the words of the server.
        session.execute(update(Call).values(text="Booked."))
    assert b"Heron" not in download(member, f"/chats/{chat_id}/export.json")
    page = member.page(f"/calls/{booking['id']}")
    assert page.says("Your answers, visible only to you")
    assert page.says("Heron")
    member.post(f"/messages/{booking['message_id']}/fork")
    with app.app_context():
        copied = [call.question for call in db.session.scalars(select(Call).where(Call.id != booking["id"]))]
        assert copied == [None]


@pytest.mark.parametrize("kind", [HANDSHAKE], indirect=True)
def test_nobody_answers_while_the_call_is_open(app, kind: str, program: Client, booking: dict[str, Any]) -> None:
    """The call of the fixture waits in its own greenlet; another has only so much time."""
    engine = ENGINE.of(app)
    with app.app_context():
        record = CallRecord.of(db.session.get_one(Call, booking["id"]))
    heard = list[CallRecord]()
    stop = engine.live[booking["generation_id"]].run.stop
    again = ServerQuestion("Again?", server="Stand-in")
    assert ask_while_open(engine, record, again, stop=stop, heard=heard.append, seconds=0.0) is None
    assert [(call.asks.number, call.asks.action) for call in heard if call.asks] == [(2, ""), (2, "cancel")]
    # It waits on under the same number once the call has failed for it; a further one has the next.
    asked = [replace(record, state="waiting", question=replace(again, is_again=is_again).record) for is_again in (True, False)]
    assert [with_answer(call, heard[-1]).asks.number for call in asked] == [2, 3]  # type: ignore[union-attr]
    assert "nobody answered in time" in decide(program, booking, "decline", 409)["detail"]
    program.post(f"/generations/{booking['generation_id']}/stop")
