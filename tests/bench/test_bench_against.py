"""`flask bench against` measures another commit beside this code, and says what has become dearer."""

import shutil
import subprocess

import pytest

from bench.against import LINES, PROBES, cost_bar, rows
from bench.checkouts import PLACE, checked_out, commit_of
from bench.servers import HERE
from webapp.base.config import ROOT


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
def test_another_commit_is_set_up_and_measured() -> None:
    commit = commit_of("HEAD")
    there = checked_out(commit)
    try:
        changed = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert ".bench" not in changed
        assert (there.folder / "webapp/app.py").exists()
        assert there.folder != HERE.folder
        counts = PROBES["statements"](there, [])
    finally:
        shutil.rmtree(PLACE / commit)
    assert all(5 < count < 100 for count in counts.values())
