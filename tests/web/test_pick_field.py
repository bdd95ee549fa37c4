"""Choosing one of many: a text field for the name, where a select would be too long."""

import pytest
from flask import Flask
from sqlalchemy import insert

from tests.support.browser import Browser
from tests.support.page import Page
from webapp.base.db import write
from webapp.people.accounts import queries as account_queries
from webapp.people.accounts.tables import Group, User
from webapp.web.pick_field import MOST_SHOWN

MANY = 300


@pytest.fixture
def crowd(app: Flask) -> None:
    """Many people, two of them with the same name, and a group."""
    names = [*(f"Person {number:03}" for number in range(MANY)), "Ada", "Ada"]
    one = {"password_hash": "none", "role": "member"}
    with app.app_context(), write() as session:
        session.execute(insert(User), [{**one, "name": name, "email": f"p{n}@example.org"} for n, name in enumerate(names)])
        session.add(Group(name="Pumps"))


def options(page: Page, id: str) -> list[str]:
    assert not page.all(f"select#{id}")
    assert page.one(f"#{id}").attributes["list"] == f"{id}-options"
    return [option.attributes["value"] or "" for option in page.all(f"#{id}-options option")]


@pytest.mark.slow
def test_pages_with_many_people_offer_as_many_as_they_show(crowd: None, owner: Browser, member: Browser) -> None:
    owner.post("/knowledge", name="Manuals")
    collection = owner.page("/knowledge").one("a[href^='/knowledge/']:not([href='/knowledge/try'])").attributes["href"]
    group = owner.submit("/admin/groups", name="Sales").path
    for path, id in (
        ("/admin/budgets", "subject"),
        (f"/admin/people/{member.person_id}", "person-heir"),
        (group, "group-person"),
        (f"{collection}/people", "share-whom"),
        ("/knowledge/try", "as"),
    ):
        assert MOST_SHOWN <= len(options(owner.page(path), id)) <= MOST_SHOWN + 1, path
    assert len(owner.page("/admin/audit").all("#everyone option")) == MOST_SHOWN


def test_whoever_is_typed_is_found_and_who_could_be_meant_is_asked(crowd: None, app: Flask, owner: Browser) -> None:
    group = owner.submit("/admin/groups", name="Sales").path
    for typed in ("p120@example.org", "Person 121 (p121@example.org)", "person 122"):
        assert owner.post(f"{group}/people", person=typed).status_code == 303
    with app.app_context():
        inside = account_queries.people_of(group.rpartition("/")[2])
    assert [person.name for person in inside] == ["Person 120", "Person 121", "Person 122"]

    for typed, words in (("Person", "More than 100 match “Person”."), ("nobody here", "Nothing matches “nobody here”.")):
        page = owner.post(f"{group}/people", person=typed)
        assert page.status_code == 422
        assert words in page.error_at("Person")
        assert page.textbox("Person").value == typed
    asked = owner.post(f"{group}/people", person="Ada")
    assert asked.error_at("Person") == "2 match “Ada”. Choose one of them."
    values = [option.attributes["value"] or "" for option in asked.all("#group-person option")]
    assert values[0] == ""
    assert owner.post(f"{group}/people", person=values[2]).status_code == 303
    assert owner.page(group).says("p301@example.org") or owner.page(group).says("p300@example.org")


def test_a_budget_finds_whoever_it_is_for(crowd: None, owner: Browser) -> None:
    common = {"limit": "5", "unit": "usd", "period": "week", "warn_at": "80"}
    for typed in ("The whole team", "Pumps", "p7@example.org"):
        assert owner.post("/admin/budgets", subject=typed, **common).status_code == 303, typed
    page = owner.page("/admin/budgets")
    assert all(page.says(words) for words in ("Team", "Group: Pumps", "Person: Person 007"))
