"""The environment that templates are rendered in: what all of them know is one dictionary."""

from collections.abc import MutableMapping
from typing import Any

from flask.sansio.app import App
from flask.templating import Environment


class Templates(Environment):
    """Jinja lays a chain of dictionaries around each template's own; to go through these is a tenth of a page's time."""

    def __init__(self, app: App, **options: Any) -> None:
        # There are as many as there are files: to keep the order in which a few were used last costs more than all of them.
        super().__init__(app, **options, cache_size=-1)

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return super().make_globals(d) if d else self.globals
