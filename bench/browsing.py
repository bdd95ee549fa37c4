"""A minimal browser for benchmarks: one connection per request, cookies, and streamed responses. Pure."""

import asyncio
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HTMX = {"HX-Request": "true"}
JSON = {"Content-Type": "application/json"}
EVENTS = re.compile(r'hx-sse:connect="([^"]+)"')
# Forms of older versions have it.
FORM_TOKEN = re.compile(r'name="csrf_token"[^>]* value="([^"]+)"')
IS_ANSWERED = re.compile(r'data-role="assistant"\s+data-status="completed"')
NOTHING: Mapping[str, str] = {}


class Refused(Exception):
    """The server's response is not the expected one."""


@dataclass
class Stream:
    """A response whose head has been read."""

    status: int
    headers: list[tuple[str, str]]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def header(self, name: str) -> str:
        return next((value for known, value in self.headers if known == name), "")

    async def text(self) -> str:
        """Returns the body; raises EOFError if it was cut off."""
        try:
            body = await self.reader.read()
        finally:
            self.writer.close()
        if len(body) < int(self.header("content-length") or 0):
            raise EOFError("the reply was cut off")
        return body.decode("utf-8", "replace")


class Browser:
    def __init__(self, url: str, cookies: Mapping[str, str] = NOTHING) -> None:
        parts = urlsplit(url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._host, self._port = parts.hostname or "", parts.port or 80
        self.cookies, self._more = dict(cookies), dict[str, str]()

    async def page(self, path: str) -> str:
        """Returns a page; raises `Refused` unless the status is 200."""
        reply = await self.open("GET", path)
        text = await reply.text()
        if reply.status != 200:
            raise Refused(f"GET {path} answered {reply.status}")
        if token := FORM_TOKEN.search(text):
            self._more = {"csrf_token": token[1]}
        return text

    async def send(self, path: str, fields: dict[str, str]) -> str:
        """Submits a form; returns the path that it redirects to."""
        reply = await self.open("POST", path, self._form(fields), FORM)
        text = await reply.text()
        if reply.status != 303:
            raise Refused(f"POST {path} answered {reply.status}: {text[-200:]}")
        parts = urlsplit(reply.header("location"))
        return parts.path

    def _form(self, fields: dict[str, str]) -> bytes:
        return urlencode({**self._more, **fields}).encode()

    async def open(self, method: str, path: str, content: bytes = b"", more: Mapping[str, str] = NOTHING) -> Stream:
        """Sends a request, with additional headers, and reads the head of the response."""
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
            f"Cookie: {'; '.join(f'{name}={value}' for name, value in self.cookies.items())}",
        ]
        lines += [f"{name}: {value}" for name, value in more.items()]
        if size:
            lines.append(f"Content-Length: {size}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def _keep(self, cookies: list[str]) -> None:
        for cookie in cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value


class Owner(Browser):
    """The owner of a fresh server, who signs up with the owner's link and sends forms and JSON."""

    def __init__(self, link: str) -> None:
        super().__init__(link)
        self._link = urlsplit(link)

    async def come(self) -> None:
        """Creates the owner's account."""
        fields = {"token": self._link.query.partition("=")[2], "email": "bench@example.org", "name": "Bench"}
        await self.page(f"{self._link.path}?{self._link.query}")
        await self.send(self._link.path, {**fields, "password": "measured and found wanting"})
        await self.page("/")

    async def write(self, path: str, fields: dict[str, str]) -> None:
        """Submits a form with htmx, without leaving the page."""
        reply = await self.open("POST", path, self._form(fields), {**FORM, **HTMX})
        text = await reply.text()
        if reply.status != 200:
            raise Refused(f"POST {path} answered {reply.status}: {text[-200:]}")

    async def listen(self, page: str) -> Stream:
        """Opens the stream of a page."""
        stream = await self.open("GET", found(EVENTS, page), more=HTMX)
        if stream.status != 200:
            raise Refused(f"the stream answered {stream.status}")
        return stream

    async def ask(self, path: str, body: Mapping[str, Any], accept: str = "application/json") -> Stream:
        """Sends JSON, as API clients do."""
        more = {**JSON, "Accept": accept, **({"X-CSRFToken": token} if (token := self._more.get("csrf_token")) else {})}
        stream = await self.open("POST", path, json.dumps(body).encode(), more)
        if stream.status not in (200, 201):
            raise Refused(f"POST {path} answered {stream.status}")
        return stream


def found(pattern: re.Pattern[str], page: str) -> str:
    """Returns the pattern's first group in the page; raises `Refused` if it does not match."""
    match = pattern.search(page)
    if not match:
        raise Refused(f"the page has no {pattern.pattern}")
    return html.unescape(match[1])
