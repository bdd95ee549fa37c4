"""The one-time set-up link, signing in, signing out."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.chats import EMAIL, become_owner, reload, sign_in, sign_out
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

SCRIPTS = pytest.mark.parametrize("has_scripts", [True, False], ids=["scripts", "no scripts"])


@pytest.mark.mostly_deep
@SCRIPTS
def test_the_owner_comes_in_by_the_link_and_out_and_in_again(own_server: Server, visit: Visit, has_scripts: bool) -> None:
    own_server.start()
    page = visit(own_server, is_signed_in=False, java_script_enabled=has_scripts).open(own_server.owner_link)
    become_owner(page)
    expect(page.get_by_role("textbox", name="Message")).to_be_visible()

    sign_out(page)
    expect(page).to_have_url(re.compile("/login"))
    page.goto("/")
    expect(page).to_have_url(re.compile("/login"))
    sign_in(page, "a wrong one altogether")
    expect(page.get_by_role("main")).to_contain_text(re.compile("password", re.IGNORECASE))
    expect(page.get_by_label("Email")).to_have_value(EMAIL)
    sign_in(page)
    expect(page.get_by_role("textbox", name="Message")).to_be_visible()

    other = visit(own_server, is_signed_in=False).open("/login")
    response = other.goto(own_server.owner_link)
    assert response
    assert response.status >= 400
    expect(other.get_by_role("button", name="Create owner")).to_have_count(0)


def test_who_signs_in_arrives_where_they_wanted_to_go(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.says("Here you are.")
    chat = visit(server).begin("a place to come back to")
    page = visit(server, is_signed_in=False).open(chat.page.url)
    expect(page).to_have_url(re.compile("/login"))
    sign_in(page)
    expect(page.locator("article").last).to_contain_text("Here you are.")


def test_signing_out_in_one_tab_ends_the_others_politely(server: Server, upstream: Upstream, visit: Visit) -> None:
    # The first visit creates the owner.
    visit(server)
    person = visit(server, is_signed_in=False)
    page = person.open("/login")
    sign_in(page)
    page.wait_for_url(f"{server.url}/")
    upstream.says("Soon nobody will be here.")
    chat = person.begin("who is there")
    chat.expect("completed")
    chat.box.fill("and now")
    sign_out(page)
    expect(chat.status_line).to_contain_text("You've been signed out.")
    expect(chat.send).to_have_count(0)
    expect(chat.box).to_have_value("and now")
    reload(chat.page)
    expect(chat.page).to_have_url(re.compile("/login"))
