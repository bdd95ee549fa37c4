"""gunicorn's settings for Millrace: one gevent worker, and a stop that answers requests, saves answers and notifies readers.

This file runs before gevent patches anything, so its top level imports neither the application nor gevent, requests or psycopg:
patched after their import, TLS breaks and database calls block the whole worker.
"""

import gc
import logging
import os
import shutil
import signal
import sys
from functools import partial
from typing import Any

from webapp.base.config import ConfigError, database_words, load, mistyped
from webapp.base.logs import LineHandler
from webapp.base.process import instance_lock
from webapp.base.process.fd_limit import raise_for
from webapp.base.process.memory import Collector, tune_malloc
from webapp.base.process.pause_detector import skipped_after_pause

try:
    # Not named `config`: gunicorn takes every name it knows as one of its settings.
    our_config = load()
except ConfigError as error:
    sys.exit(str(error))

wsgi_app = "wsgi:app"
bind = our_config.bind
workers = our_config.web_concurrency
worker_class = "webapp.web.server.master.ForkedWorker"
logger_class = "webapp.web.server.master.ErrorLogger"
worker_connections = raise_for(2000)  # every open page holds one, and requests to models need more
preload_app = False
control_socket_disable = True  # all instances would share one socket in the home folder

timeout = 60
graceful_timeout = 10
# Longer than the minute for which proxies and clients keep unused connections, so that they close them first: a request sent on
# one that the server is closing is lost. An address at its limit of connections loses those that are unused after 5 s.
keepalive = 75
limit_request_line = 8190
forwarded_allow_ips = ",".join(our_config.trusted_proxies)
# The worker touches this file every second. It is kept in memory, so that a slow disk does not look like a dead worker.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

accesslog = None
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"lines": {"()": LineHandler, "config": our_config}},
    "root": {"level": "INFO", "handlers": ["lines"]},
    "loggers": {"gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True}},
}

# What the server writes, chats and keys among it, is for its own user.
os.umask(0o077)

# Together less than `graceful_timeout`.
ANSWER_SECONDS = 4
SAVE_SECONDS = 2
DRAIN_SECONDS = 2
LAST_SECONDS = 1
# gunicorn's exit code for an application that cannot be loaded: it stops the server, because a new worker would fail, too.
NOT_PREPARED = 4


def on_starting(server: Any) -> None:
    """Refuses to start a second server on a data folder with an SQLite database: each would treat the other's answers as lost.

    It also makes the master's check, once a second, spare workers after a pause: they were stopped along with it.
    """
    server.murder_workers = skipped_after_pause(server.murder_workers, 1.0)
    for sentence in mistyped():
        server.log.warning(sentence)
    if not server.master_pid:
        _forget_metrics()
    # A master that was re-executed by a signal has inherited the lock.
    if our_config.database_url.startswith("sqlite") and not server.master_pid:
        try:
            instance_lock.lock(our_config.data_dir)
        except instance_lock.AlreadyRunning as error:
            sys.exit(str(error))
        except OSError as error:
            sys.exit(f"DATA_DIR cannot be written to: {error.filename}: {error.strerror}.")


def _forget_metrics() -> None:
    """Counters begin at zero with the server, as those of a single worker do, and so keep no labels of years ago."""
    shutil.rmtree(our_config.data_dir / "metrics", ignore_errors=True)


def when_ready(_server: Any) -> None:
    """Ignores gunicorn's signal for another worker: without Redis, it would not receive the answers of the first one."""
    if not our_config.redis_url:
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)


def pre_fork(_server: Any, _worker: Any) -> None:
    """Hides all present objects from the garbage collector: a collection would write to, and so copy, every page.

    The pages are shared between the master and its workers.
    """
    gc.freeze()


def post_fork(_server: Any, _worker: Any) -> None:
    instance_lock.close_inherited()
    tune_malloc()
    # Modules imported from now on are permanent. They are collected once, when all are loaded, and not ten times during the
    # imports.
    gc.disable()


def post_worker_init(worker: Any) -> None:
    """Installs the signal handlers, recovers what a dead process left unfinished and starts the loops."""
    # Imported late: only in the worker is everything patched.
    import gevent
    from gevent import monkey

    from webapp.base.database.state import OLD_SCHEMA, trouble_with_database
    from webapp.base.db import DAMAGED
    from webapp.base.heavy.threads import set_aside
    from webapp.base.process.watchdog import WATCHDOG
    from webapp.engine.chores import resume
    from webapp.engine.engine import ENGINE
    from webapp.engine.watching.sse_response import waiting_sockets
    from webapp.operations.health.worker_metrics import METRICS
    from webapp.rendering.code import at_first_code, warm_up
    from webapp.streaming.shared_config import UNLIKE
    from webapp.web.templates import load_first

    with worker.wsgi.app_context():
        if (trouble := trouble_with_database()) in (OLD_SCHEMA, DAMAGED):
            print(trouble, file=sys.stderr)  # noqa: T201  the last words of a server that does not start
            sys.exit(NOT_PREPARED)
    engine = ENGINE.of(worker.wsgi)
    if engine.shared and (differs := engine.shared.agreement.current_difference()):
        print(UNLIKE.format(differs), file=sys.stderr)  # noqa: T201  the last words of a server that does not start
        sys.exit(NOT_PREPARED)
    is_stopping = False

    def stop() -> None:
        try:
            engine.is_stopping = True
            worker.answer_and_close(ANSWER_SECONDS, but=waiting_sockets)
            engine.finish(seconds=SAVE_SECONDS)
            engine.wait_closed(DRAIN_SECONDS)
            # Programs that waited for a whole answer are told how it has ended.
            worker.wait_answered(LAST_SECONDS)
            if engine.shared:
                METRICS.of(worker.wsgi).end()
        finally:
            worker.alive = False
        # Exits at this point because gunicorn would check only once a second, and wait `keepalive` seconds for every stream.
        sys.exit(0)

    def on_signal(*_: object) -> None:
        # A signal handler runs in whichever greenlet is current, and must not block it.
        nonlocal is_stopping
        if not is_stopping:
            is_stopping = True
            gevent.spawn(stop)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, on_signal)
    engine.begin()
    if engine.shared:
        METRICS.of(worker.wsgi).begin(gevent.spawn)
    logging.getLogger("server").info("worker_started", extra={"fields": _about(engine.worker.id)})
    with worker.wsgi.app_context():
        resume()
    load_first(worker.wsgi)
    # Freezes all present objects: a full collection of them would pause every answer for a quarter of a second.
    Collector().begin()
    # Loads the Scala lexer after the first code block; a server without code saves its 2 MB.
    at_first_code.append(partial(set_aside, gevent.get_hub(), warm_up))
    WATCHDOG.of(worker.wsgi).begin(gevent.get_hub().loop, monkey.get_original)


def _about(worker_id: str) -> dict[str, Any]:
    """Returns what the log says of each worker at its start, so that it shows later which version ran on which database."""
    from webapp.base.version import VERSION
    from webapp.operations.health.facts import commit

    return {"version": VERSION, "commit": commit(), "database": database_words(our_config), "worker": worker_id}


def worker_int(worker: Any) -> None:
    """Saves the answers when --reload restarts the worker; the signals have our handlers."""
    from webapp.engine.engine import ENGINE

    ENGINE.of(worker.wsgi).finish(seconds=SAVE_SECONDS)
