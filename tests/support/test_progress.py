"""A run says a line as each file ends, and a failure once, with its text."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.source import ROOT


@pytest.mark.slow
def test_each_file_has_a_line_and_failures_their_text(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text("def test_it(): pass\ndef test_other(): assert 1 == 2\n", "utf-8")
    options = ["-q", "-p", "no:cacheprovider", "-p", "tests.support.progress", "--rootdir", tmp_path]
    times = tmp_path / "times"
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "FILE_TIMES": str(times)}
    command = [sys.executable, "-m", "pytest", *options, tmp_path]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=180)
    assert done.returncode == 1
    assert "\ntest_some.py 1 failed, 1 passed " in done.stdout
    assert done.stdout.count(">   def test_other(): assert 1 == 2") == 1
    assert "test_some.py" in times.read_text("utf-8")
