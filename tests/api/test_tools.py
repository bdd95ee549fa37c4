"""Answers that call tools, in the API: rounds, a person's decisions, and what a stream says of them."""

import json
from typing import Any

import pytest

from tests.api.client import Client, text_of
from tests.support.browser import Browser
from tests.support.waiting import seen
from webapp.engine.engine import ENGINE
from webapp.settings.service import set_setting

ASK = {"tool": "ask_person", "arguments": {"question": "Which?", "choices": ["Red", "Blue"]}}
SEARCH = {"tool": "search_documents", "arguments": {"query": "weirs"}}


@pytest.fixture
def rounds(fake):
    def script(*behaviours: dict[str, Any]) -> None:
        fake.always({"rounds": list(behaviours)})

    return script


def begin(program: Client, *tools: str, message: str = "Go") -> dict[str, Any]:
    sent: dict[str, Any] = program.post("/chats", {"message": message, "tools": list(tools)}, status=201)["sent"]
    return sent


def parked(program: Client, sent: dict[str, Any]) -> dict[str, Any]:
    """Returns the answer once it waits for a person."""
    live = ENGINE.of(program.app).live

    def waits(message: dict[str, Any]) -> bool:
        return message["status"] == "waiting" and sent["generation_id"] not in live

    return dict(seen(lambda: program.get(f"/messages/{sent['message_id']}"), waits, seconds=30))


def test_what_needs_nobody_is_done_and_the_model_goes_on(program: Client, rounds, fake) -> None:
    rounds({"says": "I look it up.", "calls": [SEARCH]}, {"says": "There is nothing."})
    answer = program.ended(begin(program, "search_documents"))
    assert (answer["status"], answer["content"]) == ("completed", "I look it up.\n\nThere is nothing.")
    (call,) = answer["calls"]
    assert (call["tool"], call["state"], call["arguments"], call["round"]) == ("search_documents", "done", {"query": "weirs"}, 1)
    first, second = (post["body"] for post in fake.posts() if post["body"].get("tools"))
    assert [tool["function"]["name"] for tool in first["tools"]] == ["search_documents"]
    asked, result = second["messages"][-2:]
    assert (asked["content"], result["role"], result["content"]) == ("I look it up.", "tool", call["text"])


def test_a_question_waits_and_is_answered_once(program: Client, rounds) -> None:
    rounds({"says": "One thing.", "calls": [ASK]}, {"says": "Blue, then."})
    sent = begin(program, "ask_person")
    answer = parked(program, sent)
    assert answer["content"] == "One thing."
    (call,) = program.get("/waiting")["calls"]
    assert (call["id"], call["state"]) == (answer["calls"][0]["id"], "waiting")
    assert program.post(f"/chats/{sent['chat_id']}/messages", {"message": "And?"}, status=409)
    decided = program.post(f"/calls/{call['id']}/decision", {"decision": "answer", "result": "Blue"})
    assert (decided["state"], decided["text"]) == ("done", "Blue")
    program.post(f"/calls/{call['id']}/decision", {"decision": "decline"}, status=409)
    ended = program.ended(sent)
    assert (ended["status"], ended["content"]) == ("completed", "One thing.\n\nBlue, then.")
    assert program.get("/waiting")["calls"] == []
    assert ended["generation"]["id"] == sent["generation_id"]


def test_a_stream_says_what_is_asked_decided_and_returned(program: Client, rounds) -> None:
    rounds({"says": "Hm.", "calls": [ASK, SEARCH]}, {"says": "Red."})
    sent = begin(program, "ask_person", "search_documents")
    call = parked(program, sent)["calls"][0]
    program.post(f"/calls/{call['id']}/decision", {"decision": "answer", "result": "Red"})
    program.ended(sent)
    events = program.events(f"/generations/{sent['generation_id']}/events")
    names = [event.event for event in events if event.event in ("asked", "decided", "returned", "delta", "ended")]
    assert names == ["delta", "asked", "asked", "returned", "decided", "returned", "delta", "ended"]
    assert [int(event.id) for event in events] == list(range(1, len(events) + 1))
    asked = json.loads(next(event.data for event in events if event.event == "asked"))
    assert asked["arguments"] == ASK["arguments"]
    assert text_of(events) == "Hm.\n\nRed."


def test_a_waiting_answer_is_stopped(program: Client, rounds) -> None:
    rounds({"says": "Hm.", "calls": [ASK]}, {"says": "Never."})
    sent = begin(program, "ask_person")
    (call,) = parked(program, sent)["calls"]
    program.post(f"/generations/{sent['generation_id']}/stop")
    ended = seen(
        lambda: program.get(f"/messages/{sent['message_id']}"), lambda message: message["status"] == "stopped", seconds=30
    )
    assert ended["content"] == "Hm."
    # In another tab, the card may still be there.
    for decision in ("done", "deny"):
        program.post(f"/calls/{call['id']}/decision", {"decision": decision, "result": "Red"}, status=409)
    assert program.get(f"/calls/{call['id']}")["decision"] == ""


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"tool": "fly", "arguments": {}}, "no tool named fly"),
        ({"tool": "search_documents", "arguments": "{"}, "not valid JSON"),
        ({"tool": "search_documents", "arguments": {}}, "query is missing"),
    ],
)
def test_a_wrong_call_goes_back_to_the_model(program: Client, rounds, call, words) -> None:
    rounds({"calls": [call]}, {"says": "Sorry."})
    answer = program.ended(begin(program, "search_documents"))
    assert (answer["content"], answer["calls"][0]["state"]) == ("Sorry.", "failed")
    assert words in answer["calls"][0]["error"]


