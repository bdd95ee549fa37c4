"""Configuration of gunicorn that counts database statements, for `gunicorn --config` with this file's path, in any version.

Each SIGUSR1 writes how many there have been.
"""

import runpy
import signal
from pathlib import Path
from typing import Any

FILE = "statements"
ours = runpy.run_path("gunicorn.conf.py")
globals().update({name: value for name, value in ours.items() if not name.startswith("_") and name != "ours"})


def post_worker_init(worker: Any) -> None:
    # Only in the worker is everything patched.
    from sqlalchemy import Engine, event

    file, count = Path(ours["our_config"].data_dir, FILE), 0

    def add(*_: object) -> None:
        nonlocal count
        count += 1

    def tell(*_: object) -> None:
        file.with_suffix(".new").write_text(str(count))
        file.with_suffix(".new").rename(file)

    event.listen(Engine, "before_cursor_execute", add)
    ours["post_worker_init"](worker)
    signal.signal(signal.SIGUSR1, tell)
