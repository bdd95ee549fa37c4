"""Work in the background that is done now and then, for as long as there is any."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app

from webapp.engine.engine import Engine, the_engine
from webapp.streaming.loops import AGAIN_SECONDS, Ticker


@dataclass(frozen=True, slots=True)
class Chore:
    """`work` is done within the application every so many seconds, until it says that nothing is left.

    After failures it waits for up to `most_seconds`.
    """

    name: str
    work: Callable[[], bool]
    every_seconds: float
    most_seconds: float = AGAIN_SECONDS

    def wake(self) -> None:
        """Sees to it that somebody looks."""
        if self.name not in current_app.extensions:
            current_app.extensions[self.name] = self._ticker(the_engine())
        current_app.extensions[self.name].wake()

    def _ticker(self, engine: Engine) -> Ticker:
        return Ticker(
            self.name,
            lambda: self._look(engine),
            every=lambda: self.every_seconds,
            spawn=engine.spawn,
            pause=engine.pause,
            now=engine.now,
            most_seconds=self.most_seconds,
        )

    def _look(self, engine: Engine) -> bool:
        if engine.is_closing:
            return False
        with engine.in_app():
            return self.work()
