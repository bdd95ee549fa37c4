"""Debug log of answers in progress and their watchers. Text is logged as `content`, which needs an operator's consent."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from webapp.engine.tables import Generation
from webapp.streaming.events import Changed, Delta, Ended, Event, Failed, Notice, Phase, Reasoning, Saved, Sources, Started, Usage


def log_of(lane: str) -> logging.Logger:
    """Returns the logger `chat:streaming` for a chat's lane, `plan:streaming` for a plan's, and so on."""
    return logging.getLogger(f"{lane.partition(':')[0]}:streaming")


def event_logger(generation: Generation) -> Callable[[int, Event], None] | None:
    """Logs the beginning and returns a function that logs each event; None unless debug logging is enabled."""
    log, id = log_of(generation.lane), generation.id
    if not log.isEnabledFor(logging.DEBUG):
        return None
    names = ("lane", "kind", "when_unwatched", "continues_id")
    about = {"generation_id": id, "model": generation.model_asked, **{name: getattr(generation, name) for name in names}}
    log.debug("stream_begun", extra={"fields": about})

    def log_event(seq: int, event: Event) -> None:
        facts, content = fields_of(event)
        fields = {"generation_id": id, "seq": seq, "event": type(event).__name__.lower(), **facts}
        log.debug("stream_event", extra={"fields": fields, "content": content})

    return log_event


@contextmanager
def watching(lane: str, is_lost: Callable[[], bool]) -> Iterator[None]:
    """Logs that a watcher has connected, and has disconnected, and whether another took its place."""
    log = log_of(lane)
    if not log.isEnabledFor(logging.DEBUG):
        yield
        return
    began = time.monotonic()
    log.debug("watcher_connected", extra={"fields": {"lane": lane}})
    try:
        yield
    finally:
        seconds = round(time.monotonic() - began, 3)
        log.debug("watcher_left", extra={"fields": {"lane": lane, "seconds": seconds, "superseded": is_lost()}})


def fields_of(event: Event) -> tuple[dict[str, Any], dict[str, Any]]:
    """Splits an event into fields that can always be logged and its text; even a server's message can repeat a person's words.

    Of an unknown type of event, nothing is logged.
    """
    match event:
        case Delta(text) | Reasoning(text):
            return {"chars": len(text)}, {"text": text}
        case Notice(code, message, detail):
            return {"code": code}, {"text": message, "detail": detail}
        case Failed(code, message, retryable):
            return {"code": code, "retryable": retryable}, {"text": message}
        case Sources(items):
            return {"count": len(items)}, {"items": items}
        case Started() | Phase() | Usage() | Saved() | Ended() | Changed():
            return asdict(event), {}
    return {}, asdict(event)
