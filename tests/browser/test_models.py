"""Choosing among hundreds of models: with the keyboard, by touch, and without scripts."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chats import ChatPage, Person, answers_asked, press
from tests.browser.conftest import Visit, made
from tests.browser.test_accessibility import LOOK, RULES
from tests.browser.ways import NO_SCRIPTS, PHONE
from tests.support.server import ROOT, Server
from tests.upstream.handle import Upstream

pytestmark = pytest.mark.slow
MANY = [
    {"id": f"maker/m{number}", "name": f"Model {number:03}", "context_length": 128_000, "supported_parameters": ["tools"]}
    for number in range(323)
]
OPENED = """() => new Promise(done => {
  const begun = performance.now(), list = document.getElementById('models-list');
  new MutationObserver((_, watch) => requestAnimationFrame(() => {
    watch.disconnect();
    done(performance.now() - begun);
  })).observe(list, {childList: true});
  document.querySelector('[popovertarget=models]').click();
})"""


@pytest.fixture(scope="module")
def large(upstream_process: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that will have as many models as OpenRouter, once it has loaded them."""
    with made(tmp_path_factory.mktemp("models"), upstream_process) as server:
        server.start()
        yield server


@pytest.fixture
def many(large: Server, upstream: Upstream, visit: Visit) -> Person:
    """The owner of that server, after the models are loaded."""
    upstream.always({"json": {"data": MANY}}, at="/models")
    person = visit(large)
    page = person.open("/admin/models")
    press(page, page.get_by_role("button", name="Refresh"))
    page.close()
    return person


def opened(page: Page) -> Page:
    page.get_by_role("button", name="Model:").click()
    expect(page.locator("#models .models__name").first).to_be_visible()
    return page


