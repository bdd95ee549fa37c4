"""Builds the engine, and gives it its duties: its background loops with their intervals, and what follows the end of a run."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask

from webapp.base.config import Config
from webapp.base.ids import new_id
from webapp.engine.duties import copies, journal, recovery, report, spill
from webapp.engine.engine import Duties, Engine
from webapp.engine.state.recovery_state import LEASES_SECONDS
from webapp.settings.secrets.encryption import current_config, fingerprint_of
from webapp.settings.service import setting
from webapp.streaming.loops import Spawn
from webapp.streaming.shared_config import SharedConfig
from webapp.streaming.topics import Signal

if TYPE_CHECKING:
    from webapp.streaming.redis_topics import RedisTopics

# The setting is how much text a kill can cost; a stroke and a commit that begins late need a part of that time.
JOURNAL_SHARE = 0.625
COPY_SECONDS = 1.0
# A file whose content identifies the folder of files, wherever that is mounted.
MARK = ".millrace"


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

        link = redis_link.RedisLink(config.redis_url, within=within)
        ours = partial(_shared_config, app)
        return redis_topics.RedisTopics(link, shared_config=ours, worker=worker, spawn=spawn, signal=signal, pause=pause, now=now)

    engine = Engine(
        in_app=app.app_context,
        data_dir=config.data_dir,
        max_streams=config.max_streams,
        spawn=spawn,
        signal=signal,
        pause=pause,
        now=now,
        share=share if config.redis_url else None,
    )
    engine.duties = _duties(engine)
    engine.logs.follow = partial(copies.follow if engine.shared else journal.revive, engine)
    return engine


def _duties(engine: Engine) -> Duties:
    def journal_seconds() -> float:
        with engine.in_app():
            return JOURNAL_SHARE * float(setting("stream.journal_ms")) / 1000

    def recovery_seconds() -> float:
        seconds = engine.recovery_state.wait_seconds
        return min(seconds, LEASES_SECONDS) if engine.shared else seconds

    return Duties(
        journal=engine.ticker("journal", partial(journal.write, engine), journal_seconds),
        recovery=engine.ticker("recovery", partial(recovery.settle_orphans, engine), recovery_seconds),
        copier=engine.ticker("copies", partial(copies.update_all, engine), lambda: COPY_SECONDS),
        report=partial(report.report_end, engine),
        spill=partial(spill.write, engine),
    )


def _shared_config(app: Flask) -> SharedConfig:
    """Returns the config that all workers must share, as fingerprints; read again each time, as keys change while workers run."""
    config = current_config(app)
    secret = sha256(config.secret_key.encode()).hexdigest()[:16]
    return SharedConfig(secret, tuple(map(fingerprint_of, config.encryption_keys)), folder_name(config.files_dir))


@cache
def folder_name(folder: Path) -> str:
    """Returns the name stored in a folder, which the first worker to look creates; empty if that fails."""
    mark = folder / MARK
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not mark.exists():
            with mark.open("x") as file:
                file.write(new_id())
        return mark.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        # Another worker is writing it just now, or the folder is read-only.
        return ""
