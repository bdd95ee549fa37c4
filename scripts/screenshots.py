"""Takes screenshots of every page and state, light and dark, on a phone, a desk and a wide screen: `make screenshots`."""

import shutil
import sys
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Error, Locator, Page

from tests.browser.chats import ChatPage, become_owner, press, sign_in
from tests.browser.places import Atlas, is_page, name_of
from tests.browser.studio import FOLDER, LOOKS, SIZES, Studio, studio
from tests.browser.texts import PICTURED, RICH
from tests.support.server import ROOT

PICTURE = ROOT / "docs" / "picture.png"
TITLES = ("A name for the new boat", "Which bread keeps longest?", "Letter to the landlord", "Regular expressions, slowly")
GERMAN = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
ARABIC = "ما الذي يجعل عجلة الماء تدور بهدوء؟"


def doors(studio: Studio) -> None:
    link = studio.server.owner_link
    studio.takes("setup", link, who="nobody")
    studio.takes("setup-errors", link, wrongly_filled, who="nobody")
    person = studio.person(is_signed_in=False)
    become_owner(person.open(link))
    studio.cookies = list(person.context.cookies())
    person.leave()
    studio.takes("login", "/login", who="nobody")
    studio.takes("login-refused", "/login", lambda page: sign_in(page, "a wrong one altogether"), who="nobody")
    studio.takes("home-empty", "/")
    studio.takes("chats-empty", "/chats")
    studio.takes("missing", "/chats/nothing-here")


def links(studio: Studio) -> None:
    """Captures the pages that invitation and share links open."""
    person = studio.person()
    page = person.open("/admin/people")
    page.get_by_role("button", name="Create link").click()
    invite = page.get_by_label("to copy").input_value()
    person.leave()
    studio.takes("invite", invite, who="nobody")
    studio.takes("invite-errors", invite, lambda page: wrongly_filled(page, "Create account"), who="nobody")
    studio.takes("link-used", "/invite/nothing", who="nobody")


def answers(studio: Studio) -> None:
    upstream = studio.upstream
    upstream.says(RICH[:1_700], reasoning="A thought of some length. " * 8, cost=0.0012)
    rich = studio.begun("Tell me about mills, with everything that markdown has")
    studio.takes("chat-completed", rich)
    studio.takes("chat-reasoning", rich, opened)
    studio.takes("chat-refused", rich, too_long)
    studio.takes("chat-edit", rich, lambda page: the(page, "Edit").click())
    studio.takes("chat-sent", rich, sent)
    studio.takes("chat-menu", rich, lambda page: the(page, "More").click())
    studio.takes("chat-deeds", rich, lambda page: page.get_by_role("button", name="More", exact=True).last.click())
    studio.takes("chat-another-model", rich, another_model)
    upstream.says(f"{GERMAN}.\n\n{ARABIC}\n\nAnd on.")
    studio.takes("chat-words", studio.begun(f"{ARABIC} {GERMAN}"))
    upstream.says("")
    studio.takes("chat-nothing", studio.begun("Say nothing"))


def running(studio: Studio) -> None:
    upstream = studio.upstream
    upstream.says("Never said.", delay=60)
    studio.takes("chat-thinking", studio.begun("Think about mills", "thinking"))
    upstream.says("Soon.", reasoning="First I consider the wheel, then the water. " * 60, pace=0.1)
    path = studio.begun("Think aloud", "thinking")
    studio.takes("chat-thinking-aloud", path, lambda page: page.locator(".thought summary").click())
    upstream.says(RICH, pace=0.15)
    path = studio.begun("Tell me slowly about mills", "responding")
    studio.takes("chat-responding", path, lambda page: ChatPage(page).wait_for("a first thing", seconds=40))
    studio.takes("chat-responding-without-scripts", path, who="no scripts")


def endings(studio: Studio) -> None:
    upstream = studio.upstream
    upstream.always({"status": 502, "html": "<h1>Bad gateway</h1>"})
    path = studio.begun("Is nobody there?")
    # The server notices the change within a second, while the screenshots are taken.
    studio.server.set(demo__fallback="off")
    studio.takes("chat-fell-back-to-the-demo", path)
    upstream.says(RICH[:600], cut_after=60, cut="rst")
    studio.takes("chat-interrupted", studio.begun("Tell me about mills", "interrupted"))
    upstream.always({"status": 401, "json": {"error": {"code": 401, "message": "No auth credentials found"}}})
    studio.takes("chat-failed", studio.begun("Is the key still good?", "failed"))
    upstream.always({"status": 502, "html": "<h1>Bad gateway</h1>"})
    studio.takes("chat-failed-after-retries", studio.begun("Is anybody there?", "failed"))
    upstream.counts(400, pace=0.02)
    person = studio.person()
    chat = person.begin("Count to four hundred")
    chat.wait_for("w000060")
    chat.stop.click()
    chat.expect("stopped")
    path = chat.page.url.removeprefix(studio.server.url)
    studio.takes("chat-stopped", path)
    upstream.counts(120)
    chat.go_on.click()
    chat.expect("completed")
    person.leave()
    studio.takes("chat-continued", path)


def floating(studio: Studio) -> None:
    """Captures overlays: sheets, menus and notices."""
    studio.takes("sidebar", "/", lambda page: the(page, "Chats").click() if is_narrow(page) else None)
    studio.takes("help-sheet", "/chats", lambda page: called(page, "?"))
    studio.takes("palette-sheet", "/chats", lambda page: called(page, "Control+k"))
    studio.takes("offline", "/settings", without_network)
    studio.takes("chats-selected", "/chats", selected)
    studio.takes("search-found", "/chats?q=mills")
    studio.takes("search-nothing", "/chats?q=kingfisher")
    studio.takes("settings-found", "/admin?q=timeout")
    studio.takes("setting-marked", "/admin/settings?setting=stream.stall_seconds")
    studio.takes("no-scripts-settings", "/admin/settings", who="no scripts", whole=True)
    studio.takes("no-scripts-home", "/", who="no scripts")
    studio.takes("no-scripts-health", "/admin/health", who="no scripts", whole=True)


