"""Deleting a connection, or only its key, asks once, also without JavaScript."""

import pytest

from tests.settings.test_connections import KEY, OPENROUTER, add
from tests.support.browser import Browser
from tests.upstream.handle import Upstream as Fake


@pytest.mark.parametrize(("link", "heading"), [("Delete key", "Delete key"), ("Delete", "Delete connection")])
def test_deleting_asks_once(owner: Browser, fake: Fake, link: str, heading: str) -> None:
    add(owner, fake, key=KEY)
    page = owner.page("/admin/connections/our-server").click(link)

    assert (page.one("h1").text(), page.says("This can't be undone.")) == (heading, True)
    page = page.click("Cancel")
    assert page.says("Key stored, ends in 4f2a")
    page = page.click(link).press("Delete permanently")
    assert page.says("Key deleted." if link == "Delete key" else "Connection and key deleted.")


def test_the_built_in_connection_is_never_deleted(owner: Browser) -> None:
    assert owner.post(f"{OPENROUTER}/delete").status_code == 409
