"""A failed answer says how to fix it, with the name that the connection has on this server."""

from tests.support.browser import Browser
from tests.upstream.handle import Upstream


def test_admins_find_the_way_to_the_connection_and_others_its_name(owner: Browser, member: Browser, fake: Upstream) -> None:
    fake.always({"json": {"data": [{"id": "maker/one"}]}}, at="/models")
    owner.submit("/admin/connections/new", name="Ours", base_url=fake.base_url, key="sk-0123456789").press("Test key")
    fake.always({"status": 401, "json": {"error": {"message": "No such key"}}})

    for browser in (owner, member):
        page = browser.submit("/", message="Hello", model="ours:maker/one").until(status="failed")

        assert page.one(".notice .for-others").text() == "An admin can check the key of Ours."
        assert page.link("Check the key of Ours").attributes["href"] == "/admin/connections/ours"
        # The style sheet shows the version for admins or the one for others by this attribute.
        assert ("data-admin" in page.one("html").attributes) is (browser is owner)
