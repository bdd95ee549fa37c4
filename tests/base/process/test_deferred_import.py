"""A deferred module is executed when it is first used, and then behaves as if it had been imported."""

import subprocess
import sys

from webapp.base.process.deferred_import import defer_import

DEFERRED = """
import sys
from webapp.base.process.deferred_import import defer_import
defer_import("asyncio")
"""
USED = """
import asyncio
import asyncio as again
assert "asyncio.queues" not in sys.modules
assert asyncio.Queue and again is asyncio is sys.modules["asyncio"]
assert "asyncio.queues" in sys.modules
from asyncio import Lock
asyncio.run(asyncio.sleep(0))
"""


def run(script: str) -> None:
    subprocess.run([sys.executable, "-c", DEFERRED + script], check=True, timeout=60)


def test_it_is_executed_when_it_is_used() -> None:
    run(USED)


def test_a_submodule_can_be_imported_first() -> None:
    run("from asyncio.queues import Queue")


def test_what_is_imported_already_stays_as_it_is() -> None:
    known = sys.modules["subprocess"]
    defer_import("subprocess")
    assert sys.modules["subprocess"] is known


def test_a_module_that_does_not_exist_is_still_missing() -> None:
    defer_import("no_such_module")
    assert "no_such_module" not in sys.modules
