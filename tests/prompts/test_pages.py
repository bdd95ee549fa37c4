"""The pages of prompts without JavaScript, and how they change what models are sent."""

import pytest
from sqlalchemy import select

from tests.api.client import client_of
from tests.chat.conftest import ended
from tests.upstream.handle import TITLE, Upstream
from webapp.base.audit import AuditEntry
from webapp.base.db import db


@pytest.fixture
def app(make_app, fake: Upstream):
    return make_app(**{**fake.environ, "OPENROUTER_MODEL": "fake/plain"})


def audited(app) -> list[str]:
    with app.app_context():
        rows = db.session.scalars(select(AuditEntry).where(AuditEntry.object_kind == "prompt").order_by(AuditEntry.id))
        return [f"{row.action}: {row.object_id} {row.detail}".strip() for row in rows]


def told_for_title(owner, fake, question: str) -> str:
    """Returns the prompt sent to the model that titles a new chat."""
    before = len(fake.titles())
    fake.says("Well.")
    fake.behaves([{"says": "A name for it"}], at=TITLE)
    owner.wait_for(owner.post("/chats", message=question).location.partition("#")[0], ended)
    fake.until(lambda log: len(fake.titles()) > before)
    return str(fake.titles()[-1]["body"])


@pytest.mark.slow
def test_an_admin_publishes_compares_and_rolls_back(app, owner, fake):
    assert "five to seven words" in told_for_title(owner, fake, "First")

    page = owner.page("/prompts/title/edit")
    assert "You name conversations" in page.text
    fields = {"name": "Chat titles", "text": "You name conversations. One word.", "max_tokens": "12", "note": "Shorter"}
    page = owner.submit("/prompts/title/edit", **fields)
    assert "In use: version 2" in page.text
    assert "Shorter" in page.text
    told = told_for_title(owner, fake, "Second")
    assert "You name conversations. One word." in told
    assert "12" in told
    assert "five to seven words" not in told

    changed = owner.page("/prompts/title/versions/2")
    assert "five to seven words" in " ".join(element.text() for element in changed.tree.css("del"))
    assert "One word" in " ".join(element.text() for element in changed.tree.css("ins"))

    assert "In use: version 1" in owner.page(owner.post("/prompts/title/use", version="1").location).text
    assert "five to seven words" in told_for_title(owner, fake, "Third")
    owner.post("/prompts/title/use", version="")
    assert "In use: version 2" in owner.page("/prompts/title").text
    assert audited(app) == [
        "published a prompt: title version 2",
        "chose a prompt version: title version 1",
        "chose a prompt version: title always the newest version",
    ]


def test_prompts_have_titles_in_words_and_their_keys_next_to_them(owner):
    owner.submit("/prompts/new", key="weekly-report", name="Task", text="Write it.")
    titles = [node.text() for node in owner.page("/prompts").all(".entries .what")]
    assert {"Weekly report weekly-report", "Titles of chats with characters title.scene", "Plans: monthly plan.monthly"} <= {
        *titles
    }
    assert owner.page("/prompts/title/edit").heading == "Edit “Chat titles” title"


def test_a_prompt_needs_a_title_and_a_text_and_is_named_after_the_title(owner):
    page = owner.page("/prompts/new")
    assert [node.attributes["id"] for node in page.all("form.form :is(input, textarea):not([type=checkbox], details *)")] == [
        "title",
        "text",
    ]

    page = owner.submit("/prompts/new", title="Weekly review", text="Look back at {{week}}.")

    assert page.heading == "Weekly review weekly-review"
    assert page.says("Or send /weekly-review")


@pytest.mark.parametrize(
    ("title", "name", "about"),
    [("Größen prüfen", "grossen-prufen", "Größen prüfen"), ("  Q&A:  Why? ", "q-a-why", "Q&A: Why?"), ("Notes", "notes", "")],
)
def test_a_title_that_a_name_cannot_say_is_kept_beside_it(owner, title, name, about):
    page = owner.submit("/prompts/new", title=title, text="Well?")

    assert page.one("h1 .key").text() == name
    assert [node.text() for node in page.all(".lead")] == ([about] if about else [])


def test_a_title_without_a_name_and_a_name_that_is_taken_are_refused_with_what_was_written(owner):
    assert owner.post("/prompts", text="Well?").status_code == 422
    page = owner.submit("/prompts/new", title="毎週の報告", text="Well?")
    assert "Latin letters" in page.error_at("Name")
    assert (page.textbox("Title").value, page.textbox("Text").value) == ("毎週の報告", "Well?")

    owner.submit("/prompts/new", title="Notes", text="Well?")
    page = owner.submit("/prompts/new", title="Notes", text="Well?")
    assert "There is already a prompt with this name" in page.error_at("Name")
    assert page.textbox("Name").value == "notes"


