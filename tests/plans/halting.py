"""The demo that halts where it is told to, so that a test need not hurry to be there in time."""

from collections.abc import Iterator
from contextlib import closing

from flask import Flask

from webapp.connections.models import Providers
from webapp.providers.base import ModelRequest
from webapp.providers.demo import DemoProvider
from webapp.streaming.events import Delta, Event
from webapp.streaming.stop import Stop
from webapp.upstream import Upstream

# The first word of every plan, of its first week, and so on, and of what comes behind the weeks.
BEGINNING, WEEK_1, WEEK_2, WEEK_3, WEEK_4, RISKS = "{", '"Begin', '"Find', '"Go', '"Keep', '"risks"'
LOOK_SECONDS = 0.005


class Halting(DemoProvider):
    """Says nothing more from each of these words on until it is stopped or told to go on; between them it is in haste."""

    def __init__(self, *words: str) -> None:
        super().__init__(pace=0)
        self._words = list(words)

    def go_on(self) -> None:
        """To the next word."""
        self._words.pop(0)

    def stream(self, request: ModelRequest, stop: Stop) -> Iterator[Event]:
        said = ""
        with closing(super().stream(request, stop)) as events:
            for event in events:
                said += event.text if isinstance(event, Delta) else ""
                while self._words and self._words[0] in said:
                    if stop.wait(LOOK_SECONDS):
                        return
                yield event


def halting(app: Flask, *words: str) -> Halting:
    """From now on the demo of this application halts before each of these words."""
    demo = Halting(*words)
    app.extensions["providers"] = Providers(app.extensions["config"], demo, Upstream())
    return demo
