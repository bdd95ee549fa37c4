"""The report of every generation: a log line, metrics, and whether the provider accepted its key."""

import logging
from datetime import timedelta

from webapp.base import topic_names
from webapp.base.db import utc_now
from webapp.engine.engine import Engine
from webapp.engine.live import LiveGeneration
from webapp.engine.metric_events import Answered
from webapp.engine.tables import Generation
from webapp.models.connections import service
from webapp.models.connections.cache import the_connections
from webapp.models.connections.effective import is_own
from webapp.models.connections.providers import providers
from webapp.settings.service import setting
from webapp.streaming.events import Delta
from webapp.streaming.topics import Gap, Topics

log = logging.getLogger("chat:streaming")

# Steps of the ladder after which the answer is not the one requested first.
FALLBACKS = {"fallback", "whole", "demo_fallback"}
# Those after which another model answers.
SWITCHES = {"fallback", "demo_fallback"}


def report_end(engine: Engine, live: LiveGeneration) -> None:
    """Reports a generation that has just ended in this process."""
    with engine.in_app():
        codes = {notice.code for notice in live.run.transcript.notices}
        failed = {attempt["model"] for attempt in live.run.transcript.attempts}
        is_streaming = bool(setting("stream.enabled")) and "whole" not in codes
        answered = _answered(engine, live, is_streaming)
        fields = {
            "user_id": live.person,
            "session_id": live.lane.partition(":")[2],
            "streaming": is_streaming,
            "processing_time_ms": round(answered.seconds * 1000),
            "chunk_count": _chunk_count(engine.logs.topics, live.run.topic),
            "success": answered.status in ("completed", "stopped"),
            "model_used": _chosen(live.model, answered.served, live.run.transcript.provider, codes, failed),
            "fallback_used": bool(codes & FALLBACKS),
            "generation_id": live.id,
            "status": answered.status,
            "reason": answered.reason,
        }
        # One line for each answer; side requests have an event name of their own.
        log.info("aside_finished" if engine.kinds[live.kind].is_side_request else "stream_finished", extra={"fields": fields})
        engine.emit(answered)
        _note_keys(live, answered)


def model_used(generation: Generation) -> str:
    """Returns the model that answered by the id that people choose it by; empty before that is known, or if none did."""
    codes, failed = {notice["code"] for notice in generation.notices or ()}, {attempt["model"] for attempt in generation.attempts}
    return _chosen(generation.model_asked, generation.model_used, generation.provider, codes, failed)


def _chosen(asked: str, served: str, provider: str, codes: set[str], failed: set[str]) -> str:
    if served and codes & SWITCHES:
        return providers().id_of_answering(asked, served, provider, failed)
    return asked if served else ""


def _answered(engine: Engine, live: LiveGeneration, is_streaming: bool) -> Answered:
    run, transcript, outcome = live.run, live.run.transcript, live.run.outcome
    usage, first = transcript.usage, run.first_content_at
    return Answered(
        kind=live.kind,
        status=outcome.status if outcome else "",
        reason=outcome.reason if outcome else "",
        provider=transcript.provider or the_connections().slug_of(live.model),
        model_asked=live.model,
        served=transcript.served,
        seconds=engine.now() - run.started_at,
        first_chunk_seconds=first - run.started_at if is_streaming and first is not None else None,
        input_tokens=usage.input_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
        id=live.id,
        chat_id=topic_names.chat_in(live.lane),
        attempts=transcript.attempts,
        gaps=run.gaps if is_streaming else (),
    )


def _note_keys(live: LiveGeneration, answered: Answered) -> None:
    """Stores which connections' keys were refused, and clears that for one whose key was accepted again."""
    transcript = live.run.transcript
    refused = {
        the_connections().slug_of(attempt["model"]): attempt["code"]
        for attempt in transcript.attempts
        if attempt["code"] in service.REFUSALS
    }
    accepted = transcript.provider
    began_at = utc_now() - timedelta(seconds=answered.seconds)
    own = the_connections().of_model(live.model) if is_own(live.model) else None
    for connection in (*the_connections().team(), *filter(None, [own])):
        if connection.slug in refused and not connection.refused_at:
            service.note_refusal(connection, refused[connection.slug])
            the_connections().forget()
        elif (
            connection.slug == accepted
            and connection.slug not in refused
            and connection.refused_at
            and connection.refused_at < began_at
        ):
            service.note_acceptance(connection)
            the_connections().forget()


def _chunk_count(topics: Topics, topic: str) -> int:
    try:
        return sum(isinstance(entry.event, Delta) for entry in topics.read(topic, 0))
    except Gap:
        return topics.last(topic)
