"""Takes a picture of every page and state, light and dark, on a phone and on a desk: `make screenshots`."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chats import ChatPage, Person, become_owner, press, sign_in
from tests.browser.chromium import ARGUMENTS, executable
from tests.browser.texts import PICTURED, RICH
from tests.support.server import ROOT, Server, prepared
from tests.upstream.handle import Upstream

FOLDER = ROOT / "screenshots"
PICTURE = ROOT / "docs" / "picture.png"
SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1440, "height": 900}}
LOOKS = [(scheme, size) for scheme in ("light", "dark") for size in SIZES]
TITLES = ("A name for the new boat", "Which bread keeps longest?", "Letter to the landlord", "Regular expressions, slowly")
GERMAN = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
ARABIC = "ما الذي يجعل عجلة الماء تدور بهدوء؟"


class Studio:
    """A server with an owner, a scripted model, and one camera for each look."""

    def __init__(self, browser: Browser, server: Server, upstream: Upstream) -> None:
        self.browser, self.server, self.upstream = browser, server, upstream
        self.cookies: list[Any] = []

    def person(self, *, is_signed_in: bool = True, **options: Any) -> Person:
        person = Person(self.browser, self.server.url, **options)
        if is_signed_in:
            person.context.add_cookies(self.cookies)
        return person

    def takes(self, name: str, path: str, prepare: Callable[[Page], object] = lambda page: None, **options: Any) -> None:
        """One picture of the page for each look; `prepare` brings it into its state first."""
        for scheme, size in LOOKS:
            person = self.person(color_scheme=scheme, viewport=SIZES[size], has_touch=size == "phone", **options)
            page = person.open(path)
            prepare(page)
            page.wait_for_timeout(200)
            page.screenshot(path=FOLDER / f"{name}-{size}-{scheme}.png")
            person.leave()
        print(f"  {name}")

    def begun(self, text: str, until: str = "completed") -> str:
        """The path of a new chat whose answer has come this far."""
        person = self.person()
        chat = person.begin(text)
        chat.expect(until, seconds=60)
        path = chat.page.url.removeprefix(self.server.url)
        person.leave()
        return path


@contextmanager
def studio() -> Iterator[Studio]:
    upstream = Upstream()
    settings = {"OPENROUTER_API_KEY": "sk-or-v1-0123456789abcdef", "OPENROUTER_BASE_URL": upstream.base_url}
    folder = Path(tempfile.mkdtemp(prefix="millrace-"))
    with prepared(folder, OPENROUTER_MODEL="openrouter/auto", **settings) as server, sync_playwright() as driver:
        server.lift_limits()
        server.set(demo__fallback="always")
        server.start()
        browser = driver.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        yield Studio(browser, server, upstream)
        browser.close()
    upstream.close()
    shutil.rmtree(folder)


def doors(studio: Studio) -> None:
    link = studio.server.owner_link
    studio.takes("setup", link, is_signed_in=False)
    studio.takes("setup-errors", link, wrongly_filled, is_signed_in=False)
    person = studio.person(is_signed_in=False)
    become_owner(person.open(link))
    studio.cookies = list(person.context.cookies())
    person.leave()
    studio.takes("login", "/login", is_signed_in=False)
    studio.takes("login-refused", "/login", lambda page: sign_in(page, "a wrong one altogether"), is_signed_in=False)
    studio.takes("home-empty", "/")
    studio.takes("chats-empty", "/chats")
    studio.takes("missing", "/chats/nothing-here")


def answers(studio: Studio) -> None:
    upstream = studio.upstream
    upstream.says(RICH[:1_700], reasoning="A thought of some length. " * 8, cost=0.0012)
    rich = studio.begun("Tell me about mills, with everything that markdown has")
    studio.takes("chat-completed", rich)
    studio.takes("chat-reasoning", rich, opened)
    studio.takes("chat-refused", rich, too_long)
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
    studio.takes("chat-responding-without-scripts", path, java_script_enabled=False)


def endings(studio: Studio) -> None:
    upstream = studio.upstream
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


def lists(studio: Studio) -> None:
    studio.takes("home", "/")
    studio.takes("chats", "/chats")
    studio.takes("rail", "/", lambda page: page.get_by_role("button", name="Chats").click() if is_narrow(page) else None)
    studio.takes("visitor-empty", "/ai-demo", is_signed_in=False)
    studio.takes("visitor-chat", "/ai-demo", visited, is_signed_in=False)


def lost(studio: Studio) -> None:
    """The last: nobody comes after the server has gone."""
    studio.upstream.says(RICH[:900])
    path = studio.begun("Will you still be here?")
    people = [(studio.person(color_scheme=scheme, viewport=SIZES[size]), f"{size}-{scheme}") for scheme, size in LOOKS]
    pages = [(person.open(path), name) for person, name in people]
    studio.server.kill()
    for page, name in pages:
        page.get_by_text("Not connected").wait_for()
        page.screenshot(path=FOLDER / f"chat-not-connected-{name}.png")
    print("  chat-not-connected")


def picture(studio: Studio) -> None:
    """The one in the README, among a few chats that look like anybody's."""
    studio.upstream.says("Gladly.")
    for title in TITLES:
        studio.begun(title)
    studio.upstream.says(PICTURED, pace=0.04, delay=2, reasoning="The person wants a plain picture first.")
    person = studio.person(viewport={"width": 1180, "height": 760}, color_scheme="light")
    chat = person.begin("How does a mill race work?")
    chat.wait_for("the slope", seconds=60)
    chat.page.screenshot(path=PICTURE)
    person.leave()


def wrongly_filled(page: Page) -> None:
    page.get_by_label("Email").fill("not an address")
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("Password").fill("short")
    page.locator("form").last.evaluate("form => { form.noValidate = true; }")
    press(page, page.get_by_role("button", name="Create owner"))


def opened(page: Page) -> None:
    page.locator(".thought summary").click()
    page.evaluate("scrollTo(0, 0)")


def too_long(page: Page) -> None:
    chat = ChatPage(page)
    chat.box.fill("many words " * 20_000)
    chat.send.click()
    page.get_by_role("alert").wait_for()


def visited(page: Page) -> None:
    chat = ChatPage(page)
    chat.box.fill("What is Millrace?")
    chat.send.click()
    chat.expect("responding")
    chat.wait_for("So an answer")


def is_narrow(page: Page) -> bool:
    size = page.viewport_size
    return bool(size and size["width"] < 600)


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    with studio() as here:
        for scene in (doors, picture, answers, running, endings, lists, lost):
            scene(here)
    print(f"{len(list(FOLDER.iterdir()))} pictures are in {FOLDER.name}/, and one in {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
