"""`flask bench against` measures another commit beside this code, and says what has become dearer."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.against import LINES, cost_bar, rows
from bench.checkouts import commit_of
from tests.deploy.test_release import tree as tree


@pytest.mark.parametrize(
    ("key", "before", "now", "holds"), [("api", 2, 2.1, True), ("api", 2, 2.11, False), ("start", 0.1, 0.14, True)]
)
def test_what_is_dearer_by_more_than_a_twentieth_does_not_hold(key: str, before: float, now: float, holds: bool) -> None:
    assert cost_bar(key, before, now).holds == holds


def test_a_row_has_the_medians_of_both_and_their_ratio() -> None:
    heading, row = rows({"before": {"api": [1, 2, 9]}, "now": {"api": [3, 3, 1]}}, "0badcafe")
    assert heading.split() == ["0badcafe", "now", "ratio"]
    assert (row.split()[-3:], row.startswith(LINES["api"].words)) == (["2.00", "3.00", "1.50"], True)


def test_a_commit_that_there_is_not_is_said() -> None:
    with pytest.raises(ValueError, match="There is no commit --upload-pack"):
        commit_of("--upload-pack")


@pytest.mark.slow
def test_another_commit_is_set_up_and_measured(tree: Path) -> None:
    """In a process of its own, as the bench runs event loops."""
    words = [sys.executable, "-m", "flask", "bench", "against", "HEAD", "start", "--rounds", "1"]
    done = subprocess.run(words, cwd=tree, capture_output=True, text=True, check=False)
    # Whatever a busy machine makes of it.
    assert re.search(r"^(holds|does not hold) +second start: \d", done.stdout, re.MULTILINE), done.stdout + done.stderr
    assert list((tree / ".bench").glob("*/webapp/app.py"))
