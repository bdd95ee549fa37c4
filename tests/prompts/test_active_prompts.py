"""The prompt in use is cached, and one that can't be filled in never prevents a request."""

import pytest

from tests.plans.conftest import LorebookEditor, desk
from tests.support.marks import also_on_postgres
from webapp.base.db import db, write
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.prompts import active_prompts, queries, service
from webapp.prompts.active_prompts import PromptVersions
from webapp.prompts.tables import FIXED, PromptVersion
from webapp.prompts.validation import SectionInput, VersionInput

__all__ = ["desk"]


@pytest.fixture
def admin(app, owner):
    with app.app_context():
        yield db.session.get_one(User, owner.person_id)


def publish(admin: User, key: str, text: str) -> int:
    prompt = queries.prompt(admin, key)
    return service.publish(prompt, VersionInput(sections=[SectionInput(name="Plan type", text=text)]), author=PersonAuthor(admin))


def spoil(number: int) -> None:
    """Gives a version a variable that no longer exists."""
    with write() as session:
        row = session.query(PromptVersion).filter_by(number=number).one()
        row.sections = [{"name": "Plan type", "text": "Make {{nonsense}}."}]
    active_prompts.forget()


@pytest.mark.slow
def test_a_plan_falls_back_to_the_version_before_then_to_our_text_and_says_so(desk: LorebookEditor, admin: User):
    publish(admin, "plan.monthly", "Second. {{schema}}")
    publish(admin, "plan.monthly", "Third. {{schema}}")
    assert desk.generation(desk.made().id).prompt["prompts"] == {"plan.monthly": 3, "plan.request": 1}

    spoil(3)
    asked = desk.generation(desk.made().id)
    assert asked.prompt["prompts"]["plan.monthly"] == 2
    assert asked.prompt["sections"][0]["text"].startswith("Second.")
    assert asked.prompt["fell_back"] == [
        "Version 3 of the prompt “plan.monthly” can't be used (unknown: nonsense), so an earlier text was used."
    ]
    assert PromptVersions.from_record(asked.prompt).notices[0].message == asked.prompt["fell_back"][0]

    spoil(2)
    asked = desk.generation(desk.made().id)
    assert asked.prompt["prompts"]["plan.monthly"] == 1
    assert len(asked.prompt["fell_back"]) == 2
    assert asked.status == "completed"


@also_on_postgres
def test_what_is_in_use_is_read_once(app, owner, admin):
    publish(admin, "title", "Second")
    prompt = queries.prompt(admin, "title")
    service.choose(prompt, FIXED, 1, author=PersonAuthor(admin))
    publish(admin, "title", "Third")
    assert active_prompts.render("title").version.number == 1

    with owner.counting_statements() as statements:
        assert [active_prompts.render(key).version.number for key in ("title", "title.scene", "continue")] == [1, 1, 1]
    assert statements == []
    service.remove(queries.prompt(admin, "title"), author=PersonAuthor(admin))
    assert active_prompts.render("title").version.note == "Comes with Millrace."
