"""Signing in by the header of a trusted proxy."""

import pytest
from flask import Flask

from tests.conftest import MakeApp, signed_in
from tests.support.browser import Browser
from webapp.base.config import ConfigError
from webapp.people.accounts import queries
from webapp.settings.service import set_setting

OWNER, MEMBER = "owner@example.org", "member@example.org"


def proxied(make_app: MakeApp, *trusted: str) -> Flask:
    app = make_app(TRUSTED_PROXIES=",".join(trusted), SIGN_IN_HEADER="Remote-Email")
    signed_in(app, OWNER, "owner")
    signed_in(app, MEMBER, "member")
    return app


def test_it_takes_a_trusted_proxy(make_app: MakeApp) -> None:
    with pytest.raises(ConfigError, match="no proxy is trusted to set it"):
        make_app(SIGN_IN_HEADER="Remote-Email")


def as_proxy(browser: Browser, email: str) -> Browser:
    """Makes the browser's requests come through a proxy that has signed in this person."""
    browser.client.environ_base["HTTP_REMOTE_EMAIL"] = email
    return browser


def test_the_proxy_says_who_someone_is_and_a_session_of_another_ends(make_app: MakeApp) -> None:
    app = proxied(make_app, "127.0.0.1")
    browser = as_proxy(Browser(app), MEMBER.upper())
    assert browser.get("/account", follow=True).says(MEMBER)

    # Another person at the same browser, who still has the cookie of the first.
    as_proxy(browser, OWNER)
    assert browser.get("/account").status_code == 303
    assert browser.get("/account", follow=True).says(OWNER)
    for email in (f"{OWNER},{MEMBER}", "no address", "x" * 2_000):
        assert as_proxy(Browser(app), email).get("/account", follow=True).path.startswith("/login")


def test_anyone_elses_header_is_nothing(make_app: MakeApp) -> None:
    app = proxied(make_app, "10.0.0.1")

    page = as_proxy(Browser(app), OWNER).get("/account", follow=True)

    assert page.path.startswith("/login")
    assert page.has("label", "Password")


def test_someone_new_gets_an_account_where_that_is_allowed(make_app: MakeApp) -> None:
    app = proxied(make_app, "127.0.0.1")
    browser = as_proxy(Browser(app), "new@example.org")
    assert browser.get("/login").says("who has no account here yet. Ask an admin")
    with app.app_context():
        set_setting("sign_in.header_accounts", "true")

    assert browser.get("/account", follow=True).says("new@example.org")

    with app.app_context():
        user = queries.user_by_email("new@example.org")
        assert user
        assert (user.role, user.has_password) == ("member", False)
