"""GET and POST /setup: the link that makes the owner."""

import gevent
import pytest
from flask import Flask

from tests.people.conftest import browsers
from tests.support.browser import Browser

PASSWORD = "a quiet river at night"
OWNER = {"email": "owner@example.org", "name": "Olive", "password": PASSWORD}


def test_the_link_makes_the_owner_and_signs_them_in(visitor: Browser, token: str) -> None:
    page = visitor.page(f"/setup?token={token}")

    page = page.form("Password").submit(**OWNER)

    assert (page.status_code, page.path) == (200, "/")
    assert page.has("button", "Sign out")


def test_its_fields_and_its_button_have_their_names(visitor: Browser, token: str) -> None:
    page = visitor.page(f"/setup?token={token}")

    assert [page.textbox(name).value for name in ("Email", "Name", "Password")] == ["", "", ""]
    assert page.button("Create owner")


def test_it_keeps_what_was_typed_but_not_the_password(visitor: Browser, token: str) -> None:
    page = visitor.page(f"/setup?token={token}")

    page = page.form("Password").submit(**(OWNER | {"password": "password"}))

    assert page.status_code == 422
    assert "another" in page.error_at("Password")
    assert (page.textbox("Email").value, page.textbox("Password").value) == ("owner@example.org", "")
    assert page.form("Password").submit(**OWNER).has("button", "Sign out")


def test_it_says_everything_that_is_wrong_at_once(visitor: Browser, token: str) -> None:
    page = visitor.page(f"/setup?token={token}").form("Password").submit(email="nobody", name=" ", password="short")

    assert page.error_at("Email") == "Enter an email address such as name@example.org."
    assert page.error_at("Name") == "Enter a name of up to 120 characters."
    assert "at least 8" in page.error_at("Password").lower()
    assert len(page.all(".notice--red a")) == 3


def test_a_refusal_is_the_page_for_htmx_too(visitor: Browser, token: str) -> None:
    page = visitor.htmx_post(f"/setup?token={token}", **(OWNER | {"email": "nobody"}))

    assert page.status_code == 422
    assert page.error_at("Email") == "Enter an email address such as name@example.org."
    assert visitor.htmx_post(f"/setup?token={token}", **OWNER).location == "/"


def test_a_used_or_guessed_link_is_refused(visitor: Browser, token: str) -> None:
    visitor.page(f"/setup?token={token}").form("Password").submit(**OWNER)

    for path in (f"/setup?token={token}", "/setup?token=guess", "/setup"):
        assert visitor.get(path).status_code == 403
        assert visitor.post(path, **OWNER).status_code == 403


def test_programs_are_refused_in_json(visitor: Browser) -> None:
    page = visitor.post("/setup?token=guess", headers={"Accept": "application/json"}, **OWNER)

    assert (page.status_code, page.json["code"]) == (403, "forbidden")


def test_a_body_that_is_no_form_is_not_read(visitor: Browser, token: str) -> None:
    headers = {"Accept": "application/json"}
    for body in ([1], OWNER, "x"):
        answer = visitor.client.post(f"/setup?token={token}", json=body, headers=headers)
        assert answer.status_code == 422


@pytest.mark.slow
def test_of_twenty_posts_at_the_same_time_one_makes_the_owner(app: Flask, token: str) -> None:
    jobs = [gevent.spawn(browser.post, f"/setup?token={token}", **OWNER) for browser in browsers(app, 20)]
    codes = [job.get(timeout=60).status_code for job in jobs]

    assert codes.count(303) == 1
    assert set(codes) <= {303, 403, 409}
