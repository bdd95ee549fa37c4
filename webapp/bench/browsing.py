"""A browser for the bench: one connection for each request, cookies, and answers that are read as they come. Pure."""

import asyncio
import html
import json
import re
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HTMX = {"HX-Request": "true"}
JSON = {"Content-Type": "application/json"}
EVENTS = re.compile(r'hx-sse:connect="([^"]+)"')
CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
IS_ANSWERED = 'data-role="assistant" data-status="completed"'
NOTHING: Mapping[str, str] = {}


class Refused(Exception):
    """The server answered with something else than was needed."""


@dataclass
class Stream:
    """A reply whose head has been read."""

    status: int
    headers: list[tuple[str, str]]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def header(self, name: str) -> str:
        return next((value for known, value in self.headers if known == name), "")

    async def text(self) -> str:
        try:
            return (await self.reader.read()).decode("utf-8", "replace")
        finally:
            self.writer.close()


class Browser:
    def __init__(self, url: str, cookies: Mapping[str, str] = NOTHING) -> None:
        parts = urlsplit(url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._cookies = dict(cookies)

    async def page(self, path: str) -> str:
        """A page that must be there."""
        reply = await self.open("GET", path)
        text = await reply.text()
        if reply.status != 200:
            raise Refused(f"GET {path} answered {reply.status}")
        return text

    async def send(self, path: str, fields: dict[str, str]) -> str:
        """Sends a form; gives where that leads."""
        reply = await self.open("POST", path, urlencode(fields).encode(), FORM)
        text = await reply.text()
        if reply.status != 303:
            raise Refused(f"POST {path} answered {reply.status}: {text[-200:]}")
        parts = urlsplit(reply.header("location"))
        return parts.path

    async def open(self, method: str, path: str, content: bytes = b"", more: Mapping[str, str] = NOTHING) -> Stream:
        """Sends a request, with some headers more than usual, and reads the head of the reply."""
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=2**20)
        writer.write(self._head(method, path, len(content), more) + content)
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
        pairs = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        self._keep([value for name, value in pairs if name == "set-cookie"])
        return Stream(int(first.split()[1]), pairs, reader, writer)

    def _head(self, method: str, path: str, size: int, more: Mapping[str, str]) -> bytes:
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {urlsplit(self.origin).netloc}",
            "Connection: close",
            f"Origin: {self.origin}",
            "Sec-Fetch-Site: same-origin",
            f"Cookie: {'; '.join(f'{name}={value}' for name, value in self._cookies.items())}",
        ]
        lines += [f"{name}: {value}" for name, value in more.items()]
        if size:
            lines.append(f"Content-Length: {size}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def _keep(self, cookies: list[str]) -> None:
        for cookie in cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value


class Owner(Browser):
    """The owner of a fresh house, who comes by their link and sends forms and JSON with the token that these need."""

    def __init__(self, link: str) -> None:
        super().__init__(link)
        self._link, self._csrf = urlsplit(link), ""

    def at(self, url: str) -> "Owner":
        """The same person, signed in already, at another address of the same house."""
        twin = copy(self)
        Browser.__init__(twin, url, self._cookies)
        return twin

    async def come(self) -> None:
        """Becomes the owner."""
        self._csrf = found(CSRF, await self.page(f"{self._link.path}?{self._link.query}"))
        fields = {"token": self._link.query.partition("=")[2], "email": "bench@example.org", "name": "Bench"}
        await self.send(self._link.path, {**fields, "password": "measured and found wanting"})
        self._csrf = found(CSRF, await self.page("/"))

    async def send(self, path: str, fields: dict[str, str]) -> str:
        return await super().send(path, {"csrf_token": self._csrf, **fields})

    async def write(self, path: str, fields: dict[str, str]) -> None:
        """Sends a form as a page does that stays where it is."""
        reply = await self.open("POST", path, urlencode({"csrf_token": self._csrf, **fields}).encode(), {**FORM, **HTMX})
        text = await reply.text()
        if reply.status != 200:
            raise Refused(f"POST {path} answered {reply.status}: {text[-200:]}")

    @property
    def place(self) -> tuple[str, int]:
        return self._host, self._port

    def stream_request(self, page: str) -> bytes:
        """What asks for the stream of a page, for who reads it by other means."""
        return self._head("GET", found(EVENTS, page), 0, HTMX)

    async def listen(self, page: str, after: str = "") -> Stream:
        """Opens the stream of a page, again behind what has been heard."""
        stream = await self.open("GET", found(EVENTS, page), more={**HTMX, **({"Last-Event-ID": after} if after else {})})
        if stream.status != 200:
            raise Refused(f"the stream answered {stream.status}")
        return stream

    async def ask(self, path: str, body: Mapping[str, Any], accept: str = "application/json") -> Stream:
        """Sends JSON, as programs do."""
        more = {**JSON, "Accept": accept, "X-CSRFToken": self._csrf}
        stream = await self.open("POST", path, json.dumps(body).encode(), more)
        if stream.status not in (200, 201):
            raise Refused(f"POST {path} answered {stream.status}")
        return stream


def found(pattern: re.Pattern[str], page: str) -> str:
    """What the page has in that place."""
    match = pattern.search(page)
    if not match:
        raise Refused(f"the page has no {pattern.pattern}")
    return html.unescape(match[1])
