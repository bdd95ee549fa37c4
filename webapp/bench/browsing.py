"""A browser for the bench: one connection for each request, cookies, and answers that are read as they come. Pure."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
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
    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._cookies: dict[str, str] = {}

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