def test_sections_come_when_they_are_wanted(owner):
    page = owner.submit("/prompts/new", title="Two", text="First.", name="One")
    assert [node.text() for node in page.all("h3")] == ["One"]
    page = page.click("Edit")
    assert page.textbox("Section 1: heading").value == "One"
    assert page.has("textarea", "New section: text")


def test_what_is_for_programs_is_folded(owner, member):
    folded = owner.page("/prompts").one("main details")
    assert folded.css_first("summary").text() == "For programs"
    assert [node.text() for node in folded.css(".key")] == ["assistant", "assistant.trading"]
    assert not member.page("/prompts").all("main details")


def states(page) -> dict[str, str]:
    return {node.css(".what .key")[0].text(): node.css(".seen")[0].text() for node in page.all(".entries--links a")}


@pytest.mark.slow
def test_the_library_shows_which_version_is_used_and_how_it_is_chosen(app, owner):
    client_of(app, owner.email).post("/prompts", {"key": "empty"}, status=201)
    owner.submit("/prompts/continue/edit", text="Carry on.")
    owner.submit("/prompts/title/edit", text="You name conversations. One word.")
    owner.post("/prompts/title/use", version="1")
    owner.submit("/prompts/quick/edit", text="Answer in rhymes.")
    owner.submit("/experiments/new?prompt=quick", **{"share-1": "50", "share-2": "50", "control": "1"})
    found = states(owner.page("/prompts"))
    names = ("empty", "continue", "title", "quick", "roleplay")
    assert [found[name] for name in names] == [
        "no version yet",
        "version 2",
        "version 1, fixed",
        "experiment running",
        "version 1",
    ]


def test_who_has_not_read_the_newest_version_does_not_replace_it(owner):
    stale = owner.page("/prompts/continue/edit")
    assert stale.status_code == 200
    owner.submit("/prompts/continue/edit", text="Carry on.")

    refused = owner.post("/prompts/continue", seen="1", name="Continue", text="Continue, please.")
    assert refused.status_code == 409
    assert "Version 2 was published in the meantime" in refused.text
    assert "Continue, please." in refused.text
    assert owner.post("/prompts/continue", seen="2", name="Continue", text="Continue, please.").status_code == 303
    assert "In use: version 3" in owner.page("/prompts/continue").text


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Write at least one section."),
        ("Hello {{stranger}} {{schema}}", "Unknown variables: stranger. This prompt has: schema."),
        ("Make a plan.", "This prompt must contain {{schema}}."),
        ("{{schema}} for {{ user.name }}", "Write {{user_name}} instead of {{user.name}}."),
        ("{{schema}}" + "x" * 1_000_000, "too long"),
        ("{{schema}} " * 1_001, "Use variables in at most 1,000 places."),
    ],
)
def test_what_could_not_be_used_is_refused_in_words(owner, text, words):
    page = owner.post("/prompts/plan.monthly", name="Plan type", text=text)

    assert page.status_code in (413, 422)
    assert words in page.text or page.status_code == 413
    assert "In use: version 1" in owner.page("/prompts/plan.monthly").text


@pytest.mark.slow
def test_a_persons_own_prompts_are_theirs_until_they_share_them(app, owner, member, stranger):
    assert member.get("/prompts/title").status_code == 404
    assert "Used by Millrace" not in member.page("/prompts").text

    page = member.submit("/prompts/new", key="weekly-review", about="Looks back", text="Look back at {{week}}.")
    path = page.path
    assert "{{week}}" in page.text
    assert "There is already a prompt" in member.post("/prompts", key="weekly-review", text="Again").text
    assert stranger.get(path).status_code == 404

    member.post(f"{path}/share", open="y")
    assert "weekly-review" in stranger.page("/prompts").text
    assert stranger.post(path, text="Mine now.").status_code == 403
    member.post(f"{path}/share", open="")
    assert stranger.get(path).status_code == 404

    member.post(f"{path}/delete")
    assert member.get(path).status_code == 404
    assert [line.partition(":")[0] for line in audited(app)] == [
        "created a prompt",
        "shared a prompt",
        "stopped sharing a prompt",
        "deleted a prompt",
    ]
