"""A client of the real server that acts like a browser without scripts: cookies, forms and pages over plain HTTP."""

import json
import urllib.error
import urllib.parse
import urllib.request
import uuid
from http.client import HTTPResponse
from http.cookiejar import CookieJar
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from tests.support.form import WITH_FILE, with_file

PASSWORD = "a quiet river at night"


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class Reply:
    """A response, fully read."""

    def __init__(self, response: HTTPResponse | urllib.error.HTTPError) -> None:
        with response:
            self.status, self.headers = response.status, response.headers
            self.text = response.read().decode()

    @property
    def location(self) -> str:
        return urllib.parse.urlsplit(str(self.headers.get("Location", ""))).path

    @property
    def tree(self) -> LexborHTMLParser:
        return LexborHTMLParser(self.text)


class Person:
    """A user's client. Returns every response whatever its status, and follows no redirects."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._cookies = CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._cookies), _Stay
        )

    @property
    def cookies(self) -> str:
        """The Cookie header's value, for requests made by hand."""
        return "; ".join(f"{name}={value}" for name, value in self.jar.items())

    @property
    def jar(self) -> dict[str, str]:
        """The cookies' values by name."""
        return {cookie.name: cookie.value or "" for cookie in self._cookies}

    def become_owner(self, link: str) -> "Person":
        """Opens the set-up link and fills in its form."""
        parts = urllib.parse.urlsplit(link)
        token = urllib.parse.parse_qs(parts.query)["token"][0]
        page = self.get(f"{parts.path}?{parts.query}")
        assert page.status == 200, page.text
        made = self.post("/setup", token=token, email="owner@example.org", name="Olive", password=PASSWORD)
        assert made.status == 303, made.text
        return self

    def sign_in(self, email: str) -> "Person":
        """Signs in to an existing account."""
        signed_in = self.post("/login", email=email, password=PASSWORD)
        assert signed_in.status == 303, signed_in.text
        return self

    def get(self, path: str, **headers: str) -> Reply:
        return self._asked(urllib.request.Request(self.url + path, headers=headers))

    def post(self, path: str, **fields: str) -> Reply:
        """Sends a form, as a browser does."""
        return self._sent(path, urllib.parse.urlencode(fields).encode(), "application/x-www-form-urlencoded")

    def send(self, path: str, **fields: Any) -> Any:
        """Sends JSON to the API, and returns its answer."""
        reply = self.ask("POST", path, **fields)
        assert reply.status < 300, reply.text
        return json.loads(reply.text)

    def ask(self, method: str, path: str, **fields: Any) -> Reply:
        """Sends JSON to the API by any method, and returns its response."""
        return self._sent(f"/api/v1{path}", json.dumps(fields).encode(), "application/json", method)

    def upload(self, path: str, content: bytes, filename: str = "file", field: str = "file", **fields: str) -> Reply:
        """Sends a form with a file."""
        return self._sent(path, with_file(content, filename, field, **fields), WITH_FILE)

    def begin(self, text: str, model: str = "") -> str:
        """Sends the first message of a new chat; returns the chat's path."""
        sent = self.post("/chats", message=text, key=uuid.uuid4().hex, **({"model": model} if model else {}))
        assert sent.status == 303, sent.text
        return sent.location

    def last_answer(self, path: str) -> "Answer":
        """Returns the last message on a chat's page."""
        return Answer(self.page(path))

    def page(self, path: str) -> Reply:
        page = self.get(path)
        assert page.status == 200, page.text
        return page

    def raw(self, message_id: str) -> str:
        """Returns the current raw text of a message."""
        return self.page(f"/messages/{message_id}.md").text

    def _sent(self, path: str, content: bytes, type: str, method: str = "POST") -> Reply:
        headers = {"Origin": self.url, "Sec-Fetch-Site": "same-origin", "Content-Type": type}
        return self._asked(urllib.request.Request(self.url + path, data=content, headers=headers, method=method))

    def _asked(self, request: urllib.request.Request) -> Reply:
        try:
            return Reply(self._opener.open(request, timeout=120))
        except urllib.error.HTTPError as error:
            return Reply(error)


class Answer:
    """The last message on a page, as a user sees it."""

    def __init__(self, page: Reply) -> None:
        tree = page.tree
        article = tree.css("article.message")[-1]
        self.id = str(article.attributes["id"]).removeprefix("message-")
        self.status = str(article.attributes["data-status"])
        self.words = " ".join(article.text().split())
        self.text = " ".join(article.css_first(".message-text").text().split())
        self.buttons = {
            button.text().strip(): str(button.attributes.get("formaction"))
            for button in tree.css("button")
            if self.id in str(button.attributes.get("formaction")) or "/generations/" in str(button.attributes.get("formaction"))
        }
        thread = tree.css_first("#thread")
        self.events_url = str(thread.attributes.get("hx-sse:connect")) if thread else ""
