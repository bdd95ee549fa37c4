"""Configuration of gunicorn with a sampling profiler, for `gunicorn --config python:bench.sampled`.

The first SIGUSR1 starts it; each further one writes the samples since the previous one.
"""

import json
import runpy
import signal
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from bench.stages import FILE, place_of

# In CPU time, so that waiting is not counted; the system rounds it up to its clock tick.
EVERY_SECONDS = 0.001
ours = runpy.run_path("gunicorn.conf.py")
globals().update({name: value for name, value in ours.items() if not name.startswith("_") and name != "ours"})


def post_worker_init(worker: Any) -> None:
    ours["post_worker_init"](worker)
    file, counts = Path(ours["our_config"].data_dir, FILE), Counter[str]()

    def sample(_number: int, frame: FrameType | None) -> None:
        counts[place_of(frame)] += 1

    def turn(*_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, EVERY_SECONDS, EVERY_SECONDS)
        file.with_suffix(".new").write_text(json.dumps(counts))
        file.with_suffix(".new").rename(file)
        counts.clear()

    signal.signal(signal.SIGPROF, sample)
    signal.siginterrupt(signal.SIGPROF, False)
    signal.signal(signal.SIGUSR1, turn)
