"""The watchdog finds, counts and names code that blocks the event loop, but not code that yields or lacks a processor."""

import subprocess
import sys
from pathlib import Path

import pytest
from jinja2 import Template

from webapp.base.process.watchdog import BLOCKED_SECONDS, LOG_EVERY_SECONDS, stack_lines

ROOT = Path(__file__).resolve().parents[3]
# Runs in a separate process, because the tests themselves block the test process's loop.
STAGE = """
from gevent import monkey; monkey.patch_all()
import gevent, logging, os, pathlib, sys, time
from webapp.base.process.watchdog import Watchdog
logging.basicConfig(format="%(message)s %(fields)s", stream=sys.stdout)
real_sleep = monkey.get_original("time", "sleep")
watchdog = Watchdog()
heard = []
watchdog.listeners.append(heard.append)
starts = []
def later(module, name):
    return (lambda *start: starts.append(start)) if name == "start_new_thread" else monkey.get_original(module, name)

watchdog.begin(gevent.get_hub().loop, {original})
gevent.sleep(0.1)

def busy_for(seconds):
    began = time.thread_time()
    while time.thread_time() < began + seconds:
        pass

def wakes():
    # How often the other threads of this process have gone to sleep.
    files = [file / "status" for file in pathlib.Path("/proc/self/task").iterdir() if file.name != str(os.getpid())]
    return sum(int(file.read_text().partition("\\nvoluntary_ctxt_switches:")[2].split()[0]) for file in files)

{does}
gevent.sleep(0.01)
print(watchdog.times, round(watchdog.seconds, 1), len(heard))
"""


# The watchdog's thread starts only while the loop is already blocked.
LATE = """
def hold():
    monkey.get_original("_thread", "start_new_thread")(*starts[0])
    real_sleep(4)

gevent.spawn(hold).join()
"""


def played(does: str, original: str = "monkey.get_original") -> list[str]:
    """Returns the lines that such a process prints; the last one contains its counts."""
    stage = STAGE.format(does=does, original=original)
    done = subprocess.run([sys.executable, "-c", stage], cwd=ROOT, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("does", "where"),
    [
        # Long enough for the watchdog's thread to be scheduled, even on a busy machine.
        ("gevent.spawn(busy_for, 1).join()", "busy_for"),
        ("gevent.spawn(lambda: real_sleep(4)).join()", "lambda"),
        # One C call, which keeps the GIL: no other Python thread can run during it. It must hold the loop for too long by itself.
        ("gevent.spawn(lambda: busy_for(sum(range(150_000_000)) and 0.5)).join()", "lambda"),
        ("for _ in range(7): gevent.spawn(busy_for, 0.15)\ngevent.sleep(0)", "busy_for"),
    ],
    ids=["working", "asleep", "in one piece", "several in a row"],
)
@pytest.mark.mostly_deep(2)
def test_who_holds_the_loop_is_named_once_and_counted(does: str, where: str) -> None:
    *lines, counts = played(does)

    assert len(lines) == 1
    assert lines[0].startswith("loop_held")
    assert where in lines[0]
    times, seconds, heard = counts.split()
    assert (times, heard) == ("1", "1")
    assert float(seconds) >= BLOCKED_SECONDS


@pytest.mark.slow
def test_a_turn_that_began_before_anybody_looked_on_is_looked_at() -> None:
    *lines, counts = played(LATE, "later")

    assert len(lines) == 1
    assert "hold" in lines[0]
    assert counts.startswith("1 ")


@pytest.mark.slow
@pytest.mark.parametrize(
    "does",
    [
        "gevent.sleep(0.5)",
        "for _ in range(10): busy_for(0.05); gevent.sleep(0.001)",
        "gevent.get_hub().threadpool.apply(real_sleep, (0.5,))",
    ],
    ids=["waiting", "in pieces", "in a thread"],
)
@pytest.mark.mostly_deep
def test_who_lets_the_others_go_on_is_not(does: str) -> None:
    assert played(does) == ["0 0.0 0"]


def test_of_libraries_only_the_innermost_place_is_named() -> None:
    found: list[str] = []

    def deep() -> None:
        # Through a template, so that the stack contains many library frames.
        Template("{% for one in [1] %}{{ go() }}{% endfor %}").render(go=lambda: found.append(stack_lines(sys._getframe())))

    deep()

    first, *others = found[0].split(" < ")
    assert first.startswith("tests/base/process/test_watchdog.py:")
    assert others[0].startswith("tests/base/process/test_watchdog.py:")
    assert others[0].endswith("deep")
    assert not any("site-packages" in other or "python3" in other for other in others)


@pytest.mark.slow
def test_a_log_is_not_filled_with_one_line() -> None:
    began, four_times = "began = time.monotonic()", "for _ in range(4): gevent.spawn(busy_for, 0.25).join(); gevent.sleep(0.001)"
    *lines, passed, counts = played(f"{began}\n{four_times}\nprint(time.monotonic() - began)")

    # On a busy machine a second of work can take many.
    assert 1 <= len(lines) <= 1 + float(passed) / LOG_EVERY_SECONDS
    assert counts.startswith("4 1")


@pytest.mark.slow
def test_the_thread_sleeps_while_the_loop_waits() -> None:
    *looks, counts = played("before = wakes()\ngevent.sleep(3)\nprint(wakes() - before)")

    # It would be sixty if the thread polled; a busy machine wakes it a few times for other reasons.
    assert int(looks[0]) <= 15
    assert counts == "0 0.0 0"
