"""A page that stays open as in a browser: when its stream ends, it reconnects after the last event."""

import asyncio
import re
import time
from contextlib import suppress

from bench.browsing import Owner, Refused
from bench.reading import TOKEN
from webapp.streaming.codec import Decoder

STATUS = re.compile(r'"status": "(\w+)"|data-role="assistant" data-status="(\w+)"')
AGAIN_SECONDS = 0.5
# Heartbeats come every 15 seconds: a stream that is silent for longer has lost its server.
SILENT_SECONDS = 25.0


class LastingPage:
    """A page that records an answer's tokens and its changes of status."""

    def __init__(self, owner: Owner, path: str) -> None:
        self.tokens: set[int] = set()
        self.stands: list[str] = []
        self.reconnects = -1
        self._owner, self._path, self._last_id = owner, path, ""
        self.task = asyncio.create_task(self._last())

    @property
    def ends(self) -> int:
        """How often it was shown as completed."""
        return self.stands.count("completed")

    async def until_ended(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not self.ends and time.monotonic() < until:
            await asyncio.sleep(0.02)
        return bool(self.ends)

    async def close(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    async def _last(self) -> None:
        page = ""
        while True:
            with suppress(Refused, OSError, EOFError, TimeoutError):
                page = page or await self._drawn()
                await self._hear(page)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _drawn(self) -> str:
        async with asyncio.timeout(SILENT_SECONDS):
            page = await self._owner.page(self._path)
        self._see(page)
        return page

    async def _hear(self, page: str) -> None:
        async with asyncio.timeout(SILENT_SECONDS):
            stream = await self._owner.listen(page, self._last_id)
        self.reconnects += 1
        try:
            decoder = Decoder()
            while piece := await _piece(stream.reader):
                for message in decoder.feed(piece):
                    self._last_id = message.id or self._last_id
                    self._see(message.data)
        finally:
            stream.writer.close()

    def _see(self, text: str) -> None:
        self.tokens.update(int(number) for number, _ in TOKEN.findall(text.encode()))
        for found in STATUS.findall(text):
            if (stands := "".join(found)) != (self.stands or [""])[-1]:
                self.stands.append(stands)


async def _piece(reader: asyncio.StreamReader) -> bytes:
    """Returns the content of a chunk; empty at the end."""
    # Not `wait_for`, which loses a cancellation that coincides with the arrival of data.
    async with asyncio.timeout(SILENT_SECONDS):
        size = int((await reader.readline()).strip() or b"0", 16)
        return (await reader.readexactly(size + 2))[:size]
