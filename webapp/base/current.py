"""What each application has one of, such as its engine and its caches, as typed variables; the base's own are here."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from flask import Flask, current_app

from webapp.base.config import Config
from webapp.base.throttle import Shared
from webapp.streaming.topics import Topics

T = TypeVar("T")
# Where Flask keeps what belongs to an application.
KEY = "millrace"


class PerApp(Generic[T]):
    """A variable of which each application has its own value, as a `ContextVar` has one for each context.

    It is declared beside its type, so that no room has to know those after it. `create_app` sets most; with `make`, the first
    to ask makes the value.
    """

    def __init__(self, make: Callable[[], T] | None = None) -> None:
        self._make = make

    def get(self) -> T:
        """Returns the value of the current application."""
        return self.of(current_app)

    def of(self, app: Flask) -> T:
        values: dict[PerApp[Any], Any] = app.extensions[KEY]
        value: T = values[self] if self in values or not self._make else values.setdefault(self, self._make())
        return value

    def set(self, value: T, app: Flask | None = None) -> None:
        (app or current_app).extensions.setdefault(KEY, {})[self] = value

    def forget(self, app: Flask | None = None) -> None:
        """Removes the value, so that the next to ask makes a new one."""
        (app or current_app).extensions[KEY].pop(self, None)


CONFIG = PerApp[Config]()
TOPICS = PerApp[Topics]()
# Limits that all workers count together; None for a single worker.
BUCKETS = PerApp[Shared | None]()


def the_config() -> Config:
    """Returns the operator's configuration."""
    return CONFIG.get()
