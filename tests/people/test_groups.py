"""/admin/groups: people who are granted permissions together."""

import pytest
from flask import Flask

from tests.people.conftest import account, in_parallel, written_down
from tests.support.browser import CROSS_SITE, Browser
from tests.support.marks import on_both_databases
from webapp.base.db import db
from webapp.base.errors import AppError
from webapp.people.accounts import queries
from webapp.people.accounts.tables import PersonAuthor, User
from webapp.people.members import groups

POSTS = ["/name", "/delete", "/people", "/people/nobody/remove"]


@pytest.fixture
def group(owner: Browser) -> str:
    """The path of a new group."""
    return owner.post("/admin/groups", name="Research").location


@pytest.mark.slow
def test_a_group_is_made_renamed_and_deleted(app: Flask, owner: Browser, member: Browser) -> None:
    assert owner.page("/admin/groups").says(
        "No groups yet. Create one to share chats and collections with several people at once."
    )
    page = owner.page("/admin/groups").form("Create group").submit(name="  Research ")
    assert page.heading == "Research"

    page = page.form("Rename").submit(name="The board")
    assert (page.heading, page.says("Group renamed.")) == ("The board", True)
    assert owner.page("/admin/groups").says("The board no members yet")

    page = page.press("Delete group")

    assert page.says("Group deleted.")
    assert account(member).role == "member"
    assert [entry[1:] for entry in written_down(app)[:3]] == [
        ("deleted a group", "The board"),
        ("renamed a group", "Research to The board"),
        ("created a group", "Research"),
    ]


def test_members_see_who_is_in_their_groups(owner: Browser, member: Browser, stranger: Browser, group: str) -> None:
    owner.post(f"{group}/people", person=member.person_id)
    owner.post(f"{group}/people", person=owner.person_id)

    shown = member.page("/account").one("section[aria-labelledby=groups] dl")
    assert shown.text(strip=True) == "Researchmember, owner"
    assert not stranger.page("/account").all("#groups")


@pytest.mark.slow
def test_people_are_put_in_and_taken_out(app: Flask, owner: Browser, member: Browser, group: str) -> None:
    page = owner.page(group).form("Add").submit(person=member.person_id)
    assert page.has("button", "Remove member")
    assert owner.page("/admin/groups").says("Research 1 person")
    assert owner.page(f"/admin/people/{member.person_id}").has("a", "Research")
    assert owner.post(f"{group}/people", person=member.person_id).status_code == 303
    assert owner.page("/admin/groups").says("Research 1 person")

    page = owner.page(group).press("Remove member")

    assert page.says("This group has no members yet.")
    assert ("owner@example.org", "removed from a group", "member@example.org from Research") in written_down(app)


def test_who_is_deleted_is_in_no_group_any_more(owner: Browser, member: Browser, group: str) -> None:
    owner.post(f"{group}/people", person=member.person_id)
    owner.post(f"/admin/people/{member.person_id}/delete", email="member@example.org")

    assert owner.page(group).says("This group has no members yet.")


@pytest.mark.slow
def test_it_is_for_owner_and_admins(
    owner: Browser, admin: Browser, member: Browser, guest: Browser, visitor: Browser, group: str
) -> None:
    for path in ("/admin/groups", group):
        assert [browser.get(path).status_code for browser in (owner, admin, member, guest, visitor)] == [200, 200, 403, 403, 303]
    for path in ("/admin/groups", *(group + post for post in POSTS)):
        assert [browser.post(path, name="x").status_code for browser in (member, guest, visitor)] == [403, 403, 303]
        assert owner.post(path, headers=CROSS_SITE).status_code == 403
    assert owner.page(group).heading == "Research"


@pytest.mark.mostly_slow
@pytest.mark.parametrize("name", ["", "   ", "x" * 121, "a\u200bb", "Research", "RESEARCH", " research "])
def test_a_name_that_cannot_be_is_refused_in_place(owner: Browser, group: str, name: str) -> None:
    for path in ("/admin/groups", owner.post("/admin/groups", name="Other").location + "/name"):
        page = owner.post(path, name=name)
        assert page.status_code in (409, 422)
        assert page.error_at("Group name")
        assert page.textbox("Group name").value == name


def test_its_own_name_may_be_written_otherwise(owner: Browser, group: str) -> None:
    assert owner.post(f"{group}/name", name="RESEARCH").status_code == 303


def test_what_is_not_there(owner: Browser, group: str) -> None:
    assert owner.get("/admin/groups/nothing").status_code == 404
    assert {owner.post(f"/admin/groups/nothing{post}", name="x").status_code for post in POSTS} == {404}
    assert owner.post(f"{group}/people", person="nobody").status_code == 404
    nobody = owner.post(f"{group}/people", person="")
    assert nobody.status_code == 422
    assert nobody.error_at("Person") == "Choose who to add."


def test_htmx_gets_the_same_page(owner: Browser, group: str) -> None:
    assert owner.htmx_post("/admin/groups", name="").error_at("Group name")
    assert owner.htmx_post("/admin/groups", name="Board").location.startswith("/admin/groups/")


@on_both_databases
def test_of_many_of_one_name_at_the_same_time_one_is_made(app: Flask, owner: Browser) -> None:
    by = owner.person_id

    def create(number: int) -> str:
        try:
            groups.create("Board", author=PersonAuthor(db.session.get_one(User, by)))
        except AppError:
            return "refused"
        return "made"

    assert sorted(in_parallel(app, create, 8)) == ["made", *["refused"] * 7]
    with app.app_context():
        assert len(queries.groups()) == 1
