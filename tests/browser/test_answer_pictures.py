"""Pictures in answers: shown while they are written, at their size, over the page, on a phone, and without scripts."""

from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.test_accessibility import overflows, violations
from tests.browser.test_tools import DESK, PHONE
from tests.chat.test_answer_pictures import END_OF_STREAM, chunk, sent
from tests.support.server import Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow


def mill(size: tuple[int, int] = (900, 600)) -> bytes:
    image, file = Image.new("RGB", size, "#8fb3a7"), BytesIO()
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, size[1] * 0.7, *size), fill="#4f7f6f")
    draw.polygon([(350, 420), (450, 200), (550, 420)], fill="#b0603a")
    image.save(file, "PNG")
    return file.getvalue()


ANSWER = [
    chunk(content="Here is a mill by its pond, **at noon**:"),
    chunk(images=[sent(mill())]),
    {"hold": True},
    chunk(content="Shall I make it evening?"),
    *END_OF_STREAM,
]


# Their colours are looked at in both schemes.
@pytest.mark.parametrize("look", [DESK, PHONE], ids=["desk", "phone"])
def test_a_picture_is_shown_at_once_and_over_the_page(
    server: Server, upstream: Upstream, visit: Visit, look: dict[str, Any]
) -> None:
    upstream.always({"steps": ANSWER})
    chat = visit(server, **look).begin("Draw a mill")
    page = chat.page
    picture = chat.answer.get_by_role("link", name="Open picture")
    expect(picture.locator("img")).to_have_js_property("naturalWidth", 900)
    chat.expect("responding")
    upstream.goes_on()
    chat.expect("completed")
    expect(chat.answer).to_contain_text("Shall I make it evening?")
    box = picture.locator("img").bounding_box()
    assert box
    assert abs(box["width"] / box["height"] - 1.5) < 0.02
    assert violations(page) == []
    assert overflows(page) == []
    picture.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#lightbox")).to_be_visible()
    page.keyboard.press("Escape")
    page.reload()
    expect(picture.locator("img")).to_have_js_property("naturalWidth", 900)


def test_without_scripts_a_picture_is_a_link(server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.always({"steps": [step for step in ANSWER if "hold" not in step]})
    chat = visit(server, **PHONE, java_script_enabled=False).begin("Draw a mill")
    chat.expect("completed")
    address = chat.answer.get_by_role("link", name="Open picture").get_attribute("href")
    assert chat.page.request.get(f"{server.url}{address}").headers["content-type"] == "image/png"
