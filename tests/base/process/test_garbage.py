"""Long-lived objects are frozen, so that garbage collections don't traverse them again and again."""

import subprocess
import sys

from tests.support.source import ROOT

STAGE = """
import gc
from webapp.base.process.memory import MOST_TIMES, Collector

gc.disable()
Collector(long_seconds=0, warm_ups=1).begin()
print(len(gc.get_objects()))
loaded = [[] for _ in range(10_000)]
gc.collect(1)
print(len(gc.get_objects()))
stays = [[] for _ in range(10_000)]
gc.collect(1)
print(len(gc.get_objects()) >= 10_000)
gc.collect()
print(len(gc.get_objects()))
for _ in range(MOST_TIMES):
    gc.collect()
stays += [[] for _ in range(10_000)]
gc.collect()
print(len(gc.get_objects()) >= 10_000)
"""


def test_what_the_start_loads_and_what_outlives_a_long_collection_is_frozen_a_few_times() -> None:
    done = subprocess.run([sys.executable, "-c", STAGE], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    first, warm, is_new, then, is_left = done.stdout.split()

    assert int(first) < 1_000
    assert int(warm) < 1_000
    assert (is_new, is_left) == ("True", "True")
    assert int(then) < 1_000
