"""Timeouts of a running answer: first byte, stall, total time, and no watchers."""

from webapp.engine.engine import Engine, Live
from webapp.settings.service import setting

# The policy in `when_unwatched` determines the reason of the end.
REASONS = {"idle": "idle_listener", "abort": "client_gone"}
# A client that has just started an answer needs a moment to connect to its stream.
ARRIVING_SECONDS = 1.0


def stop_overdue(engine: Engine) -> None:
    """Stops every run past a timeout; skips one check after the process was suspended, as text can have arrived unread."""
    if engine.pauses.was_paused():
        return
    with engine.in_app():
        for live in list(engine.live.values()):
            if not live.run.is_saving and (reason := _overdue(engine, live)):
                live.run.stop.request(reason)


def _overdue(engine: Engine, live: Live) -> str:
    run, now = live.run, engine.now()
    silent, total = now - run.last_content_at, now - run.started_at
    if not run.has_content and (reason := live.source.check_timeout()):
        return reason
    if run.has_content and _exceeds(silent, "stream.stall_seconds"):
        return "stall"
    if _exceeds(total, "stream.total_seconds"):
        return "total_time"
    return _unwatched(engine, live)


def _exceeds(seconds: float, name: str) -> bool:
    limit = setting(name)
    return bool(limit) and seconds > limit


def _unwatched(engine: Engine, live: Live) -> str:
    policy, _, limit = live.when_unwatched.partition(":")
    if policy not in REASONS:
        return ""
    if policy == "idle" and engine.shared and not engine.shared.is_connected:
        # Without Redis it is unknown whether the answer is read through another worker.
        return ""
    return REASONS[policy] if engine.presence.seconds_alone(live.lane) > max(float(limit), ARRIVING_SECONDS) else ""
