"""A response: a page, a fragment, JSON or a redirect, with lookups by accessible name."""

import json
from typing import TYPE_CHECKING, Any

from selectolax.lexbor import LexborHTMLParser, LexborNode
from werkzeug.test import TestResponse

from tests.support.form import Form
from tests.support.markup import name_of, objections, text_of, words

if TYPE_CHECKING:
    from tests.support.browser import Browser

TEXTBOXES = "textarea, input:not([type=hidden]):not([type=submit]):not([type=checkbox]):not([type=radio])"


BUTTONS = "button, input[type=submit]"


class Page:
    """A response. Its constructor raises on any HTML that violates the markup rules."""

    def __init__(self, browser: "Browser", response: TestResponse) -> None:
        self.browser, self.response = browser, response
        self.status_code = response.status_code
        self.headers = response.headers
        self.path = response.request.path
        self.text = response.get_data(as_text=True)
        response.close()
        self.is_html = response.mimetype == "text/html" and bool(self.text) and not 300 <= self.status_code < 400
        self.tree = LexborHTMLParser(self.text if self.is_html else "")
        if self.is_html and (found := objections(self.text)):
            raise AssertionError(f"{response.request.method} {self.path}:\n" + "\n".join(found))

    @property
    def location(self) -> str:
        return self.headers.get("Location", "")

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def title(self) -> str:
        return text_of(self.one("title"))

    @property
    def heading(self) -> str:
        return text_of(self.one("h1"))

    def says(self, text: str) -> bool:
        return words(text) in text_of(self.tree.body)

    def all(self, selector: str) -> list[LexborNode]:
        return self.tree.css(selector)

    def one(self, selector: str) -> LexborNode:
        found = self.all(selector)
        assert len(found) == 1, f"{len(found)} of {selector} on {self.path}"
        return found[0]

    def named(self, selector: str, name: str) -> LexborNode:
        """Returns the only element of this kind with this accessible name."""
        names = [(node, name_of(self.tree, node)) for node in self.all(selector)]
        found = [node for node, known in names if known == name]
        assert len(found) == 1, f"{len(found)} of {selector} are named {name!r} on {self.path}: {[known for _, known in names]}"
        return found[0]

    def has(self, selector: str, name: str) -> bool:
        found = any(name_of(self.tree, node) == name for node in self.all(selector))
        return found or (selector == "button" and any(page.has(selector, name) for page in self._pages_of_actions()))

    def button(self, name: str) -> LexborNode:
        """Returns the only button with this name: on the page, or behind the links to the actions of its messages."""
        if self.has(BUTTONS, name):
            return self.named(BUTTONS, name)
        found = [page.named(BUTTONS, name) for page in self._pages_of_actions() if page.has(BUTTONS, name)]
        assert len(found) == 1, f"{len(found)} buttons are named {name!r} on {self.path} and behind its links"
        return found[0]

    def _pages_of_actions(self) -> "list[Page]":
        return [self.browser.page(str(link.attributes["href"])) for link in self.all("footer .actions a[href$='/actions']")]

    def link(self, name: str) -> LexborNode:
        return self.named("a[href]", name)

    def textbox(self, name: str) -> "Textbox":
        return Textbox(self.named(TEXTBOXES, name))

    def error_at(self, name: str) -> str:
        """Returns the error message of an invalid field."""
        node = self.named(TEXTBOXES + ", select", name)
        assert node.attributes.get("aria-invalid") == "true", f"{name!r} is not marked as wrong"
        ids = (node.attributes.get("aria-describedby") or "").split()
        return words(" ".join(text_of(self.tree.css_first(f'[id="{id}"]')) for id in ids))

    def form(self, name: str) -> Form:
        """Returns the form that has a field or a button with this name."""
        fields = [
            node for node in self.all("form input, form select, form textarea, form button") if name_of(self.tree, node) == name
        ]
        owners = {form.mem_id: form for node in fields if (form := self._around(node))}
        assert len(owners) == 1, f"{len(owners)} forms have a field or button {name!r} on {self.path}"
        return Form(self, next(iter(owners.values())))

    def press(self, name: str, **fields: str) -> "Page":
        """Presses a button, wherever its form is, and follows the redirect."""
        button = self.button(name)
        owner = button.attributes.get("form")
        form = self.one(f'form[id="{owner}"]') if owner else self._around(button)
        assert form is not None, f"the button {name!r} belongs to no form"
        return Form(self, form, button).submit(**fields)

    def click(self, name: str) -> "Page":
        return self.browser.get(self.link(name).attributes["href"] or "", follow=True)

    def messages(self, role: str = "") -> list[Any]:
        """Returns the messages shown as (role, text) pairs; with a role, only the texts of that role."""
        shown = [
            (node.attributes["data-role"], text_of(node.css_first(".message-text"))) for node in self.all("article[data-role]")
        ]
        return [text for known, text in shown if known == role] if role else shown

    @property
    def message_ids(self) -> list[str]:
        return [str(node.attributes["id"]).removeprefix("message-") for node in self.all("article.message")]

    @property
    def events_url(self) -> str:
        """The URL of the event stream of a chat's page."""
        return str(self.one("#thread").attributes["hx-sse:connect"])

    def action(self, name: str) -> str:
        """Returns the formaction of the button with this name."""
        return str(self.button(name).attributes["formaction"])

    def until(self, *, status: str) -> "Page":
        """Reloads the page until its last message has this status."""
        return self.browser.wait_for(
            self.path, lambda page: page.all("article[data-status]")[-1].attributes["data-status"] == status
        )

    def _around(self, node: LexborNode | None) -> LexborNode | None:
        while node is not None and node.tag != "form":
            node = node.parent
        return node


class Textbox:
    def __init__(self, node: LexborNode) -> None:
        self.node = node

    @property
    def value(self) -> str:
        # Like browsers, the parser drops one newline directly after <textarea>.
        return self.node.text() if self.node.tag == "textarea" else self.node.attributes.get("value") or ""
