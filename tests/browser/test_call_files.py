"""Pictures and files that calls make, and numbers of web pages, in messages: with scripts and without, also on a phone."""

from base64 import b64encode
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.chats import ChatPage, load
from tests.browser.conftest import Visit, running
from tests.browser.test_accessibility import overflows, violations
from tests.browser.test_tools import DESK, PHONE, begun, searching
from tests.chat.test_files import drawn
from tests.support.server import Server
from tests.upstream.handle import Upstream
from tests.upstream.server import PICTURES, SEARCH

pytestmark = pytest.mark.slow
NAME = "a rather long name of a report about otters.md"
HITS = [
    {"title": "Otters & co", "url": "https://example.org/otters?a=1&b=2", "content": "They swim in rivers."},
    {"title": "Sea otter", "url": "http://sea.example/", "content": "It floats on its back."},
]


@pytest.fixture(scope="module")
def equipped(upstream_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server that can make pictures and search the web."""
    search = {"tools__search_kind": "searxng", "tools__search_address": upstream_process.url}
    pictures = {"tools__picture_model": "openai/gpt-image-1"}
    with running(tmp_path_factory.mktemp("equipped"), upstream_process, **pictures, **search) as server:
        yield server


@pytest.fixture
def server(equipped: Server, upstream: Upstream) -> Server:
    picture = {"data": [{"b64_json": b64encode(drawn(size=(600, 400))).decode()}], "usage": {"cost": 0.04}}
    upstream.always({"json": picture}, at=PICTURES)
    upstream.always({"json": {"results": HITS}}, at=SEARCH)
    return equipped


def making(upstream: Upstream) -> None:
    """Scripts an answer that makes a picture, once it is allowed, and writes a file."""
    draw = {"tool": "make_picture", "arguments": {"prompt": "An otter", "name": "otter"}}
    write = {"tool": "write_file", "arguments": {"name": NAME, "text": "# Otters"}}
    upstream.always({"rounds": [{"says": "I draw.", "calls": [draw, write]}, {"says": "Here they are."}]})


# Their colours are looked at in both schemes.
@pytest.mark.parametrize("look", [DESK, PHONE], ids=["desk", "phone"])
def test_a_picture_and_a_file_are_below_their_line(
    server: Server, upstream: Upstream, visit: Visit, look: dict[str, object]
) -> None:
    making(upstream)
    chat = begun(visit(server, **look), "Create a picture", "Write a file")
    page = chat.page
    page.get_by_role("button", name="Allow once").click()
    chat.expect("completed")
    picture = chat.answer.get_by_role("link", name="Open otter.png")
    expect(picture.locator("img")).to_have_js_property("naturalWidth", 600)
    file = chat.answer.locator(".made a[download]")
    expect(file).to_contain_text(NAME)
    box = file.bounding_box()
    assert box
    assert box["height"] >= 44
    with page.expect_download() as download:
        file.click()
    assert download.value.path().read_bytes() == b"# Otters"
    assert download.value.suggested_filename == NAME
    assert violations(page) == []
    assert overflows(page) == []
    page.set_viewport_size(look["viewport"])  # type: ignore[arg-type]
    picture.focus()
    page.keyboard.press("Enter")
    lightbox = page.locator("#lightbox")
    expect(lightbox).to_be_visible()
    expect(lightbox.locator("img").first).to_have_attribute("alt", "otter.png")
    page.keyboard.press("Escape")
    expect(lightbox).to_be_hidden()
    page.reload()
    expect(picture.locator("img")).to_have_js_property("naturalWidth", 600)


def test_without_scripts_a_picture_is_a_link_and_a_file_a_download(server: Server, upstream: Upstream, visit: Visit) -> None:
    making(upstream)
    chat = begun(visit(server, **PHONE, java_script_enabled=False), "Create a picture", "Write a file")
    page = chat.page
    assert load(page, page.get_by_role("button", name="Allow once")).ok
    chat.expect("completed")
    with page.expect_download() as download:
        chat.answer.locator(".made a[download]").click()
    assert download.value.path().read_bytes() == b"# Otters"
    picture = chat.answer.get_by_role("link", name="Open otter.png").get_attribute("href")
    assert page.request.get(f"{server.url}{picture}").headers["content-type"] == "image/png"


@pytest.mark.parametrize("look", [DESK, PHONE], ids=["desk", "phone"])
def test_numbers_open_title_address_and_extract_of_a_web_page(
    server: Server, upstream: Upstream, visit: Visit, look: dict[str, object]
) -> None:
    search = {"tool": "search_web", "arguments": {"query": "otters"}}
    upstream.always({"rounds": [{"calls": [search]}, {"says": "Otters swim [1], and float [2]."}]})
    chat = searching(visit(server, **look))
    page = chat.page
    chat.expect("completed")
    chat.answer.locator(".message-text .cite").first.click()
    panel = page.get_by_role("dialog", name="Source 1")
    expect(panel).to_contain_text("They swim in rivers.")
    address = panel.get_by_role("link", name="https://example.org/otters?a=1&b=2")
    expect(address).to_have_attribute("rel", "noopener noreferrer")
    expect(address).to_have_attribute("target", "_blank")
    assert violations(page) == []
    panel.get_by_role("link", name="Next source").click()
    expect(page.get_by_role("dialog", name="Source 2")).to_contain_text("It floats on its back.")
    assert overflows(page) == []


def test_without_scripts_numbers_lead_to_the_page_of_sources(server: Server, upstream: Upstream, visit: Visit) -> None:
    search = {"tool": "search_web", "arguments": {"query": "otters"}}
    upstream.always({"rounds": [{"calls": [search]}, {"says": "Otters swim [1], and float [2]."}]})
    chat: ChatPage = searching(visit(server, java_script_enabled=False))
    chat.expect("completed")
    assert load(chat.page, chat.answer.locator(".cited .cite").first).ok
    expect(chat.page.get_by_role("region", name="Source 1")).to_contain_text("https://example.org/otters?a=1&b=2")
