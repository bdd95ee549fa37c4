"""Says a line as each test file ends, and failures at once with their text: `pytest -p tests.support.progress`.

With `FILE_TIMES` in the environment the time of each file is also written to that file, for the slowest of all parts.
"""

import os
import time
from collections import Counter
from pathlib import Path

import pytest

_counts: Counter[str] = Counter()
_began = time.monotonic()


@pytest.hookimpl(wrapper=True)
def pytest_report_teststatus() -> object:
    """Leaves out the dots; the counts at the end stay."""
    category, *_ = yield
    return category, "", ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> object:
    done = yield
    if nextitem is None or nextitem.path != item.path:
        _say_file(item)
    return done


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        _counts["failed"] += 1
        sections = "".join(f"\n--- {name}\n{text}" for name, text in report.sections)
        print(f"FAILED {report.nodeid} ({report.when})\n{report.longreprtext}{sections}", flush=True)
    elif report.when == "call" or report.skipped:
        _counts[report.outcome] += 1


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """The text of failed tests has been printed; that of files that can't be collected has not."""
    if session.testscollected and not session.config.option.collectonly and _is_run(session):
        session.config.option.tbstyle = "no"


def _is_run(session: pytest.Session) -> bool:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    return reporter is not None and all(report.when for report in reporter.stats.get("error", []) if hasattr(report, "when"))


def _say_file(item: pytest.Item) -> None:
    global _began
    seconds, name = time.monotonic() - _began, item.nodeid.partition("::")[0]
    counts = ", ".join(f"{_counts[outcome]} {outcome}" for outcome in ("failed", "passed", "skipped") if _counts[outcome])
    print(f"{name} {counts} {seconds:.1f} s", flush=True)
    if "FILE_TIMES" in os.environ:
        with Path(os.environ["FILE_TIMES"]).open("a") as times:
            times.write(f"{seconds:8.1f} s  {name}\n")
    _counts.clear()
    _began = time.monotonic()
