"""The page where admins set the web search up: service, key and test in one step."""

import json

from tests.support.browser import Browser
from tests.tools.built_in.conftest import Site
from webapp.settings.service import setting
from webapp.tools import search_connections

PATH = "/admin/tools/web"
KEY = "tvly-canary-d41d8cd98f00b204e980"
HITS = {"results": [{"title": "A water mill", "url": "https://example.org/mill", "content": "It turns."}]}


def _filled(site: Site, kind: str = "tavily", **more: str) -> dict[str, str]:
    return {"tools.search_kind": kind, "tools.search_address": site.url, "key": KEY, **more}


def test_a_service_is_chosen_gets_its_key_and_is_tried_in_one_step(owner: Browser, site: Site) -> None:
    site.says("/search", json.dumps(HITS), kind="application/json")
    sent = owner.post(PATH, **_filled(site))
    assert sent.location == PATH
    page = owner.page(PATH)
    assert page.says("Saved, and it works. A test search for “water mill” found: A water mill")
    assert KEY not in page.text
    assert page.all("input[name='tools.search_kind'][value=tavily][checked]")
    assert site.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    assert "Ready" in owner.page("/admin/tools").all("#web .standing")[0].text()
    # An empty key leaves the stored one.
    owner.post(PATH, **_filled(site, key=""))
    assert site.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    owner.post(f"{PATH}/key/delete")
    assert not owner.page(PATH).says("Delete key")


def test_what_goes_wrong_is_said_and_what_was_entered_stays(owner: Browser, site: Site) -> None:
    site.says("/search", "no", status="401 Unauthorized")
    owner.post(PATH, **_filled(site))
    assert owner.page(PATH).says("Saved, but a test failed: Tavily didn't accept the key.")
    refused = owner.post(PATH, **_filled(site, **{"tools.search_address": "ftp://example.org"}))
    assert refused.status_code == 422
    refused = owner.post(PATH, **_filled(site, key="ä"))
    assert refused.status_code == 422
    assert "letters, digits and symbols" in refused.text


def test_without_a_service_nothing_is_tried(owner: Browser, member: Browser, site: Site) -> None:
    owner.post(PATH, **{"tools.search_kind": "none", "tools.search_address": "", "key": ""})
    assert owner.page(PATH).says("No changes.")
    assert not site.requests
    assert member.post(PATH, **_filled(site)).status_code in (403, 404)
    with owner.app.app_context():
        assert setting(search_connections.KIND) == "none"


def test_another_service_gets_no_address_of_the_one_before(owner: Browser, site: Site) -> None:
    site.says("/search", json.dumps(HITS), kind="application/json")
    owner.post(PATH, **_filled(site, "searxng", key=""))
    asked = len(site.requests)
    owner.post(PATH, **_filled(site, "tavily", key=""))
    with owner.app.app_context():
        assert search_connections.chosen() == ("tavily", "")
    assert len(site.requests) == asked
    # An address that was entered with the service counts.
    owner.post(PATH, **_filled(site, "searxng", key=""))
    with owner.app.app_context():
        assert search_connections.chosen() == ("searxng", site.url)
