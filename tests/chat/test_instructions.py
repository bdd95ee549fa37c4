"""Custom instructions: a person's own text, sent to the model before each of their chats."""

import pytest

from tests.chat.conftest import asked, ended
from tests.support.browser import HTMX


def turns(fake) -> list[tuple[str, str]]:
    return [(turn["role"], turn["content"]) for turn in asked(fake)[-1]["body"]["messages"]]


@pytest.mark.slow
def test_they_come_first_and_only_for_their_person(owner, member, begin, fake):
    fake.says("Aye")
    page = owner.submit("/settings/memory", instructions="Answer like a miller.\r\nBriefly.")
    assert page.says("Saved.")
    assert page.textbox("Custom instructions").value == "Answer like a miller.\nBriefly."

    owner.wait_for(begin(owner, "Hello"), ended)
    assert turns(fake) == [("system", "Answer like a miller.\nBriefly."), ("user", "Hello")]

    member.wait_for(begin(member, "Hello"), ended)
    assert turns(fake) == [("user", "Hello")]


def test_empty_ones_are_not_sent(owner, begin, fake):
    fake.says("Aye")
    owner.submit("/settings/memory", instructions="  \n ")

    owner.wait_for(begin(owner, "Hello"), ended)

    assert turns(fake) == [("user", "Hello")]


def test_too_long_ones_are_refused_and_kept_in_the_form(owner):
    page = owner.submit("/settings/memory", instructions="x" * 4_001)

    assert page.status_code == 422
    assert "1 character too long" in page.error_at("Custom instructions")
    assert page.textbox("Custom instructions").value == "x" * 4_001
    assert owner.page("/settings/memory").textbox("Custom instructions").value == ""


@pytest.mark.slow
def test_they_count_from_the_next_answer_on(owner, answered, fake):
    fake.says("Aye")
    path = answered(owner, "Hello")
    owner.submit("/settings/memory", instructions="Briefly.")

    again = owner.page(path).button("Try again").attributes["formaction"]
    owner.post(str(again), headers=HTMX)
    owner.wait_for(path, ended)

    assert turns(fake)[0] == ("system", "Briefly.")


def test_the_signed_out_have_none(visitor):
    assert visitor.post("/settings/memory", instructions="Mine").location.startswith("/login")
