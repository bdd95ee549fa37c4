"""Builds the engine: its state, its background loops and their intervals."""

from collections.abc import Callable

from flask import Flask

from webapp.config import Config
from webapp.engine import journal, keeper, recovery, report, spill
from webapp.engine.engine import Duties, Engine
from webapp.streaming.loops import Spawn
from webapp.streaming.topics import Signal

DUTIES = Duties(journal.commit, keeper.look, recovery.look, report.finished, spill.write)


def build(
    app: Flask,
    config: Config,
    *,
    spawn: Spawn,
    signal: Callable[[], Signal],
    pause: Callable[[float], object],
    now: Callable[[], float],
) -> Engine:
    """An engine bound to the application; it begins when a worker does."""
    return Engine(
        in_app=app.app_context,
        data_dir=config.data_dir,
        max_streams=config.max_streams,
        spawn=spawn,
        signal=signal,
        pause=pause,
        now=now,
        duties=DUTIES,
    )
