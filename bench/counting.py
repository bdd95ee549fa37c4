"""Millrace with more tools, of which most ask the counter of a benchmark: `gunicorn bench.counting:app`.

It also says what it holds in memory.
"""

import gc
import tracemalloc
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from gevent import Greenlet

from bench.scripted_model import COUNTING, HELD, NOTING, READING, REPEATING, WAITING
from webapp.base.current import CONFIG, the_config
from webapp.base.db import db
from webapp.models.connections.providers import providers
from webapp.models.upstream.body import Stopped
from webapp.streaming.failure import ProviderError
from webapp.tools.tool import READS, CallContext, Hints, Policy, Result, Tool, ToolFailed
from webapp.web.feature import BROUGHT
from wsgi import app

__all__ = ["app"]
SECONDS, MOST_BYTES = 20.0, 10_000
SCHEMA = {"type": "object", "properties": {"call": {"type": "string"}}, "required": ["call"], "additionalProperties": False}


def _run(tool: str, context: CallContext, arguments: Mapping[str, Any]) -> Result:
    base = the_config().openrouter_base_url
    # Releases the database connection while waiting for another server.
    db.session.rollback()
    try:
        with providers().upstream.open(
            "POST",
            f"{base}/count",
            stop=context.stop,
            headers={},
            json={"tool": tool, **arguments},
            first_byte_seconds=SECONDS,
            trust="operator",
            label="The counter",
        ) as body:
            return Result(body.read_all(MOST_BYTES).decode())
    except Stopped as error:
        raise ToolFailed("The answer was stopped.", is_unknown=True) from error
    except ProviderError as error:
        raise ToolFailed(error.message, is_unknown=not error.of_connection) from error


def _held() -> dict[str, int]:
    gc.collect()
    greenlets = sum(isinstance(found, Greenlet) and not found.dead for found in gc.get_objects())
    return {"bytes": tracemalloc.get_traced_memory()[0], "greenlets": greenlets}


def _tool(key: str, hints: Hints, policy: Policy = "allow") -> Tool:
    return Tool(key, key, "Counts.", SCHEMA, lambda _: "Counted", partial(_run, key), hints=hints, policy=policy)


BROUGHT.of(app)[Tool].extend(
    [
        _tool(READING, READS),
        _tool(REPEATING, Hints(is_idempotent=True)),
        _tool(COUNTING, Hints()),
        _tool(WAITING, Hints(), "ask"),
        replace(_tool(NOTING, READS), run=lambda _context, arguments: Result(arguments["call"])),
    ]
)
app.add_url_rule(HELD, view_func=_held)
assert CONFIG.of(app).openrouter_base_url, "the benchmark gives the address of its model"
