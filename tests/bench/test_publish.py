"""Measured figures get into the documents by a command, and name the version in which they were found."""

import re
from pathlib import Path

import pytest

from bench.cli import bench
from bench.publish import DOCUMENT, publish
from bench.verdict import Bar, Verdict
from webapp.base.version import VERSION

TABLE = re.compile(r"^`flask bench (\w+)` found in version ([\d.]+), on \d+ cores", re.MULTILINE)
IS_FIGURE = re.compile(r"\d (ms|MB|KB|s|times)\b")
IS_OF_VERSION = re.compile(r"\(\d+\.\d+\.\d+\)|found in version \d+\.\d+\.\d+")


def test_a_result_replaces_the_one_before(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    old = "Before.\n\n`flask bench {}` found in version 0.1.0, on 1 cores:\n\n| | at most | found |\n| old | 1 | 1 |\n\nAfter.\n"
    document.write_text(old.format("page") + old.format("stream"))

    publish("page", Verdict([Bar("a chat", 6.614, 12, " ms"), Bar("the relay", 54, None)], ["others were busy"]), document)

    text = document.read_text()
    assert f"`flask bench page` found in version {VERSION}, on " in text
    assert "cores; its times are unreliable, as others were busy:\n" in text
    assert "\n| a chat | 12 ms | 6.61 ms |\n| the relay |  | 54 |\n\nAfter.\n" in text
    assert old.format("stream") in text


def test_a_result_without_its_place_is_refused(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text("Nothing.\n")
    with pytest.raises(ValueError, match=r"performance\.md has 0 tables of `flask bench page`\."):
        publish("page", Verdict([]), document)


def test_published_tables_are_of_commands_and_of_versions_that_exist() -> None:
    changes = Path(DOCUMENT.parent.parent, "CHANGELOG.md").read_text()
    found = TABLE.findall(DOCUMENT.read_text())
    assert {name for name, _ in found} >= {"stream", "page"}
    for name, version in found:
        assert name in bench.commands
        assert f"\n## {version}\n" in changes


def test_every_part_with_figures_names_their_version() -> None:
    parts = DOCUMENT.read_text().split("\n## ")[1:]
    figures = [part for part in parts if IS_FIGURE.search(part) and not part.startswith("Against")]
    assert len(figures) > 4
    assert [part.partition("\n")[0] for part in figures if not IS_OF_VERSION.search(part)] == []
