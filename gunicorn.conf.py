"""How gunicorn serves Millrace: one gevent worker, and a stop that saves every answer and tells every reader first.

Runs before anything is patched, so it imports neither the application nor gevent, requests or psycopg up here: patched
after their import, TLS breaks and database calls stop the whole worker.
"""

import gc
import os
import signal
import sys
from functools import partial
from typing import Any

from webapp import instance
from webapp.config import ConfigError, load
from webapp.descriptors import room_for
from webapp.heavy.garbage import Collector
from webapp.heavy.memory import give_back_what_was_large
from webapp.logs import LineHandler
from webapp.pauses import sparing

try:
    # Not `config`: gunicorn takes every name it knows for a setting of its own.
    our_config = load()
except ConfigError as error:
    sys.exit(str(error))

wsgi_app = "wsgi:app"
bind = our_config.bind
workers = our_config.web_concurrency
worker_class = "webapp.web.master.Worker"
logger_class = "webapp.web.master.Log"
worker_connections = room_for(2000)  # every open page holds one, and answers need room beside them
preload_app = False
control_socket_disable = True  # it would be one socket in the home folder for every instance there is

timeout = 60
graceful_timeout = 10
keepalive = 5
limit_request_line = 8190
forwarded_allow_ips = ",".join(our_config.trusted_proxies)
# The worker touches this file every second: in memory, so that a slow disk does not look like a dead worker.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

accesslog = None
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"lines": {"()": LineHandler, "config": our_config}},
    "root": {"level": "INFO", "handlers": ["lines"]},
    "loggers": {"gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True}},
}

SAVE_SECONDS = 2
DRAIN_SECONDS = 2
# gunicorn's own number for an application that cannot be loaded: it ends the server, a new worker would do no better.
NOT_PREPARED = 4


def on_starting(server: Any) -> None:
    """Refuses to be the second server on a data folder with its database in it: each would take the other's answers for lost.

    The master, which looks once a second, must not end a worker for having been stopped along with it.
    """
    server.murder_workers = sparing(server.murder_workers, 1.0)
    # One that is started anew by signal has the lock already.
    if our_config.database_url.startswith("sqlite") and not server.master_pid:
        try:
            instance.hold(our_config.data_dir)
        except instance.Taken as error:
            sys.exit(str(error))
        except OSError as error:
            sys.exit(f"DATA_DIR cannot be written to: {error.filename}: {error.strerror}.")


def when_ready(_server: Any) -> None:
    """Without Redis a second worker hears of none of the first one's answers: gunicorn's signal for one more is not heard."""
    if not our_config.redis_url:
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)


def pre_fork(_server: Any, _worker: Any) -> None:
    """What the master has stays, here and in its workers: whoever looked through it for garbage would copy every page of it."""
    gc.freeze()


def post_fork(_server: Any, _worker: Any) -> None:
    instance.let_go()
    # What is imported from here on stays. It is looked through once, when all of it is there, and not ten times on the way.
    gc.disable()


def post_worker_init(worker: Any) -> None:
    """Takes over the signals, then recovers what a dead process left behind and starts the loops."""
    # Only now, in the worker, is everything patched.
    import gevent
    from gevent import monkey

    from webapp.db import DAMAGED
    from webapp.db_state import OLD_SCHEMA, trouble_with_database
    from webapp.heavy.threads import set_aside
    from webapp.rendering.code import at_first_code, warm_up
    from webapp.streaming.common import UNLIKE

    with worker.wsgi.app_context():
        if (trouble := trouble_with_database()) in (OLD_SCHEMA, DAMAGED):
            print(trouble, file=sys.stderr)  # noqa: T201  the last words of a server that does not start
            sys.exit(NOT_PREPARED)
    engine = worker.wsgi.extensions["engine"]
    if engine.shared and (differs := engine.shared.agreement.looked()):
        print(UNLIKE.format(differs), file=sys.stderr)  # noqa: T201  the last words of a server that does not start
        sys.exit(NOT_PREPARED)
    is_stopping = False

    def stop() -> None:
        try:
            engine.finish(seconds=SAVE_SECONDS)
            engine.wait_closed(DRAIN_SECONDS)
        finally:
            worker.alive = False
        # gunicorn itself would look once a second and wait out `keepalive` for every stream.
        sys.exit(0)

    def on_signal(*_: object) -> None:
        # A handler runs in whatever greenlet is current and must not block it.
        nonlocal is_stopping
        if not is_stopping:
            is_stopping = True
            gevent.spawn(stop)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, on_signal)
    engine.begin()
    with worker.wsgi.app_context():
        for resume in worker.wsgi.extensions["resumes"]:
            resume()
    # What is there now stays: to look through all of it for garbage would stop every answer for a quarter of a second.
    Collector().begin()
    give_back_what_was_large()
    # Where there is code, Scala may follow; in a server without, it would be 2 MB.
    at_first_code.append(partial(set_aside, gevent.get_hub(), warm_up))
    worker.wsgi.extensions["watchdog"].begin(gevent.get_hub().loop, monkey.get_original)


def worker_int(worker: Any) -> None:
    """Reached only through --reload: the signals are ours."""
    worker.wsgi.extensions["engine"].finish(seconds=SAVE_SECONDS)
