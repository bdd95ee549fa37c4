"""Millrace with a tool that reads the pages of `flask bench context` over HTTP: `gunicorn bench.context_app:app`."""

from collections.abc import Mapping
from typing import Any

from bench.context_model import PAGE, READING
from webapp.base.current import CONFIG, the_config
from webapp.base.db import db
from webapp.models.connections.providers import providers
from webapp.models.upstream.body import Stopped
from webapp.streaming.failure import ProviderError
from webapp.tools.tool import READS, CallContext, Result, Tool, ToolFailed
from webapp.web.feature import BROUGHT
from wsgi import app

__all__ = ["app"]
SECONDS, MOST_BYTES = 20.0, 1_000_000
SCHEMA = {"type": "object", "properties": {PAGE: {"type": "string"}}, "required": [PAGE], "additionalProperties": False}


def _run(context: CallContext, arguments: Mapping[str, Any]) -> Result:
    # Releases the database connection while waiting for another server.
    db.session.rollback()
    try:
        with providers().upstream.open(
            "POST",
            f"{the_config().openrouter_base_url}/page",
            stop=context.stop,
            headers={},
            json=dict(arguments),
            first_byte_seconds=SECONDS,
            trust="operator",
            label="The pages",
        ) as body:
            return Result(body.read_all(MOST_BYTES).decode())
    except Stopped as error:
        raise ToolFailed("The answer was stopped.") from error
    except ProviderError as error:
        raise ToolFailed(error.message) from error


BROUGHT.of(app)[Tool].append(
    Tool(
        READING,
        "Pages",
        "Reads a page.",
        SCHEMA,
        lambda arguments: f"Read the page “{arguments[PAGE]}”",
        _run,
        hints=READS,
        policy="allow",
    )
)
assert CONFIG.of(app).openrouter_base_url, "the benchmark gives the address of its model"
