"""Builds the engine: its state, its background loops and their intervals."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from flask import Flask

from webapp.base.config import Config
from webapp.engine import config_fingerprints
from webapp.engine.duties import copies, journal, keeper, recovery, report, spill
from webapp.engine.engine import Duties, Engine
from webapp.streaming.loops import Spawn
from webapp.streaming.topics import Signal

if TYPE_CHECKING:
    from webapp.streaming.redis_topics import RedisTopics

DUTIES = Duties(
    journal=journal.commit,
    stop_overdue=keeper.stop_overdue,
    recover=recovery.settle_orphans,
    report=report.report_end,
    spill=spill.write,
    keep_unsaved=spill.keep_unsaved,
    follow=copies.follow,
    copy=copies.update_all,
)


def build(
    app: Flask,
    config: Config,
    *,
    spawn: Spawn,
    signal: Callable[[], Signal],
    pause: Callable[[float], object],
    now: Callable[[], float],
    within: Callable[[float], AbstractContextManager[object]],
) -> Engine:
    """Returns an engine bound to the application; it does nothing until a worker begins."""

    def share(worker: str) -> "RedisTopics":
        # Imported here, so that the library is only loaded where Redis is used.
        from webapp.streaming import redis_link, redis_topics

        link = redis_link.Link(config.redis_url, within=within)
        ours = config_fingerprints.of(app)
        return redis_topics.RedisTopics(link, shared_config=ours, worker=worker, spawn=spawn, signal=signal, pause=pause, now=now)

    return Engine(
        in_app=app.app_context,
        data_dir=config.data_dir,
        max_streams=config.max_streams,
        spawn=spawn,
        signal=signal,
        pause=pause,
        now=now,
        duties=DUTIES,
        share=share if config.redis_url else None,
    )
