"""What the home page offers to begin with: cards with forms, which admins can change."""

import io

import pytest
from sqlalchemy import select

from tests.conftest import signed_in
from webapp.base.audit import AuditEntry
from webapp.base.db import db
from webapp.prompts.template import fields_of, filled
from webapp.workspace.home.starters.service import SHIPPED

WORDS = {"field-what_do_you_want_to_get_done": "Paint the fence", "field-first_day": "2026-11-30"}


def cards(page) -> dict[str, str]:
    """Returns the paths of the cards by their words."""
    return {card.css_first(".starter__words").text(): str(card.attributes["href"]) for card in page.all(".starter")}


def test_four_cards_ship_and_every_prompt_of_theirs_makes_sense_with_any_field_alone(member):
    assert cards(member.page("/")) == {
        "Write something": "/begin/1",
        "Explain a file": "/begin/2",
        "Talk to a character": "/characters",
        "Plan my week": "/begin/4",
    }
    for starter in SHIPPED:
        names = [field.name for field in fields_of(starter.parts)]
        for name in names:
            [*parts] = filled(starter.parts, {**dict.fromkeys(names, ""), name: "this"})
            assert all("{{" not in part.text and part.text.strip() for part in parts)


def test_a_card_begins_a_chat_with_what_was_filled_in(member):
    page = member.page("/").click("Plan my week From what you want to get done")
    assert page.heading == "Plan my week"

    chat = page.press("Start chat", **WORDS).until(status="completed")
    [sent] = chat.messages("user")
    assert "Plan my week" in sent
    assert "Paint the fence" in sent
    assert "2026-11-30" in sent
    assert "already fixed" not in sent


def test_sending_a_card_twice_begins_one_chat(member):
    page = member.page("/begin/4")
    first, second = page.press("Start chat", **WORDS), page.press("Start chat", **WORDS)

    assert first.path == second.path


def test_the_text_can_be_edited_first(member):
    page = member.page("/begin/4").press("Edit the message first", **WORDS)

    assert "Paint the fence" in page.textbox("Message").value
    assert not member.page("/chats").all(".rows a")


def test_a_wrong_field_is_said_beside_it_with_what_was_typed(member):
    page = member.post("/begin/4", **{**WORDS, "field-first_day": "soon"})

    assert page.status_code == 422
    assert page.one("#field-first_day-error").text() == "Enter a date, such as 2026-11-21."
    assert page.one("#field-what_do_you_want_to_get_done").text().strip() == "Paint the fence"


def test_a_file_is_explained_only_if_there_is_one(member):
    assert member.post("/begin/2").says("Choose a file.")

    file = (io.BytesIO(b"The lease ends in May."), "lease.txt")
    answer = member.client.post("/begin/2", data={"file": file, "key": "1"}, content_type="multipart/form-data")
    chat = member.page(answer.location)
    assert chat.says("Explain the attached file to me")
    assert chat.says("lease.txt")


@pytest.mark.parametrize(
    ("slot", "entered", "file", "title"),
    [
        (2, {}, "lease.txt", "lease.txt"),
        (2, {"field-what_do_you_want_to_know": "When does it end?"}, "lease.txt", "When does it end?"),
        (4, WORDS, "", "Paint the fence"),
        (4, {"field-first_day": "2026-11-30"}, "", "Plan my week"),
        (1, {"field-what_do_you_need": "a letter", "field-who_is_it_for": "My aunt"}, "", "My aunt"),
    ],
)
def test_its_chat_is_named_by_the_persons_own_words_or_the_file(member, slot, entered, file, title):
    attached = {"file": (io.BytesIO(b"The lease ends in May."), file)} if file else {}
    data = {**entered, **attached, "key": "1"}
    answer = member.client.post(f"/begin/{slot}", data=data, content_type="multipart/form-data")

    assert member.page(answer.location).heading == title


def test_its_fields_are_asked_for_in_words(member):
    page = member.page("/begin/1")

    assert [label.text() for label in page.all("main .field label")] == [
        "What do you need?",
        "What should it say?",
        "Who is it for?",
        "Tone",
    ]
    assert {select.css_first("option").text() for select in page.all("main select")} == {"No preference"}


def test_a_card_that_opens_a_page_has_no_form(member):
    assert member.get("/begin/3").status_code == 404
    assert member.get("/begin/9").status_code == 404


def test_an_admin_changes_a_card_for_everyone_and_resets_it(app, owner, member):
    page = owner.page("/admin/home").click("Write something Custom prompt")
    page = page.press("Save", words="Ask the <b>library</b>", opens="", text="About {{topic}}, please.", icon="library")

    assert page.says("Saved.")
    assert cards(member.page("/"))["Ask the <b>library</b>"] == "/begin/1"
    assert member.page("/begin/1").one("label[for=field-topic]").text() == "Topic"
    with app.app_context():
        [entry] = db.session.scalars(select(AuditEntry).where(AuditEntry.object_kind == "starter"))
    assert (entry.action, entry.detail) == ("changed the home page", "Ask the <b>library</b>")
    owner.page("/admin/home/1").press("Reset to the card that comes with Millrace")
    assert "Write something" in cards(member.page("/"))
    assert not owner.page("/admin/home").says("changed")


def test_a_card_can_open_a_page_and_a_prompt_of_the_library(app, owner, member):
    guest = signed_in(app, "guest@example.org", "guest")
    owner.submit("/prompts/new", key="review", text="Look back at {{week: number}}.", is_teams="y")
    form = owner.page("/admin/home/1")
    [prompt] = [str(option.attributes["value"]) for option in form.all("option") if option.text() == "Prompt: Review"]
    form.press("Save", opens=prompt)
    owner.page("/admin/home/4").press("Save", opens="/plans", words="Plan it")

    chat = member.page("/begin/1").press("Start chat", **{"field-week": "47"}).until(status="completed")
    assert chat.messages("user") == ["Look back at 47."]
    assert cards(member.page("/"))["Plan it"] == "/plans"
    # A guest can't open plans, so they aren't offered.
    assert "Plan it" not in cards(guest.page("/"))
    owner.post(f"/prompts/{prompt.removeprefix('prompt:')}/delete")
    assert "/begin/1" not in cards(member.page("/")).values()
    assert member.get("/begin/1").status_code == 404
    assert owner.page("/admin/home").says("A prompt that was deleted")


def test_a_hidden_card_is_gone(owner, member):
    form = owner.page("/admin/home/1")
    owner.post("/admin/home/1", words="Write something", icon="code", opens="", text="Write.")

    assert form.says("Show it on the home page")
    assert "Write something" not in cards(member.page("/"))
    assert owner.page("/admin/home").says("hidden")


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("words", "", "Enter a few words."),
        ("icon", "skull", "Choose one of the icons."),
        ("opens", "/admin", "Choose one from the list."),
        ("opens", "https://example.org", "Choose one from the list."),
        ("opens", "prompt:none", "Choose one from the list."),
        ("text", " ", "Write the prompt that it opens."),
        ("text", "{{a.b}}", "Fields can't have dots. Write {{a_b}} instead of {{a.b}}."),
    ],
)
def test_a_card_needs_words_an_icon_and_what_it_opens(owner, field, value, sentence):
    page = owner.post("/admin/home/1", **{"words": "Write", "icon": "code", "opens": "", "text": "Write.", field: value})

    assert page.status_code == 422
    assert page.says(sentence)
    assert not owner.page("/admin/home").says("changed")
