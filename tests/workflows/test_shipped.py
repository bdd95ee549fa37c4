"""The shipped workflows from beginning to end: with a scripted model that searches, and with the demo, which needs nothing."""

import json
from pathlib import Path

import pytest

from tests.conftest import signed_in
from tests.support.browser import Browser
from tests.support.page import Page
from tests.tools.built_in.conftest import Site, site
from tests.upstream.fixtures import app
from tests.upstream.handle import Upstream
from webapp.base import catalogues, languages
from webapp.settings.service import set_setting
from webapp.workflows import service as workflow_service
from webapp.workflows.definition import parsing

__all__ = ["app", "site"]
ROWS = [{"title": "Heat pumps", "url": "https://example.org/pumps", "content": "An old house needs a large buffer."}]
QUESTION = "Which heat pump suits a house from 1960?"


def waits(page: Page) -> bool:
    return bool(page.all(".run__answer"))


def begun(owner: Browser, slug: str) -> str:
    return owner.post(f"/workflows/{slug}/runs").location.partition("#")[0]


def answer(owner: Browser, path: str, value: str, way: str = "answer") -> Page:
    """Answers the current question, and returns the page once the next one is asked."""
    run = str(owner.wait_for(path, waits).all(".run__answer")[0].attributes["action"]).rpartition("/")[0]
    owner.post(f"{run}/{way}", value=value)
    return owner.wait_for(path, waits)


def test_in_every_language_they_have_the_same_questions_and_steps() -> None:
    translations = sorted(workflow_service.FOLDER.glob("*/*.yaml"))
    assert translations
    for file in translations:
        ours, theirs = (parsing.read(path.read_text("utf-8")) for path in (workflow_service.FOLDER / file.name, file))
        assert ours.slug == theirs.slug
        assert [(slot.name, slot.type, len(slot.options)) for slot in ours.slots.values()] == [
            (slot.name, slot.type, len(slot.options)) for slot in theirs.slots.values()
        ]
        assert [(step.id, step.verb, step.exits, step.tools) for step in ours.steps] == [
            (step.id, step.verb, step.exits, step.tools) for step in theirs.steps
        ]


def test_a_person_reads_them_in_their_language(owner: Browser, tmp_path: Path) -> None:
    catalogues.compile_all([Path("languages/de.po")], tmp_path)
    languages.load(tmp_path)
    try:
        owner.post("/settings/look", language="de")
        page = owner.page("/workflows")
        assert (page.says("Wochenrückblick"), page.says("Weekly check-in")) == (True, False)
        assert owner.page(begun(owner, "weekly-checkin")).says("Wie war deine Woche insgesamt?")
    finally:
        languages.load(tmp_path / "none")


@pytest.mark.slow
def test_research_answers_with_the_pages_that_a_search_found(owner: Browser, fake: Upstream, site: Site) -> None:
    with owner.app.app_context():
        set_setting("tools.search_kind", "searxng")
        set_setting("tools.search_address", site.url)
        assert all(workflow_service.runnable(entry.source) for entry in workflow_service.entries())
    site.says("/search", json.dumps({"results": ROWS}), kind="application/json")
    search = {"calls": [{"tool": "search_web", "arguments": {"query": "heat pumps old house"}}]}
    path = begun(owner, "research-with-sources")
    answer(owner, path, QUESTION)
    answer(owner, path, "", "skip")
    # Each round of an answer is a request of its own.
    found = {"rounds": [search, {"says": "One with a large buffer [1]."}]}
    more = {"rounds": [search, {"says": "About 900 a year [1]."}]}
    fake.behaves([{"says": "1. Which are sold? 2. What does the house need?"}, found, found, {"says": "One source."}, more, more])
    page = answer(owner, path, "a short answer")
    assert page.says("One with a large buffer")
    assert page.says("One source.")
    cited = page.all(".cited .cite")
    assert len(cited) == 1
    assert owner.page(str(cited[0].attributes["href"]).partition("#")[0]).says("An old house needs a large buffer.")
    answer(owner, path, "no")
    # Having read pages, it asks before it sends another search.
    run = str(owner.page(path).all(".run__answer")[0].attributes["action"]).rpartition("/")[0]
    owner.post(f"{run}/answer", value="The running costs")
    owner.wait_for(path, lambda page: page.says("Waiting for your decision, above.")).press("Allow once")
    assert owner.wait_for(path, waits).says("About 900 a year")
    assert answer(owner, path, "yes").says("Research with sources: completed.")
    asked = str([post["body"] for post in fake.posts()])
    assert "Look up every question of this list" in asked
    assert "What does the house need?" in asked


@pytest.mark.slow
@pytest.mark.parametrize("slug", ["research-with-sources", "support-triage", "weekly-checkin"])
def test_each_runs_with_the_demo_model_alone(make_app, slug: str) -> None:
    owner = signed_in(make_app(), "owner@example.org", "owner")
    path = begun(owner, slug)
    values = {"research-with-sources": [QUESTION, "", "2", "yes"], "support-triage": ["The page is empty", "1", "3", "yes"]}
    for value in values.get(slug, ["good", "We shipped it", "3", ""]):
        page = answer(owner, path, value, "answer" if value else "skip")
    assert page.says(f"{page.title.partition(' · ')[0]}: completed.") or page.says(": completed.")


def test_a_draft_over_one_leaves_it_published(owner, member):
    edit = owner.page("/workflows/weekly-checkin/edit")
    # Without JavaScript, too, it stays the one that is edited.
    assert edit.press("Try it").heading == edit.heading == "Edit workflow"
    assert edit.press("Save draft", head_title="Our week").says("Draft saved.")
    for person in (owner, member):
        assert person.page("/workflows/weekly-checkin").button("Start")
        assert "Weekly check-in" in [node.text() for node in person.page("/workflows").all("h3")]
    assert owner.page("/workflows/weekly-checkin/edit").says("the draft differs from it")
