"""A prompt of the library in a message: `/name`, its fields, and the text as the draft; works without JavaScript."""

import pytest

from tests.chat.conftest import ended
from webapp.prompts.template import PromptField, PromptPart, fields_of, objections

REVIEW = "Look back at {{week: number}} in a {{tone: calm|brief}} tone."


@pytest.mark.slow
def test_a_named_prompt_becomes_the_text_of_a_message(owner, member, path):
    owner.submit("/prompts/new", key="hello", text="Say hello.")
    owner.submit("/prompts/new", key="review", text=REVIEW)

    back = owner.post(f"{path}/messages", message="/hello to Ada").location
    assert owner.page(back).textbox("Message").value == "Say hello.\n\nto Ada"

    fields = owner.post(f"{path}/messages", message="/review 47").location
    page = owner.page(fields)
    assert page.one("#field-week").attributes["value"] == "47"
    refused = owner.post(fields, **{"field-week": "soon", "field-tone": "loud"})
    assert refused.status_code == 422
    assert refused.says("Enter a number.")
    assert refused.says("Choose one from the list.")
    back = owner.post(fields, **{"field-week": "47", "field-tone": "calm"}).location
    assert owner.page(back).textbox("Message").value == "Look back at 47 in a calm tone."
    owner.post(f"{path}/messages", message="Look back at 47 in a calm tone.")
    assert "Look back at 47" in owner.wait_for(path, ended).text

    # Text that names none of their prompts is sent only if they say so.
    asked = member.post("/chats", message="/hello")
    assert asked.says("There is no prompt /hello. Send it as a message?")
    asked.press("Send anyway")
    assert "/hello" in member.page("/chats").text


@pytest.mark.slow
def test_a_mistyped_name_is_asked_about_with_what_it_may_have_meant(owner, path):
    owner.submit("/prompts/new", key="friday", text="Look back at the week.")
    for url in (f"{path}/messages", f"{path}/follow-up", "/chats"):
        asked = owner.post(url, message="/fri for Ada")
        assert asked.status_code == 422
        assert asked.says("There is no prompt /fri. Send it as a message?")
        assert asked.textbox("Message").value == "/fri for Ada"
        assert asked.press("/friday").textbox("Message").value == "Look back at the week.\n\nfor Ada"
    # The composer of an open page asks, too.
    part = owner.htmx_post(f"{path}/messages", message="/fri for Ada")
    assert part.has("button", "Send anyway")


def test_the_types_of_fields():
    parts = [PromptPart("One", "{{a}} {{b:long}} {{ c : number }} {{d: DATE}} {{e: x | y|x}} {{a: number}} {{f: nonsense}}")]
    fields = fields_of(parts)

    assert fields == [
        PromptField("a", "number"),
        PromptField("b", "long"),
        PromptField("c", "number"),
        PromptField("d", "date"),
        PromptField("e", "choice", ("x", "y")),
        PromptField("f"),
    ]
    assert objections(fields, {"a": "-1,5", "c": "1e9", "d": "2026-02-30", "e": "y"}).keys() == {"c", "d"}
    assert objections(fields, {}) == {}


@pytest.mark.parametrize("typed", ["/usr/bin/env", "/Hello"])
def test_other_slashes_are_messages(owner, typed):
    owner.submit("/prompts/new", key="hello", text="Say hello.")

    assert owner.post("/chats", message=typed).location.startswith("/chats/")