def all_pages(studio: Studio) -> None:
    """Captures every page with a fixed address, and one of each kind that a link leads to."""
    atlas, scout = Atlas(studio.server), studio.person()
    page = scout.open("/")
    found = {rule: rule for rule in atlas.plain()}
    while found:
        rule, path = found.popitem()
        if is_page(page, path):
            page.goto(path)
            found.update(atlas.learn(page))
            studio.takes(f"page-{name_of(rule)}", path, listened, whole=True)
    scout.leave()


def keys(studio: Studio) -> None:
    """Captures the change of the encryption key, before it begins and half-way through."""
    person = studio.person()
    page = person.open("/admin/connections/openrouter")
    page.get_by_label("New key").fill("sk-or-v1-0123456789abcdef4f2a")
    press(page, the(page, "Save"))
    page.goto("/admin/keys")
    studio.takes("keys-before", "/admin/keys", whole=True)
    press(page, the(page, "Create new key"))
    person.leave()
    studio.takes("keys-half-done", "/admin/keys", whole=True)


def visitors(studio: Studio) -> None:
    studio.takes("visitor-empty", "/ai-demo", who="nobody")
    studio.takes("visitor-chat", "/ai-demo", visited, who="nobody")


def lost(studio: Studio) -> None:
    """Captures the lost connection; runs last, because it kills the server."""
    studio.upstream.says(RICH[:900])
    path = studio.begun("Will you still be here?")
    pages = [(studio.window("owner", *look).open(path), "-".join(look)) for look in LOOKS]
    studio.server.kill()
    for page, name in pages:
        page.get_by_text("Connection lost").wait_for()
        studio.shoot(page, f"chat-not-connected-{name}")
    print("  chat-not-connected")


def picture(studio: Studio) -> None:
    """Takes the README's picture, with a few typical chats in the sidebar."""
    studio.upstream.says("Gladly.")
    for title in TITLES:
        studio.begun(title)
    studio.upstream.says(PICTURED, pace=0.04, delay=2, reasoning="The person wants a plain picture first.")
    person = studio.person(viewport={"width": 1180, "height": 760}, color_scheme="light")
    chat = person.begin("How does a mill race work?")
    chat.wait_for("Overshot", seconds=60)
    chat.page.screenshot(path=PICTURE)
    person.leave()


def the(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True).first


def wrongly_filled(page: Page, button: str = "Create owner") -> None:
    page.get_by_label("Email").fill("not an address")
    page.get_by_label("Name").fill(" ")
    page.get_by_label("Password").fill("short")
    page.locator("form").last.evaluate("form => { form.noValidate = true; }")
    press(page, page.get_by_role("button", name=button))


def opened(page: Page) -> None:
    page.locator(".thought summary").click()
    page.evaluate("scrollTo(0, 0)")


def another_model(page: Page) -> None:
    page.get_by_role("button", name="More", exact=True).last.click()
    page.locator("summary", has_text="Another model").last.click()
    page.locator(".menu__models").last.wait_for()


def sent(page: Page) -> None:
    page.locator(".receipt summary").last.click()
    page.locator(".sent-link").last.click()
    page.locator(".sent").wait_for()


def too_long(page: Page) -> None:
    chat = ChatPage(page)
    chat.box.fill("many words " * 20_000)
    chat.send.click()
    page.get_by_role("alert").wait_for()


def called(page: Page, keys: str) -> None:
    page.locator("body").press(keys)
    page.locator("dialog[open]").wait_for()


def selected(page: Page) -> None:
    for box in page.locator(".pick input").all()[:3]:
        box.check()


def without_network(page: Page) -> None:
    page.context.set_offline(True)
    page.locator(".offline").wait_for()
    page.context.set_offline(False)
    page.evaluate("document.querySelector('.offline').hidden = false")


def listened(page: Page) -> None:
    """On a page with a live measurement, waits until the event stream has delivered it."""
    if page.locator("[data-measured]").count():
        page.locator("[data-measured]:not(:empty)").wait_for()


def visited(page: Page) -> None:
    chat = ChatPage(page)
    chat.box.fill("What is Millrace?")
    chat.send.click()
    chat.expect("responding")
    chat.wait_for("So an answer")


def is_narrow(page: Page) -> bool:
    size: Any = page.viewport_size
    return bool(size and size["width"] <= SIZES["phone"]["width"])


def goes_well(scene: Callable[[Studio], None], studio: Studio) -> bool:
    """Runs a scene; if it fails, only its own screenshots are missing."""
    try:
        scene(studio)
    except (Error, AssertionError) as fault:
        print(f"  {scene.__name__} FAILED: {str(fault).splitlines()[0] if str(fault) else type(fault).__name__}", file=sys.stderr)
        studio.forget_windows()
        return False
    return True


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    scenes = (doors, picture, answers, running, endings, floating, links, visitors, keys, all_pages, lost)
    wanted = [scene for scene in scenes if not sys.argv[1:] or scene.__name__ in ("doors", *sys.argv[1:])]
    with studio() as here:
        failed = [scene.__name__ for scene in wanted if not goes_well(scene, here)]
    print(f"{len(list(FOLDER.iterdir()))} pictures are in {FOLDER.name}/, and one in {PICTURE.relative_to(ROOT)}")
    if failed:
        sys.exit(f"Not all could be taken: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
