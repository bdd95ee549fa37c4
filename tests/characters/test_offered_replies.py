"""Replies that an answer offers: what counts as a choice, the chips, and sending one."""

import pytest

from webapp.workspace.page.composer_shown import offered_replies

OFFER = "The path forks.\n\n1. Take the **left** one\n2. Take the right one\n3. Wait"
CASES = [
    (OFFER, ["Take the left one", "Take the right one", "Wait"]),
    (OFFER + "\n\n*What do you do?*", ["Take the left one", "Take the right one", "Wait"]),
    ("Choose:\n- Yes\n- No\n", ["Yes", "No"]),
    ("Choose:\n(a) Yes\n(b) No", ["Yes", "No"]),
    ("Choose:\n- Yes", []),
    ("Choose:\n- Yes\n- Yes", []),
    ("- Flour\n- Rye", []),
    (OFFER + "\n\nShe leaves.", []),
    ("Choose:\n" + "\n".join(f"- {n}" for n in range(7)), []),
    (f"Choose:\n- {'x' * 121}\n- No", []),
    ("", []),
]


@pytest.mark.parametrize(("text", "replies"), CASES)
def test_a_short_list_at_the_end_is_a_choice(text, replies):
    assert offered_replies(text) == replies


def test_a_reply_is_sent_with_one_press(make, member):
    chat = member.page(make(name="Mara", greeting=OFFER)).press("Chat with Mara")
    assert [node.text() for node in chat.all(".picks__one")] == ["Take the left one", "Take the right one", "Wait"]

    assert chat.press("Wait").messages("user") == ["Wait"]
    assert not member.page(chat.path).all(".picks__one")


def test_what_was_typed_follows_the_reply(make, member):
    chat = member.page(make(name="Mara", greeting=OFFER)).press("Chat with Mara")

    page = chat.press("Wait", message="and listen")

    assert page.messages("user")[0].split() == ["Wait", "and", "listen"]


def test_other_chats_have_no_replies_and_the_box_says_who_is_answered(make, member, fake):
    page = member.submit("/", message="Hello")
    assert not page.all("#composer-picks")
    assert page.one("#composer-text").attributes["placeholder"] == "Reply…"

    chat = member.page(make(name="Mara")).press("Chat with Mara")

    assert chat.one("#composer-text").attributes["placeholder"] == "Reply to Mara…"
