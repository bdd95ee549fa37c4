"""What is folded in a chat, in the API: the results of an answer that filled its model's context."""

import re
from typing import Any

import pytest
from flask import Flask

from tests.api.client import Client
from tests.support.marks import on_both_databases
from tests.support.statements import statements
from tests.tools.test_recovery import Counter, counting
from webapp.base.db import db
from webapp.base.ids import new_id
from webapp.chat.folds.service import OF_AN_ANSWER
from webapp.chat.record.tables import Chat, Message
from webapp.models.connections import contexts
from webapp.models.tokens import estimate
from webapp.settings.service import set_setting
from webapp.tools.folded import Fold
from webapp.tools.tables import Call
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


def test_what_is_folded_in_an_answer_is_neither_edited_nor_unfolded(
    program: Client, answer: dict[str, Any], other: Client
) -> None:
    at = f"/chats/{answer['chat']}/folds"
    before = program.get(at)["folds"]
    assert before[0]["id"] == "fold-1"
    for method, body in (("PATCH", {"text": "Mine."}), ("DELETE", None)):
        assert program.said(method, f"{at}/fold-1", 409, body)["detail"] == OF_AN_ANSWER
        program.said(method, f"{at}/fold-9", 404, body)
        other.said(method, f"{at}/fold-1", 404, body)
    assert program.get(at)["folds"] == before


@on_both_databases
def test_any_number_of_answers_is_listed_in_as_few_statements(app: Flask, program: Client) -> None:
    with app.app_context():
        set_setting("models.titles", "off")
    sent = program.post("/chats", {"message": "Count."}, status=201)["sent"]
    program.ended(sent)
    at, counts = f"/chats/{sent['chat_id']}/folds", set[int]()
    for answers in (2, 12):
        with app.app_context():
            for _ in range(answers):
                add_folded(sent["chat_id"])
            db.session.commit()
        program.get(at)
        with statements(app) as said:
            folds = program.get(at)["folds"]
        # The others are those of any request.
        counts.add(sum(bool(re.search(r"\bcalls\.|^SELECT messages\.id, messages\.content", statement)) for statement, _ in said))
        # Results are not read whole, nor what they were asked with.
        assert not any(re.search(r"SELECT[^(]*calls\.(text|kept)\b[^(]*FROM", statement) for statement, _ in said)
    assert counts == {3}
    assert [fold["kind"] for fold in folds[:3]] == ["result", "result", "work"]
    assert len(folds) == 3 * 14
    line, shown, work = (fold["text"] for fold in folds[:3])
    assert line == "fold-1: Counted, 64 000 characters"
    assert shown == f'{"one " * 5_000}\n[fold-2: 20 000 of 64 000 characters; recall("fold-2", part=3) goes on]'
    assert work == "[fold-3: 1 round. recall opens it]\nSaid: Let me count.\nfold-1: Counted, 64 000 characters"
    assert abs(folds[0]["tokens_before"] - estimate("one " * 16_000)) < 200


def add_folded(chat_id: str) -> None:
    """Adds an answer below a chat's head, with a result that is folded with its round, and one that stands in part."""
    chat = db.session.get_one(Chat, chat_id)
    message = Message(id=new_id(), chat_id=chat_id, parent_id=chat.head_id, role="assistant", content="Let me count. Good.")
    db.session.add(message)
    db.session.flush()
    chat.head_id, first = message.id, chat.fold_count + 1
    chat.fold_count += 3
    for round, (sent, rounds) in enumerate(((0, first + 2), (20_000, 0))):
        db.session.add(
            Call(
                message_id=message.id,
                round=round + 1,
                number=0,
                upstream_id="",
                tool="count",
                title="Counted",
                arguments="{}",
                state="done",
                policy="allow",
                text="one " * 16_000,
                text_at=13,
                kept="x" * 1_000,
                fold=Fold(number=first + round, sent=sent, part=10_000, rounds=rounds, made_at="2030-01-01T00:00:00+00:00"),
            )
        )


def test_what_was_sent_names_them(program: Client, answer: dict[str, Any]) -> None:
    prompt = program.get(f"/generations/{answer['generation']['id']}/prompt")
    assert prompt["context"]["folds"] == ["fold-1", "fold-2"]
    assert prompt["context"]["limit"] == 8192
    assert 0 < prompt["context"]["tokens"] < 8192
    contents = [part["content"] for part in prompt["parts"]]
    assert "Count." in contents
    assert '[fold-1: Counted {"what": "one"}, 16 000 characters. recall opens it]' in contents
    assert {part["round"] for part in prompt["parts"]} == {0, 1, 2, 3}


def test_what_was_sent_has_rounds_as_they_stand_folded(app: Flask, program: Client, fake) -> None:
    with app.app_context():
        contexts.learn(MODEL, 8192)
        set_setting("tools.rounds", "100")
        set_setting("tools.calls", "100")
        set_setting("tools.chars", "0")
    BROUGHT.of(app)[Tool].append(Long(READS).tool)
    rounds = [{"calls": [counting(f"thing {number}")], "says": f"Now {number}."} for number in range(50)]
    fake.behaves([*rounds, {"says": "Good."}])
    sent = program.post("/chats", {"message": "Count.", "model": MODEL, "tools": ["count"]}, status=201)["sent"]
    generation = program.ended(sent)["generation"]["id"]

    messages = fake.posts()[-1]["body"]["messages"]
    prompt = program.get(f"/generations/{generation}/prompt")

    question, *folded = messages[0]["content"].split("\n\n")
    parts = [part["content"] for part in prompt["parts"]]
    assert parts[: 1 + len(folded)] == [question, *folded]
    assert re.match(r"\[fold-\d+: \d+ rounds\. recall opens it\]\n", folded[0])
    assert [part["content"] for part in prompt["parts"] if part["role"] == "tool"] == [
        message["content"] for message in messages if message["role"] == "tool"
    ]
    stand = {handle for text in parts for handle in re.findall(r"^\[?(fold-\d+): ", text, re.MULTILINE)}
    assert set(prompt["context"]["folds"]) >= stand
    assert 0 < prompt["context"]["tokens"] < 8192


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
    assert sent_folds(program, long_chat) == ["fold-1"]
    for method, body in (("PATCH", {"text": "Mine."}), ("DELETE", None)):
        other.said(method, f"{at}/{made['id']}", 404, body)
    program.said("DELETE", f"{at}/{made['id']}", 204)
    assert program.get(at)["folds"] == []
    assert sent_folds(program, long_chat) == []
    # A handle is never given twice.
    assert program.post(at, {"up_to": messages[1]["id"]}, status=202)["handle"] == "fold-2"


def sent_folds(program: Client, chat: str) -> list[str]:
    """Asks, and returns the handles in what was sent."""
    ended = program.ended(program.post(f"/chats/{chat}/messages", {"message": "And now?"}, status=202))
    handles: list[str] = program.get(f"/generations/{ended['generation']['id']}/prompt")["context"]["folds"]
    return handles
