"""`{{user}}` and `{{char}}` are replaced on display and in prompts; other macros are evaluated once, so both show the same."""

import re

import pytest

from tests.chat.conftest import address, asked, ended, ended_with, texts
from webapp.characters.macros.macros import Names
from webapp.characters.tables import Character, Persona
from webapp.chat.prompt.context import PromptContext
from webapp.chat.prompt.sections import names_for
from webapp.settings.service import set_setting

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
def test_with_names_alone_only_these_are_filled_in(text: str, filled: str) -> None:
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

    member.post(f"{chat}/messages", message="Take {{user}}, {{char}}.")
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


SECRET = {
    "name": "Bo",
    "description": "Bo {{pick::rows::sails::swims}}. {{random::Rain::Sun::Fog}}, {{roll:1000000}}. {{persona}}",
    "greeting": "Turn {{roll:1000000}}. {{pick::North::South}}, {{random:a,b,c,d}}.",
    "system_prompt": "Be {{char}}. {{original}}{{// nobody reads this}}",
    "post_history_prompt": "You heard: {{lastMessage}} {{input}}",
}


@pytest.mark.slow
def test_what_chance_gave_is_kept_and_shown_as_it_was_sent(make, member, fake):
    member.submit("/personas", name="Jo", description="{{user}} sails. {{persona}}", is_default="on")
    path = make(**SECRET)
    assert "{{roll:1000000}}" in member.page(path).text
    fake.says("It is {{random::a::b}}.")
    chat = member.page(path).press("Chat with Bo").path
    greeting = texts(member.page(chat))[0]
    member.submit(f"{chat}/prompts", system_prompt="<{{original}}>")

    for count, message in enumerate(("I rolled {{roll:1000000}} on a {{weekday}}.", "And again, {{persona}}?"), start=1):
        member.post(f"{chat}/messages", message=message)
        page = member.wait_for(chat, ended_with(1 + 2 * count))
    first, second = ([turn["content"] for turn in entry["body"]["messages"]] for entry in asked(fake))

    assert re.fullmatch(r"Turn \d+\. (North|South), [abcd]\.", greeting)
    rolled = page.messages("user")[0]
    assert re.fullmatch(r"I rolled \d+ on a [A-Z][a-z]+day\.", rolled)
    assert first[1:] == [greeting, f"You heard: {rolled} {{{{input}}}}", rolled]
    # `{{persona}}` stays: a person who writes in a chat need not be allowed to read its owner's persona.
    said = [greeting, rolled, "It is {{random::a::b}}."]
    assert second[1:4] == said == texts(page)[:3]
    assert second[4:] == ["You heard: And again, {{persona}}? {{input}}", "And again, {{persona}}?"]

    form = r"<Be Bo\. >\n---\nBo (\w+)\. (?:Rain|Sun|Fog), (\d+)\. Jo sails\. {{persona}}\n---\nJo sails\. Jo sails\. {{persona}}"
    (before, rolled_before), (after, rolled_after) = (re.fullmatch(form, contents[0]).groups() for contents in (first, second))
    assert (before, rolled_before != rolled_after) == (after, True)
    links = [str(node.attributes["href"]) for node in page.all("article a") if node.text(strip=True) == "What was sent"]
    shown = [node.text() for node in member.page(links[-1]).all(".part pre")]
    assert shown == [*second[0].split("\n---\n"), *second[1:]]


@pytest.mark.slow
def test_a_message_sent_twice_is_the_same_whatever_chance_gave(bo, member, fake):
    fake.says("Aye.")
    chat = member.page(bo).press("Chat with Bo").path
    for _ in range(2):
        member.post(f"{chat}/messages", message="{{roll:1000000}}", key="once")
        page = member.wait_for(chat, ended_with(3))
    assert len(page.messages("user")) == len(asked(fake)) == 1


@pytest.mark.slow
def test_in_an_edited_answer_the_words_of_the_model_stay(bo, member, fake):
    fake.says("Write {{date}} {{// so}} for {{random::a::b}}.")
    chat = member.page(bo).press("Chat with Bo").path
    member.post(f"{chat}/messages", message="How?")
    page = member.wait_for(chat, ended_with(3))
    edited = member.page(address(page, "Edit")).form("Save")
    edited.submit(message="Write {{date}} {{// so}} for {{random::a::b}}, {{user}}.")
    name = str(member.page("/account").textbox("Name").value)
    assert texts(member.page(chat))[-1] == f"Write {{{{date}}}} {{{{// so}}}} for {{{{random::a::b}}}}, {name}."


@pytest.mark.parametrize(("is_personal", "said_of_them"), [(True, "Jo sails."), (False, "")])
def test_a_prompt_that_is_not_personal_says_nothing_of_who_somebody_is(app, is_personal, said_of_them):
    bo, jo = Character(name="Bo", description="Bo rows."), Persona(name="Jo", description="{{user}} sails.")
    context = PromptContext(
        "chat", None, "fake/plain", [("user", "Hi"), ("assistant", "Aye"), ("user", "{{char}}?")], is_personal
    )
    with app.app_context():
        set_setting("team.time_zone", "Asia/Tokyo")
        names = names_for(context, bo, jo, None)
    text = "{{persona}}|{{lastMessage}}|{{lastUserMessage}}|{{lastCharMessage}}|{{model}}|{{datetimeformat::Z}}"
    assert names.fill(text) == f"{said_of_them}|{{{{char}}}}?|{{{{char}}}}?|Aye|fake/plain|+09:00"
