"""What is folded in a chat, in the API: the results of an answer that filled its model's context."""

from typing import Any

import pytest
from flask import Flask

from tests.api.client import Client
from tests.tools.test_recovery import Counter, counting
from webapp.models.connections import contexts
from webapp.settings.service import set_setting
from webapp.tools.tool import READS, Result, Tool
from webapp.web.feature import BROUGHT

MODEL = "local/one"


class Long(Counter):
    def _run(self, _context: Any, arguments: Any) -> Result:
        return Result(f"{arguments['what']} " * 4_000, outside=("example.org",))


@pytest.fixture
def answer(app: Flask, program: Client, fake) -> dict[str, Any]:
    """An answer with three results that don't fit its model's context."""
    with app.app_context():
        contexts.learn(MODEL, 8192)
        set_setting("tools.rounds", "100")
    BROUGHT.of(app)[Tool].append(Long(READS).tool)
    fake.behaves([*({"calls": [counting(name)]} for name in ("one", "two", "three")), {"says": "Good."}])
    sent = program.post("/chats", {"message": "Count.", "model": MODEL, "tools": ["count"]}, status=201)["sent"]
    ended = program.ended(sent)
    assert ended["status"] == "completed"
    return {"chat": sent["chat_id"], **ended}


def test_folds_are_listed(program: Client, answer: dict[str, Any]) -> None:
    folds = program.get(f"/chats/{answer['chat']}/folds")["folds"]
    assert [fold["handle"] for fold in folds] == ["fold-1", "fold-2"]
    first = folds[0]
    assert (first["kind"], first["round"], first["from"], first["to"]) == ("result", 1, answer["id"], answer["id"])
    assert first["text"] == '[fold-1: Counted {"what": "one"}, 16 000 characters. recall opens it]'
    assert first["tokens_after"] < 40 < 3_000 < first["tokens_before"]
    assert (first["is_outside"], first["calls"], first["messages"], first["made_by"]) == (True, 1, 0, "extract")
    assert "two" in folds[1]["text"]
    # The question's branch ends above them.
    assert program.get(f"/chats/{answer['chat']}/folds", query={"head": answer["parent_id"]})["folds"] == []


def test_what_was_sent_names_them(program: Client, answer: dict[str, Any]) -> None:
    prompt = program.get(f"/generations/{answer['generation']['id']}/prompt")
    assert prompt["context"]["folds"] == ["fold-1", "fold-2"]
    assert prompt["context"]["limit"] == 8192
    assert 0 < prompt["context"]["tokens"] < 8192
    contents = [part["content"] for part in prompt["parts"]]
    assert "Count." in contents
    assert '[fold-1: Counted {"what": "one"}, 16 000 characters. recall opens it]' in contents
    assert {part["round"] for part in prompt["parts"]} == {0, 1, 2, 3}


@pytest.fixture
def long_chat(program: Client, fake) -> str:
    """A chat of five turns."""
    fake.always({"says": "Yes. " + "The otter sleeps below the bridge. " * 30})
    sent = program.post("/chats", {"message": "Never say heron. The number is 4711.", "model": MODEL}, status=201)["sent"]
    program.ended(sent)
    for turn in range(4):
        body = {"message": f"And {turn}? " + "The otter sleeps below the bridge. " * 30}
        program.ended(program.post(f"/chats/{sent['chat_id']}/messages", body, status=202))
    return str(sent["chat_id"])


def test_a_chat_is_folded_edited_and_unfolded(program: Client, long_chat: str, other: Client) -> None:
    at = f"/chats/{long_chat}/folds"
    made = program.post(at, {}, status=202)
    assert (made["handle"], made["kind"], made["messages"], made["made_by"], made["state"]) == (
        "fold-1",
        "conversation",
        4,
        "extract",
        "made",
    )
    assert "Never say heron." in made["text"]
    assert "4711" in made["text"]
    messages = program.get(f"/chats/{long_chat}/messages")["messages"]
    assert (made["from"], made["to"]) == (messages[0]["id"], messages[3]["id"])
    assert program.post(at, {}, status=409)["detail"] == "Nothing to fold: the last messages of a chat stay as they are."

    changed = program.said("PATCH", f"{at}/{made['id']}", 200, {"text": "They spoke of a number."})
    assert (changed["text"], changed["is_edited"]) == ("They spoke of a number.", True)
    assert program.get(at)["folds"] == [changed]
    for method, body in (("PATCH", {"text": "Mine."}), ("DELETE", None)):
        other.said(method, f"{at}/{made['id']}", 404, body)
    program.said("DELETE", f"{at}/{made['id']}", 204)
    assert program.get(at)["folds"] == []
    # A handle is never given twice.
    assert program.post(at, {"up_to": messages[1]["id"]}, status=202)["handle"] == "fold-2"
