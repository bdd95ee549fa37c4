"""Permissions: changed by admins on their page and in the API, shown to each person, and in effect at once."""

from tests.api.client import client_of
from webapp.base.db import db
from webapp.people.accounts.permissions import may
from webapp.people.accounts.roles import PERMISSIONS
from webapp.people.accounts.tables import User


def test_a_permission_is_taken_from_a_role_and_given_back_by_a_group(app, owner, member):
    boxes = [f"{role}:{row.name}" for row in PERMISSIONS for role in ("admin", "member", "guest")]
    assert owner.post("/admin/permissions", allowed=[box for box in boxes if box != "member:plans"]).status_code == 303
    assert "/plans" not in member.get("/").text
    assert member.client.get("/plans").status_code == 403
    assert "permission “Plans”" in member.client.get("/plans").text
    assert 'Plans<span class="sr">: no' in member.get("/account").text

    program = client_of(app, owner.email)
    group = program.post("/groups", {"name": "Planners"}, status=201)["id"]
    program.said("PUT", f"/groups/{group}/members/{member.person_id}", 200)
    assert owner.post(f"/admin/permissions/groups/{group}", plans="yes").status_code == 303
    assert "Plans: yes" in owner.get("/admin/permissions").text
    assert member.client.get("/plans").status_code == 200
    assert client_of(app, member.email).get("/me")["permissions"]["plans"] is True
    program.said("DELETE", f"/groups/{group}", 204)
    assert member.client.get("/plans").status_code == 403


def test_permissions_in_the_api(app, owner, admin, member):
    program = client_of(app, owner.email)
    told = {row["name"]: row for row in program.get("/permissions")["permissions"]}
    assert told["plans"]["roles"] == {"owner": True, "admin": True, "member": True, "guest": False}
    changed = program.said("PUT", "/permissions", 200, {"roles": {"guest": {"plans": True}, "admin": {"tools": False}}})
    told = {row["name"]: row for row in changed["permissions"]}
    assert told["plans"]["roles"]["guest"] is True
    assert told["tools"]["roles"]["admin"] is False
    # An admin can neither take back what the owner has decided about admins, nor speak of owners, groups or names that aren't.
    theirs = client_of(app, admin.email)
    theirs.said("PUT", "/permissions", 403, {"roles": {"admin": {"tools": True}}})
    for wrong in (
        {"roles": {"owner": {"tools": False}}},
        {"roles": {"guest": {"fly": True}}},
        {"groups": {"0" * 26: {"chat": False}}},
    ):
        theirs.said("PUT", "/permissions", 422, wrong)
    assert theirs.said("PUT", "/permissions", 200, {"roles": {"admin": {"tools": False}}})
    client_of(app, member.email).said("GET", "/permissions", 403)


def test_who_may_not_use_the_api_has_tokens_that_open_nothing(app, owner, member):
    theirs, program = client_of(app, member.email), client_of(app, owner.email)
    assert theirs.get("/me")["email"] == member.email
    program.said("PUT", "/permissions", 200, {"roles": {"member": {"api": False}}})
    assert "permission “API”" in str(theirs.said("GET", "/me", 403))
    assert member.client.get("/account").status_code == 200


def test_groups_are_looked_up_only_for_what_they_can_change(app, owner, member):
    group = client_of(app, owner.email).post("/groups", {"name": "Planners"}, status=201)["id"]
    assert owner.post(f"/admin/permissions/groups/{group}", plans="no").status_code == 303

    def looked_up(browser, name):
        with app.app_context(), browser.counting_statements() as statements:
            may(db.session.get_one(User, browser.person_id), name)
        return any("FROM memberships" in statement for statement in statements)

    assert [looked_up(member, name) for name in ("", "see people", "administer")] == [False] * 3
    assert not looked_up(owner, "plans")
    assert looked_up(member, "plans")
