"""A skipped test fails a CI run, and no other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.source import ROOT

SKIPS = {
    "a test": "import pytest\ndef test_it(): pytest.skip('no')\ndef test_other(): pass\n",
    "a file": "import pytest\npytest.skip('no', allow_module_level=True)\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("text", SKIPS.values(), ids=SKIPS.keys())
def test_what_is_skipped_fails_a_run_of_ci_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "test_some.py").write_text(text, "utf-8")
    (tmp_path / "test_whole.py").write_text("def test_it(): pass\n", "utf-8")

    assert run(tmp_path, "").returncode == 0
    done = run(tmp_path, "true")
    assert done.returncode == 1
    assert "SKIPPED, which CI does not allow: " in done.stdout


def run(folder: Path, ci: str) -> subprocess.CompletedProcess[str]:
    options = ["-q", "-p", "no:cacheprovider", "-p", "tests.support.skips", "--rootdir", folder]
    # Without the plugins of other packages, whose imports take longer than these runs.
    environ = {**os.environ, "CI": ci, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", *options, folder]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=180)