def test_a_model_is_chosen_by_keyboard(many: Person, upstream: Upstream) -> None:
    upstream.says("Ready.")
    page = many.open("/")
    took = page.evaluate(OPENED)
    print(f"opened in {took:.0f} ms")
    assert took < 10_000
    assert page.locator("#models .models__name").count() <= 80
    expect(page.get_by_label("Search models")).to_be_focused()
    page.keyboard.type("model 27")
    expect(page.locator("#models .models__name").first).to_have_text("Model 027")
    expect(page.locator("#models .models__name")).to_have_count(13)
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#models li a").nth(3)).to_be_focused()
    page.keyboard.press("Enter")
    chat = ChatPage(page)
    expect(chat.box).to_be_focused()
    expect(page.get_by_role("button", name="Model: Model 270")).to_be_visible()
    page.keyboard.type("Hello")
    page.keyboard.press("Enter")
    page.wait_for_url("**/chats/*")
    chat.expect("completed")
    assert answers_asked(upstream.log())[-1]["body"]["model"] == "maker/m270"

    page.get_by_role("button", name="Model:").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_label("Search models")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#models li a").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#models")).to_be_hidden()
    opened(page)
    page.keyboard.type("Model 300")
    expect(page.locator("#models .models__name")).to_have_count(1)
    page.keyboard.press("Enter")
    chat.ask("Again")
    expect(page.get_by_role("button", name="Model: Model 300")).to_be_visible()

    chat.expect("completed")

    # The last search's results remain until all models have arrived.
    expect(opened(page).locator("#models .models__name").nth(20)).to_be_attached()
    page.locator("#models li a").last.scroll_into_view_if_needed()
    expect(page.locator("#models .models__name").nth(60)).to_be_attached()
    star = page.get_by_role("button", name="Favorite: Model 003")
    star.click()
    expect(star).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#models")).to_be_visible()
    page.keyboard.press("Escape")
    opened(page)
    expect(page.locator("#models .models__group").first).to_have_text("Favorites")
    expect(page.locator("#models .models__name").first).to_have_text("Model 003")
    page.evaluate((ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8"))
    assert page.evaluate(LOOK, RULES) == []


def test_the_list_is_as_high_as_its_content_and_at_its_button(own_server: Server, upstream: Upstream, visit: Visit) -> None:
    upstream.always({"json": {"data": MANY[:2]}}, at="/models")
    own_server.start()
    person = visit(own_server)
    page = person.open("/admin/models")
    press(page, page.get_by_role("button", name="Refresh"))
    page = opened(person.open("/"))
    expect(page.locator("#models .models__name")).to_have_count(3)
    page.wait_for_function("() => document.getElementById('models').offsetHeight < 400")
    button, sheet = (page.locator(selector).bounding_box() for selector in ("[popovertarget=models]", "#models"))
    assert button
    assert sheet
    assert abs(sheet["x"] - button["x"]) < 8
    assert 0 <= button["y"] - (sheet["y"] + sheet["height"]) < 24


def test_on_a_phone_the_list_comes_before_the_keyboard(many: Person, visit: Visit, large: Server) -> None:
    page = opened(visit(large, **PHONE).open("/"))
    assert page.evaluate("document.activeElement.id") != "models-q"


def test_a_model_is_chosen_by_finger_and_without_scripts(many: Person, visit: Visit, large: Server) -> None:
    page = opened(visit(large, **PHONE).open("/"))
    page.get_by_label("Search models").fill("322")
    page.get_by_role("link", name="Model 322").tap()
    expect(page.get_by_role("button", name="Model: Model 322")).to_be_visible()

    page = visit(large, **NO_SCRIPTS).open("/")
    expect(page.get_by_label("Model", exact=True)).to_be_visible()
    page.get_by_role("link", name="All models").click()
    page.get_by_label("Search models").fill("model 300")
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("link", name="Model 300").click()
    expect(page.get_by_label("Model", exact=True)).to_have_value("maker/m300")


def test_fallbacks_are_put_in_order_by_button_key_and_pointer(many: Person) -> None:
    page = many.open("/admin/models")

    def order() -> list[str]:
        return page.locator("[data-sortable] [data-name]").all_text_contents()

    def add(name: str) -> None:
        page.get_by_role("button", name="Add a model", exact=True).click()
        # Enter waits for what was typed last.
        page.locator("#models-q").fill(name)
        page.locator("#models-q").press("Enter")
        expect(page.locator("#models")).to_be_hidden()

    said = page.locator(".sortable [role=status]")
    for number in (11, 22, 33):
        add(f"model 0{number}")
    expect(said).to_have_text("Model 033, 3 of 3")
    add("model 022")
    assert order() == ["Model 011", "Model 022", "Model 033"]
    page.get_by_role("button", name="Move up Model 033").click()
    expect(said).to_have_text("Model 033, 2 of 3")
    page.keyboard.press("ArrowUp")
    expect(said).to_have_text("Model 033, 1 of 3")
    expect(page.get_by_role("button", name="Move up Model 033")).to_be_focused()
    grip, last = page.locator("[data-grip]").first.bounding_box(), page.locator(".sortable__row").last.bounding_box()
    assert grip
    assert last
    page.mouse.move(grip["x"] + 8, grip["y"] + 8)
    page.mouse.down()
    page.mouse.move(grip["x"] + 8, last["y"] + last["height"] - 8, steps=8)
    page.mouse.up()
    expect(said).to_have_text("Model 033, 3 of 3")
    page.get_by_role("button", name="Remove Model 011").click()
    expect(said).to_have_text("Model 011 removed")
    expect(page.get_by_role("button", name="Move up Model 022")).to_be_focused()
    page.get_by_role("button", name="Default model:").click()
    page.locator("#models-q").fill("model 044")
    expect(page.locator("#models .models__name")).to_have_count(1)
    page.locator("#models-q").press("Enter")
    expect(page.get_by_role("button", name="Default model: Model 044")).to_be_visible()
    assert page.evaluate("document.body.scrollWidth <= innerWidth")
    press(page, page.get_by_role("button", name="Save", exact=True))
    assert order() == ["Model 022", "Model 033"]
    expect(page.get_by_role("button", name="Default model: Model 044")).to_be_visible()
    page.evaluate((ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8"))
    assert page.evaluate(LOOK, RULES) == []
    for name in ("Default model", "Fallbacks"):
        press(page, page.get_by_role("button", name=re.compile(f"^Reset to .+ for {name}$")))


def test_fallbacks_are_put_in_order_without_scripts(many: Person, visit: Visit, large: Server) -> None:
    page = visit(large, **{**NO_SCRIPTS, **PHONE}).open("/admin/models")
    for number in (11, 22):
        page.get_by_label("Add a model").fill(f"maker/m{number}")
        page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name="Move up Model 022").click()
    page.get_by_label("Default model").fill("maker/m5")
    page.get_by_label("Default model").press("Enter")
    expect(page.get_by_text("Saved.")).to_be_visible()
    assert page.locator("[data-sortable] [data-name]").all_text_contents() == ["Model 022", "Model 011"]
    expect(page.get_by_label("Default model")).to_have_value("maker/m5")
    for name in ("Default model", "Fallbacks"):
        page.get_by_role("button", name=re.compile(f"^Reset to .+ for {name}$")).click()


def test_titles_can_be_written_without_a_model(many: Person) -> None:
    page = many.open("/admin/models")
    button = page.get_by_role("button", name="Chat titles:")
    expect(button).to_contain_text("The chat's own model")

    button.click()
    page.get_by_role("link", name="No model: the first words").click()
    expect(button).to_contain_text("No model: the first words")
    press(page, page.get_by_role("button", name="Save", exact=True))

    expect(button).to_contain_text("No model: the first words")
