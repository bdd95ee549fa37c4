"""Chats of Claude: what was said and attached, and branches where the file has them."""

from tests.chat.files import CLAUDE, said
from webapp.chat.imports import claude


def test_a_claude_chat_keeps_what_was_said_and_attached():
    chat = claude.parse(CLAUDE[0])
    question = "How much water?\n\nbrook.csv:\n\n```\na,b\n```\n\n*(wheel.png was here; the export doesn't include it)*"
    answer = "Enough.\n\nNo more."

    assert (chat.id, chat.title, chat.head) == ("claude:k1", "Water for the wheel", "claude:m3")
    assert said(chat) == {"m1": (question, ""), "m2": (answer, question), "m3": ("Why?", answer)}
    assert [message.reasoning for message in chat.messages] == ["", "Weigh it", ""]
    assert chat.messages[1].created_at.isoformat() == "2024-10-18T15:21:20+00:00"


def test_a_claude_chat_that_names_parents_keeps_its_branches():
    first, second, third = CLAUDE[0]["chat_messages"]
    root = "00000000-0000-4000-8000-000000000000"
    rows = [{**first, "parent_message_uuid": root}, {**second, "parent_message_uuid": "m1"}]
    rows += [{**third, "uuid": uuid, "sender": "assistant", "parent_message_uuid": "m1"} for uuid in ("m3", "m4")]
    chat = claude.parse({**CLAUDE[0], "chat_messages": rows, "current_leaf_message_uuid": "m3"})

    assert chat.head == "claude:m3"
    assert {message.id: message.parent for message in chat.messages} == {
        "claude:m1": "",
        **dict.fromkeys(("claude:m2", "claude:m3", "claude:m4"), "claude:m1"),
    }
