"""A demo that halts at given words, so that a test can act there without a race."""

from collections.abc import Iterator
from contextlib import closing

from flask import Flask

from webapp.models.connections.providers import PROVIDERS, Providers
from webapp.models.providers.base import ModelRequest
from webapp.models.providers.demo import DemoProvider
from webapp.models.upstream import Upstream
from webapp.streaming.events import Delta, Event
from webapp.streaming.stop import Stop

# The first word of the plan, of each of its weeks, and of what follows the weeks.
BEGINNING, WEEK_1, WEEK_2, WEEK_3, WEEK_4, RISKS = "{", '"Begin', '"Find', '"Go', '"Keep', '"risks"'
LOOK_SECONDS = 0.005


class Halting(DemoProvider):
    """Halts before each of these words until `go_on` or a stop; between them it does not wait."""

    def __init__(self, *words: str) -> None:
        super().__init__(pace=0)
        self._words = list(words)

    def go_on(self) -> None:
        """Continues to the next word."""
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
    """Makes the demo of this application halt before each of these words."""
    demo = Halting(*words)
    PROVIDERS.set(Providers(demo, Upstream()), app)
    return demo
