"""An open page after an action elsewhere is the page that is loaded now: one harness, over the actions that change live pages."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from difflib import ndiff
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.chats import ENDED, Person, until
from tests.browser.conftest import Visit
from tests.support.server import Server
from tests.upstream.handle import Upstream

# What a person sees and can do, in order: texts, and the names and addresses of controls. What only this tab knows is left out:
# where the focus is, which menus are open, what scripts fetch later, and addresses that name a position in a stream.
SHOWN = """() => {
  const KEPT = ["href", "action", "formaction", "name", "data-status", "data-role", "aria-label", "alt", "src", "checked"];
  const LEFT_OUT = "script, style, template, svg, #toasts, #announcer, #status-line, noscript, textarea, time";
  const found = [];
  const say = (element) => {
    if (element.matches(LEFT_OUT) || element.hidden || element.type === "hidden") return;
    const about = KEPT.filter((name) => element.hasAttribute(name)).map((name) => {
      const value = element.getAttribute(name);
      return `${name}=${value.replace(/[?&](at|position|ticket|cursor)=[^&#]*/g, "").replace(/#.*$/, "")}`;
    });
    if (about.length) found.push(`<${element.localName} ${about.join(" ")}>`);
    for (const child of element.childNodes) {
      if (child.nodeType === 3 && child.data.trim()) found.push(child.data.trim().replace(/\\s+/g, " "));
      if (child.nodeType === 1) say(child);
    }
  };
  for (const part of document.querySelectorAll("header, main, #sidebar-chats")) say(part);
  return found;
}"""


@dataclass
class World:
    """One person, what they have, and the requests by which it changes."""

    person: Person
    upstream: Upstream
    ids: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, /, **body: Any) -> dict[str, Any]:
        """Sends a request to the API, as another tab or a program does; the name of an id stands for it in path and values."""
        headers, body = {"Origin": self.person.url}, {name: self.ids.get(str(value), value) for name, value in body.items()}
        request = self.person.context.request
        url = f"{self.person.url}/api/v1{path.format(**self.ids)}"
        response = request.fetch(url, method=method, data=body or None, headers=headers)
        assert response.ok, f"{method} {path}: {response.status} {response.text()}"
        return dict(response.json()) if response.text() else {}

    def messages(self) -> list[dict[str, Any]]:
        return list(self.send("GET", "/chats/{chat}/messages")["messages"])

    def settle(self) -> None:
        """Waits until the chat's last answer has ended, and no message waits to be sent."""

        def is_idle() -> bool:
            # A message that waited is in the chat as soon as it no longer waits.
            return not self.send("GET", "/chats/{chat}")["follow_ups"] and self.messages()[-1]["status"] in ENDED

        until(self.person.context.pages[0], is_idle)
        self.ids |= {message["role"]: message["id"] for message in self.messages()}


Act = Callable[[World], object]


def sends(method: str, path: str, /, **body: Any) -> Act:
    return lambda world: world.send(method, path, **body)


def asks(method: str, path: str, /, **body: Any) -> Act:
    def act(world: World) -> None:
        world.send(method, path, **body)
        world.settle()

    return act


def keeps(name: str, method: str, path: str, /, **body: Any) -> Act:
    """Sends, and remembers the id of what was made."""

    def act(world: World) -> None:
        world.ids[name] = world.send(method, path, **body)["id"]

    return act


def both(first: Act, second: Act) -> Act:
    return lambda world: (first(world), second(world))


def waits_amid(act: Act) -> Act:
    """Does it while an answer waits for its model's next word."""

    def whole(world: World) -> None:
        world.upstream.counts(6, pace=0.01, holds=[3])
        world.send("POST", "/chats/{chat}/messages", message="Count slowly.")
        act(world)
        world.upstream.says("Four, five.")
        world.upstream.goes_on()
        world.settle()

    return whole