def test_an_unknown_tool_can_not_be_chosen(program: Client) -> None:
    program.post("/chats", {"message": "Go", "tools": ["fly"]}, status=422)


def test_the_passages_that_a_call_found_are_sources_of_the_answer(
    program: Client, other: Client, stranger: Browser, rounds
) -> None:
    shelf = program.post("/collections", {"name": "Notes"}, status=201)["id"]
    text = {"title": "Weirs", "text": "A weir holds back the water above the mill."}
    document = program.post(f"/collections/{shelf}/documents", text, status=202)["documents"][0]["id"]
    seen(lambda: program.get(f"/documents/{document}"), lambda row: row["state"] == "ready", seconds=30)
    rounds({"calls": [{"tool": "search_documents", "arguments": {"query": "weir"}}]}, {"says": "It holds back water [1]."})
    sent = begin(program, "search_documents")
    answer = program.ended(sent)
    assert [source["title"] for source in answer["sources"]] == ["Weirs"]
    (call,) = answer["calls"]
    assert "holds back the water" in call["text"]
    assert [source["document_id"] for source in call["sources"]] == [document]

    to_id = stranger.person_id
    program.said("PUT", f"/chats/{answer['chat_id']}/grants", 200, {"to": "user", "to_id": to_id, "right": "read"})
    (theirs,) = other.get(f"/messages/{answer['id']}")["calls"]
    whole = other.get(f"/calls/{call['id']}")
    events = other.events(f"/generations/{sent['generation_id']}/events")
    returned = json.loads(next(event.data for event in events if event.event == "returned"))
    for shown in (theirs, whole, returned):
        assert (shown["text"], shown["is_cut"], shown["sources"][0]["title"]) == ("", True, None)


def test_a_passage_of_somebody_else_in_the_prompt_is_outside_text(program: Client, admin: Client, rounds) -> None:
    shelf = admin.post("/collections", {"name": "Notes"}, status=201)["id"]
    text = {"title": "Weirs", "text": "A weir holds back the water above the mill."}
    document = admin.post(f"/collections/{shelf}/documents", text, status=202)["documents"][0]["id"]
    seen(lambda: admin.get(f"/documents/{document}"), lambda row: row["state"] == "ready", seconds=30)
    admin.said("PUT", f"/collections/{shelf}/grants", 200, {"to": "everyone", "right": "read"})
    rounds({"calls": [{"tool": "read_page", "arguments": {"address": "https://evil.example/?all"}}]}, {"says": "Well."})

    asked = {"message": "What does a weir do?", "tools": ["read_page"], "collection_ids": [shelf]}
    answer = parked(program, program.post("/chats", asked, status=201)["sent"])
    (call,) = answer["calls"]
    assert (call["state"], call["why"]) == (
        "waiting",
        "This answer has read private content and content from “Weirs”. You didn't enter this address. Open it anyway?",
    )
    denied = program.post(f"/calls/{call['id']}/decision", {"decision": "deny", "note": "Not there."})
    assert (denied["state"], denied["note"]) == ("denied", "Not there.")


def test_an_answer_at_a_limit_is_decided_about_once(program: Client, rounds) -> None:
    with program.app.app_context():
        set_setting("tools.rounds", "1")
    rounds({"says": "I look.", "calls": [SEARCH]}, {"says": "Nothing."})
    sent = begin(program, "search_documents")
    assert parked(program, sent)["content"] == "I look."
    path = f"/generations/{sent['generation_id']}"
    assert program.get(path)["status"] == "waiting"
    for wrong in ({"decision": "more"}, {"decision": "continue", "more": {"usd": -1}}, {}):
        program.post(f"{path}/fuse", wrong, status=422)
    assert program.post(f"{path}/fuse", {"decision": "continue"})["status"] in ("queued", "running", "completed")
    ended = program.ended(sent)
    assert (ended["status"], ended["content"]) == ("completed", "I look.\n\nNothing.")
    program.post(f"{path}/fuse", {"decision": "answer"}, status=409)
    events = program.events(f"{path}/events")
    assert [event.event for event in events].count("ended") == 1


def test_what_is_said_of_calls_that_nobody_decides(app, program: Client, rounds) -> None:
    rounds({"calls": [ASK]}, {"says": "Never."})
    sent = begin(program, "ask_person")
    (call,) = parked(program, sent)["calls"]
    program.post(f"/generations/{sent['generation_id']}/stop")
    seen(lambda: program.get(f"/messages/{sent['message_id']}"), lambda message: message["status"] == "stopped", seconds=30)
    assert program.get(f"/calls/{call['id']}")["state"] == "not_decided"
    rounds({"calls": [SEARCH]}, {"says": "Done."})
    done = program.ended(begin(program, "search_documents"))["calls"][0]
    refused = program.post(f"/calls/{done['id']}/decision", {"decision": "deny"}, status=409)
    assert refused["error"] == "Nobody has to decide about this call: it is done."
    with app.app_context():
        set_setting("tools.enabled", "false")
    assert {tool["reason"] for tool in program.get("/tools")["tools"]} == {"Tools are turned off on this server."}
