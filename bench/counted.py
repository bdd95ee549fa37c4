"""Configuration of gunicorn with workers that report counts, for `gunicorn --config python:bench.counted`.

At each SIGUSR1, a worker writes how many greenlets it has and how many database connections are checked out.
"""

import gc
import json
import os
import runpy
import signal
from pathlib import Path
from typing import Any

ours = runpy.run_path("gunicorn.conf.py")
globals().update({name: value for name, value in ours.items() if not name.startswith("_") and name != "ours"})


def post_worker_init(worker: Any) -> None:
    # Imported late: only in the worker is everything patched.
    from webapp.base.db import db

    ours["post_worker_init"](worker)
    file = Path(ours["our_config"].data_dir, f"counted-{os.getpid()}")

    def count(*_: object) -> None:
        with worker.wsgi.app_context():
            taken = db.engine.pool.checkedout()  # type: ignore[attr-defined]
        alive = sum(_is_greenlet(type(each)) and not each.dead for each in gc.get_objects())
        file.with_suffix(".new").write_text(json.dumps({"greenlets": alive, "connections": taken}))
        file.with_suffix(".new").rename(file)

    signal.signal(signal.SIGUSR1, count)
    signal.siginterrupt(signal.SIGUSR1, False)


def _is_greenlet(kind: type) -> bool:
    # Compared by name, because only the application may import gevent.
    return any(each.__name__ == "Greenlet" for each in kind.__mro__)
