"""Macros about the chat: positions and versions of its messages, the time since the last one, and how much fits."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from tests.characters.card_samples import V2, as_json, bring
from tests.chat.conftest import address, ended_with, id_of
from webapp.base.db import utc_now, write
from webapp.chat.prompt.context import PromptContext
from webapp.chat.prompt.sections import macro_values
from webapp.chat.record.tables import Message

ASKED = "{{lastMessageId}}|{{firstIncludedMessageId}}|{{lastSwipeId}}|{{currentSwipeId}}|{{idleDuration}}|{{maxPrompt}}"
OF_CARD = "{{charDepthPrompt}}|{{charFirstMessage::1}}|{{charFirstMessage::0}}|{{charFirstMessage::9}}|{{mesExamplesRaw}}"


@pytest.fixture
def chat(member) -> str:
    """The path of a chat with a character whose card has a note and alternate greetings."""
    brought = bring(member, ("mara.json", as_json(V2)))
    return member.page(brought.link("Mara").attributes["href"] or "").press("Chat with Mara").path


def first_told(say, chat: str, text: str) -> str:
    return say(chat, text)[0][1].partition("\n---\n")[0]


@pytest.mark.slow
def test_a_prompt_says_where_in_the_chat_it_is(chat, member, say, fake):
    member.submit(f"{chat}/prompts", pre_prompt=ASKED)
    fake.says("Aye.")

    said = first_told(say, chat, "One")
    assert said.split("|")[:5] == ["1", "", "0", "1", "just now"]

    with member.app.app_context(), write() as session:
        question = session.scalar(select(Message).where(Message.chat_id == id_of(chat), Message.role == "user"))
        assert question
        question.created_at = utc_now() - timedelta(hours=2)
    member.submit(f"{chat}/prompts", pre_prompt=ASKED, history_limit="2")
    assert first_told(say, chat, "Two").split("|")[:5] == ["3", "0", "0", "1", "2 hours"]

    assert first_told(say, chat, "Three").split("|")[:2] == ["5", "1"]


@pytest.mark.parametrize(("most", "told"), [(6_800, "6800"), (0, "")])
def test_how_much_fits_is_told_where_somebody_knows_it(most, told):
    assert macro_values(PromptContext("chat", None, "fake/plain", (), most_tokens=most))("maxprompt") == told


@pytest.mark.slow
def test_versions_are_counted_from_the_first_answer_on(chat, member, say, fake):
    member.submit(f"{chat}/prompts", pre_prompt=ASKED)
    fake.says("Aye.")
    say(chat, "One")
    member.post(address(member.page(chat), "Try again"))
    page = member.wait_for(chat, ended_with(3))

    links = [str(node.attributes["href"]) for node in page.all("article a") if node.text(strip=True) == "What was sent"]
    told = member.page(links[-1]).all(".part pre")[0].text()
    assert told.split("|")[2:4] == ["1", "2"]


@pytest.mark.slow
def test_a_prompt_has_parts_of_the_card_and_branches(chat, member, say, fake):
    member.submit(f"{chat}/prompts", pre_prompt=OF_CARD)
    fake.says("Aye.")
    name = str(member.page("/account").textbox("Name").value)
    told = first_told(say, chat, "{{if user}}One{{else}}{{timeDiff::2026-01-01::2026-01-03}}{{/if}} {{persona}}")

    assert told == f"Rye.|*Looks up.* You again, {name}.|What is it, {name}?||<START>\n{name}: Hello\nMara: Aye."
    assert member.page(chat).messages("user") == ["One {{persona}}"]


def test_a_condition_chooses_what_a_greeting_says(make, member):
    page = member.page(make(greeting="{{if personality}}Curt{{else}}Warm{{/if}}, {{if !off}}{{user}}{{/if}}."))
    name = str(member.page("/account").textbox("Name").value)
    assert page.one(".greeting").text().strip() == f"Warm, {name}."
    assert page.press("Chat with Mara").messages("assistant") == [f"Warm, {name}."]