CHAT = {
    "another title": sends("PATCH", "/chats/{chat}", title="The weir at night"),
    "pinned": sends("PATCH", "/chats/{chat}", is_pinned=True),
    "unpinned": sends("PATCH", "/chats/{chat}", is_pinned=False),
    "tags": sends("PUT", "/chats/{chat}/tags", tags=["weir", "night"]),
    "no tags": sends("PUT", "/chats/{chat}/tags", tags=[]),
    "a message": asks("POST", "/chats/{chat}/messages", message="And the lock?"),
    "tried again": asks("POST", "/messages/{assistant}/regenerate"),
    "edited": asks("POST", "/messages/{user}/edit", message="And the lock keeper?"),
    "hidden": sends("PATCH", "/messages/{user}", is_hidden=True),
    "not hidden": sends("PATCH", "/messages/{user}", is_hidden=False),
    "rewritten": asks("POST", "/messages/{assistant}/rewrite", message="**The keeper** sleeps."),
    "a text": sends("POST", "/chats/{chat}/texts", name="notes.md", text="Water is high."),
    "shared": sends("PUT", "/chats/{chat}/grants", to="everyone"),
    "queued": waits_amid(sends("PUT", "/chats/{chat}/follow-up", message="And then?")),
    "queued and taken back": waits_amid(
        lambda world: (
            world.send("PUT", "/chats/{chat}/follow-up", message="No."),
            world.send("DELETE", "/chats/{chat}/follow-up"),
        )
    ),
    "deleted": sends("DELETE", "/messages/{assistant}"),
    "restored": sends("POST", "/messages/{assistant}/restore"),
    "into a project": sends("PATCH", "/chats/{chat}", project_id="project"),
    "archived": sends("PATCH", "/chats/{chat}", is_archived=True),
    "not archived": sends("PATCH", "/chats/{chat}", is_archived=False),
}
PROJECTS = {
    "a new one": keeps("project", "POST", "/projects", name="Weirs"),
    "another name": sends("PATCH", "/projects/{project}", name="Weirs and locks"),
    "shared": sends("PUT", "/projects/{project}/grants", to="everyone"),
    "deleted": sends("DELETE", "/projects/{project}"),
    "restored": sends("POST", "/projects/{project}/restore"),
}
COLLECTIONS = {
    "a new one": keeps("collection", "POST", "/collections", name="Tide tables"),
    "another name": sends("PATCH", "/collections/{collection}", name="Tides"),
    "a document": sends("POST", "/collections/{collection}/documents", title="Rules", text="No swimming."),
    "shared": sends("PUT", "/collections/{collection}/grants", to="everyone"),
    "deleted": sends("DELETE", "/collections/{collection}"),
    "restored": sends("POST", "/collections/{collection}/restore"),
}
HOME = {
    "an answer begins": lambda world: (
        world.upstream.counts(6, pace=0.01, holds=[3]),
        world.send("POST", "/chats/{chat}/messages", message="Count slowly."),
    ),
    "and ends": lambda world: (world.upstream.goes_on(), world.settle()),
}
PAGES: dict[str, tuple[str, dict[str, Act]]] = {
    "a chat": ("/chats/{chat}", CHAT),
    "projects": ("/projects", PROJECTS),
    "knowledge": ("/knowledge", COLLECTIONS),
    "home": ("/", HOME),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_after_each_action_it_is_what_is_loaded_now(server: Server, upstream: Upstream, visit: Visit, name: str) -> None:
    person = visit(server, is_new=True)
    upstream.says("The keeper is asleep.")
    world = World(person, upstream)
    path, acts = PAGES[name]
    page = person.open("/account")
    world.ids["project"] = str(world.send("POST", "/projects", name="Rivers")["id"])
    world.send("POST", "/collections", name="Gauges")
    world.ids["chat"] = str(world.send("POST", "/chats", message="Who is at the weir?")["chat"]["id"])
    world.settle()
    page.goto(f"{person.url}{path.format(**world.ids)}")
    wrong = list(differing(world, page, acts))
    assert not wrong, "\n".join(wrong)


def differing(world: World, page: Page, acts: dict[str, Act]) -> Iterator[str]:
    """Yields the actions after which the open page doesn't become the one that is loaded, with what differs."""
    for name, act in {"nothing": lambda _: None, **acts}.items():
        act(world)
        new = world.person.open(page.url)
        if not become_the_same(page, new):
            lines = ndiff(page.evaluate(SHOWN), new.evaluate(SHOWN))
            yield f"{name}: {[line for line in lines if line[0] in '+-'][:12]}"
        new.close()


def become_the_same(page: Page, new: Page) -> bool:
    try:
        until(page, lambda: page.evaluate(SHOWN) == new.evaluate(SHOWN), seconds=60)
    except AssertionError:
        return False
    return True
