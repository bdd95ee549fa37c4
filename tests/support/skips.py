"""With `CI=true` in the environment a skipped test fails the run: a test that does not run proves nothing."""

import os

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> object:
    if os.environ.get("CI") == "true" and session.exitstatus == pytest.ExitCode.OK and skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if os.environ.get("CI") == "true":
        for report in skipped(config):
            terminalreporter.write_line(f"SKIPPED, which CI does not allow: {report.nodeid}", red=True)


def skipped(config: pytest.Config) -> list[pytest.TestReport | pytest.CollectReport]:
    """Returns what was skipped, including whole files."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    found: list[pytest.TestReport | pytest.CollectReport] = reporter.stats.get("skipped", []) if reporter else []
    return found
