"""What every generation leaves behind: a log line and figures (who, how long, by which model), and how its key did."""

import json
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from webapp.extensions import utc_now
from webapp.generations.figures import Answered
from webapp.generations.models import providers
from webapp.settings import refusals
from webapp.settings.connections import REFUSALS
from webapp.settings.service import setting
from webapp.streaming.events import TRIED, Delta
from webapp.streaming.topics import Gap, Topics

if TYPE_CHECKING:
    from webapp.generations.engine import Engine, Live

log = logging.getLogger("chat:streaming")

# Steps of the ladder after which the answer is not what was asked for first.
FALLBACKS = {"fallback", "whole", "demo_fallback"}


def finished(engine: "Engine", live: "Live") -> None:
    """Tells of a generation that has just ended here."""
    with engine.in_app():
        codes = {notice.code for notice in live.run.transcript.notices}
        is_streaming = bool(setting("stream.enabled")) and "whole" not in codes
        answered = _answered(engine, live, is_streaming)
        fields = {
            "user_id": live.person,
            "session_id": live.lane.partition(":")[2],
            "streaming": is_streaming,
            "processing_time_ms": round(answered.seconds * 1000),
            "chunk_count": _chunk_count(engine.topics, live.run.topic),
            "success": answered.status in ("completed", "stopped"),
            "model_used": answered.served,
            "fallback_used": bool(codes & FALLBACKS),
            "generation_id": live.id,
            "status": answered.status,
            "reason": answered.reason,
        }
        log.info("stream_finished", extra={"fields": fields})
        engine.tell(answered)
        _note_keys(live, answered)


def _answered(engine: "Engine", live: "Live", is_streaming: bool) -> Answered:
    run, outcome = live.run, live.run.outcome
    usage, started, first = run.transcript.usage, run.transcript.started, run.first_content_at
    return Answered(
        kind=live.kind,
        status=outcome.status if outcome else "",
        reason=outcome.reason if outcome else "",
        provider=(started.provider if started else "") or providers().connection_of(live.model),
        asked=live.model,
        served=(usage.model if usage else "") or (started.model if started else ""),
        seconds=engine.now() - run.started_at,
        first_chunk_seconds=first - run.started_at if is_streaming and first is not None else None,
        input_tokens=usage.input_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
    )


def _note_keys(live: "Live", answered: Answered) -> None:
    """Keeps in mind which keys were refused, and that one was accepted which was refused before."""
    known, transcript = providers(), live.run.transcript
    tries = [json.loads(notice.detail) for notice in transcript.notices if notice.code == TRIED]
    refused = {known.connection_of(each["model"]): each["code"] for each in tries if each["code"] in REFUSALS}
    accepted = transcript.started.provider if transcript.started else ""
    began_at = utc_now() - timedelta(seconds=answered.seconds)
    for each in known.connections():
        if each.slug in refused and not each.refused_at:
            refusals.refused(each, refused[each.slug])
            known.forget()
        elif each.slug == accepted and each.slug not in refused and each.refused_at and each.refused_at < began_at:
            refusals.accepted(each)
            known.forget()


def _chunk_count(topics: Topics, topic: str) -> int:
    try:
        return sum(isinstance(entry.event, Delta) for entry in topics.read(topic, 0))
    except Gap:
        return topics.last(topic)
