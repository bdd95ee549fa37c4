"""`{{user}}` and `{{char}}` are names, in what is shown and in what is sent; all other text stays as it was written."""

import pytest

from tests.chat.conftest import asked, ended, ended_with, texts
from webapp.characters.macros import Names

BO = {
    "name": "Bo",
    "description": "{{char}} rows {{user}} over.",
    "greeting": "*{{Char}} nods.* Well, {{USER}}?",
    "system_prompt": "Be {{char}}.",
    "post_history_prompt": "Ask {{user}} back.",
}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{user}}, {{char}}; {{User}}, {{CHAR}}", "Jo, Bo; Jo, Bo"),
        ("{{{user}}}", "{Jo}"),
        ("{{ user }} {user} {{random:a,b}} {{char}.", "{{ user }} {user} {{random:a,b}} {{char}."),
        ("{{u\u017fer}}", "{{u\u017fer}}"),
        ("", ""),
        ("Nothing of it\r\n \0", "Nothing of it\r\n \0"),
    ],
)
def test_only_these_two_are_filled_in(text: str, filled: str) -> None:
    assert Names("Jo", "Bo").fill(text) == filled
    assert Names().fill(text) == text


def test_a_name_is_no_macro_itself() -> None:
    assert Names("{{char}}", "Bo").fill("{{user}} {{char}}") == "{{char}} Bo"


@pytest.fixture
def bo(make) -> str:
    return str(make(**BO))


@pytest.mark.slow
def test_the_greeting_and_all_that_is_sent_say_the_names(bo, member, fake):
    member.submit("/personas", name="Jo", description="{{user}} repairs clocks.", is_default="on")
    fake.says("Aye.")
    chat = member.page(bo).press("Chat with Bo").path
    assert texts(member.page(chat)) == ["Bo nods. Well, Jo?"]
    member.submit(f"{chat}/prompts", pre_prompt="{{user}} is wet. {{other}}")

    member.submit(chat, message="Take {{user}}, {{char}}.")
    page = member.wait_for(chat, ended)

    told = "Jo is wet. {{other}}\n---\nBe Bo.\n---\nBo rows Jo over.\n---\nJo repairs clocks."
    heard = [turn["content"] for turn in asked(fake)[0]["body"]["messages"]]
    assert heard == [told, "*Bo nods.* Well, Jo?", "Ask Jo back.", "Take Jo, Bo."]
    assert page.messages("user") == ["Take Jo, Bo."]
    assert [node.text() for node in page.click("What was sent").all(".part pre")] == [*told.split("\n---\n"), *heard[1:]]


@pytest.mark.slow
def test_what_waits_is_sent_with_the_names(bo, member, fake):
    member.submit("/personas", name="Jo", description="Jo repairs clocks.", is_default="on")
    chat = member.page(bo).press("Chat with Bo").path
    fake.says("Aye.")
    member.post(f"{chat}/follow-up", message="Go on, {{char}}.")
    member.post(f"{chat}/follow-up/send")

    page = member.wait_for(chat, ended_with(3))
    assert page.messages("user") == ["Go on, Bo."]


@pytest.mark.slow
def test_without_a_persona_it_is_the_persons_own_name(bo, member):
    name = str(member.page("/account").textbox("Name").value)
    page = member.page(bo)
    assert page.one(".greeting").text().strip() == f"Bo nods. Well, {name}?"
    assert f"Bo rows {name} over." in [node.text() for node in page.all(".part pre")]
    assert f"Bo rows {name} over." in member.page("/characters").text

    assert texts(page.press("Chat with Bo")) == [f"Bo nods. Well, {name}?"]
    assert member.page(f"{bo}/edit").textbox("Greeting").value == BO["greeting"]


@pytest.mark.slow
def test_a_chat_without_a_character_has_no_macros(member, fake):
    fake.says("Aye.")
    chat = member.submit("/", message="What is {{user}} in a template?").path
    page = member.wait_for(chat, ended)

    assert page.messages("user") == ["What is {{user}} in a template?"]


@pytest.mark.slow
def test_what_a_model_writes_stays(bo, member, fake):
    fake.says("{{user}} said I.")
    chat = member.page(bo).press("Chat with Bo").path
    member.submit(chat, message="Hello")

    assert texts(member.wait_for(chat, ended))[-1] == "{{user}} said I."
