"""The memory of large texts is returned to the system, whatever small objects are allocated between them."""

import subprocess
import sys

from tests.support.source import ROOT

# As in an export: first a very large text, then many of medium size, each followed by a small one that is kept.
STAGE = """
from webapp.base.process.memory import tune_malloc

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

tune_malloc()
for _ in range(3):
    bytes(b"x" * 30_000_000)
before = resident()
kept, large = [], []
for number in range(200):
    large.append(b"x" * 400_000)
    kept.append(b"y" * 40_000)
grown = resident() - before
large.clear()
print(grown, resident() - before)
"""


def test_what_was_large_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", STAGE], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    grown, left = map(int, done.stdout.split())

    assert grown > 80_000_000
    # 8 MB are kept.
    assert left < 30_000_000
