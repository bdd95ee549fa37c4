"""An open page of a chat, reduced to its event stream."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import gevent
import pytest

from tests.support.browser import Browser
from webapp.streaming.codec import SseDecoder, SseMessage

NOTHING: Mapping[str, str] = MappingProxyType({})
PART = re.compile(r'<hx-partial hx-target="([^"]*)" hx-swap="([^"]*)">(.*?)</hx-partial>', re.DOTALL)


class Listener:
    """A page's connection to the stream: reads in a greenlet and updates the message's text as a browser would."""

    def __init__(self, browser: Browser, url: str, last_id: str = "", headers: Mapping[str, str] = NOTHING) -> None:
        headers = {**headers, **({"Last-Event-ID": last_id} if last_id else {})}
        self.response = browser.client.get(url, headers=headers, buffered=False)
        self.messages: list[SseMessage] = []
        self.raw = b""
        self.greenlet = gevent.spawn(self._read)

    @property
    def last_id(self) -> str:
        return next((message.id for message in reversed(self.messages) if message.id), "")

    @property
    def html(self) -> str:
        return "".join(message.data for message in self.messages if message.event == "message")

    def statuses(self) -> list[str]:
        return [json.loads(message.data)["status"] for message in self.messages if message.event == "status"]

    def until(self, is_so: Callable[["Listener"], object], seconds: float = 30) -> None:
        with gevent.Timeout(seconds, AssertionError(self.html[-2000:])):
            while not is_so(self):
                gevent.sleep(0.01)

    def close(self) -> None:
        self.greenlet.kill()
        self.response.close()

    def _read(self) -> None:
        decoder = SseDecoder()
        for chunk in self.response.iter_encoded():
            self.raw += chunk
            self.messages.extend(decoder.feed(chunk))


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    listeners: list[Listener] = []

    def listen(browser: Browser, url: str, last_id: str = "", headers: Mapping[str, str] = NOTHING) -> Listener:
        listeners.append(Listener(browser, url, last_id, headers))
        return listeners[-1]

    yield listen
    for listener in listeners:
        listener.close()
