"""The log line that every generation leaves behind: who, how long, by which model, and never what was said."""

import logging
from typing import TYPE_CHECKING

from webapp.settings.service import setting
from webapp.streaming.events import Delta
from webapp.streaming.topics import Gap, Topics

if TYPE_CHECKING:
    from webapp.generations.engine import Engine, Live

log = logging.getLogger("chat:streaming")

# Steps of the ladder after which the answer is not what was asked for first.
FALLBACKS = {"fallback", "whole", "demo_fallback"}


def finished(engine: "Engine", live: "Live") -> None:
    """Tells of a generation that has just ended here."""
    with engine.in_app():
        is_streaming = bool(setting("stream.enabled"))
    run, outcome = live.run, live.run.outcome
    transcript, codes = run.transcript, {notice.code for notice in run.transcript.notices}
    served = transcript.usage.model if transcript.usage else ""
    fields = {
        "user_id": live.person,
        "session_id": live.lane.partition(":")[2],
        "streaming": is_streaming and "whole" not in codes,
        "processing_time_ms": round((engine.now() - run.started_at) * 1000),
        "chunk_count": _chunk_count(engine.topics, run.topic),
        "success": outcome is not None and outcome.status in ("completed", "stopped"),
        "model_used": served or (transcript.started.model if transcript.started else ""),
        "fallback_used": bool(codes & FALLBACKS),
        "generation_id": live.id,
        "status": outcome.status if outcome else "",
        "reason": outcome.reason if outcome else "",
    }
    log.info("stream_finished", extra={"fields": fields})


def _chunk_count(topics: Topics, topic: str) -> int:
    try:
        return sum(isinstance(entry.event, Delta) for entry in topics.read(topic, 0))
    except Gap:
        return topics.last(topic)
