"""Access policies of routes: who can open them, and where everyone else is sent."""

import re

import pytest
from flask import Flask, Response

from tests.conftest import MakeApp, signed_in
from tests.support.browser import Browser
from webapp.base.errors import NotFound
from webapp.people.accounts.guards import admin_only, anybody, current_user, found, policy, signed_in as for_people


@for_people
def name() -> Response:
    return Response(current_user().email)


@admin_only
def books() -> Response:
    return Response("the books")


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """An application with two more routes."""
    app = make_app()
    app.add_url_rule("/test/name", view_func=name)
    app.add_url_rule("/test/books", view_func=books)
    return app


def test_people_come_in_as_themselves(member: Browser, stranger: Browser) -> None:
    assert member.get("/test/name").text == "member@example.org"
    assert stranger.get("/test/name").text == "stranger@example.org"


def test_who_is_signed_out_is_sent_to_sign_in(visitor: Browser) -> None:
    for path in ("/test/name", "/test/books"):
        page = visitor.get(path)
        assert (page.status_code, page.location) == (303, f"/login?next={path}")
    assert visitor.get("/test/name", headers={"Accept": "application/json"}).status_code == 401


def test_only_owner_and_admins_see_the_books(app: Flask, owner: Browser, member: Browser) -> None:
    admin = signed_in(app, "admin@example.org", "admin")
    guest = signed_in(app, "guest@example.org", "guest")

    assert [browser.get("/test/books").status_code for browser in (owner, admin, member, guest)] == [200, 200, 403, 403]


def test_one_context_around_two_requests_does_not_mix_people_up(app: Flask, member: Browser, stranger: Browser) -> None:
    with app.app_context():
        assert member.get("/test/name").text == "member@example.org"
        assert stranger.get("/test/name").text == "stranger@example.org"


def test_every_route_says_who_may_come_in(app: Flask) -> None:
    silent = [name for name, view in app.view_functions.items() if not policy(view) and name != "static"]

    assert not silent


@pytest.mark.slow
def test_every_admin_page_is_closed_to_everybody_else(app: Flask, member: Browser, visitor: Browser) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if policy(app.view_functions[rule.endpoint]) == "admin_only"]
    assert len(rules) > 20

    for rule in rules:
        path = re.sub("<[^>]+>", "x", rule.rule)
        is_read = "GET" in (rule.methods or ())
        assert (member.get(path) if is_read else member.post(path)).status_code == 403, path
        assert (visitor.get(path) if is_read else visitor.post(path)).status_code in (303, 401), path


def test_a_view_keeps_its_name_and_its_policy() -> None:
    assert (name.__name__, policy(name), policy(books)) == ("name", "signed_in", "admin_only")
    assert policy(anybody(lambda: "open")) == "anybody"
    assert policy(lambda: "silent") == ""


def test_what_is_not_there_and_what_is_not_yours_is_the_same() -> None:
    assert found("something") == "something"
    with pytest.raises(NotFound):
        found(None)
