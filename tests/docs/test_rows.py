"""The table of requirements: every row is there, and every test that it names exists."""

import ast
import re
from functools import cache

import pytest

from tests.support.source import ROOT

TEXT = (ROOT / "tests" / "docs" / "rows.md").read_text("utf-8")
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)))
ROW = re.compile(r"S4\.(\d+)(?:–S4\.(\d+))?")
ROWS = range(1, 79)


@cache
def functions(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize(("file", "name"), TESTS)
def test_every_test_that_is_named_exists(file: str, name: str) -> None:
    assert name in functions(file) if name else functions(file)


def test_every_row_is_there_once_with_a_test() -> None:
    found: list[int] = []
    for line in re.findall(r"^\| (S4[^|]*)\|[^|]*\|([^|]*)\|$", TEXT, re.MULTILINE):
        assert "`tests/" in line[1], line
        for first, last in ROW.findall(line[0]):
            found += range(int(first), int(last or first) + 1)

    assert sorted(found) == list(ROWS)


def test_what_is_asked_of_documents_is_there_once_with_a_test() -> None:
    found: list[str] = []
    for name, tests in re.findall(r"^\| ((?:K|S3)[^|]*)\|[^|]*\|([^|]*)\|$", TEXT, re.MULTILINE):
        assert "`tests/" in tests, name
        found += name.strip().split(", ")

    assert sorted(found) == sorted([*(f"K{number}" for number in range(1, 11)), "S3.9", *(f"S3.{row}" for row in range(36, 40))])


def test_each_line_of_the_tour_has_a_test() -> None:
    tour = (ROOT / "docs" / "first-ten-minutes.md").read_text("utf-8").partition("## A tour")[2]
    lines = re.findall(r"^\| (?!do this|---)(.*?) \|", tour, re.MULTILINE)
    tested = dict(
        re.findall(r"^\| (?!do this|---)(.*?) \| (.*) \|$", (ROOT / "tests/docs/tour.md").read_text("utf-8"), re.MULTILINE)
    )
    named = [re.findall(r"`(tests/[\w/]+\.py)`", tested[line]) for line in lines]

    assert len(named) >= 15
    assert all(named)
    assert all(functions(file) for files in named for file in files)
    assert all(any(file.startswith(("tests/browser", "tests/settings")) for file in files) for files in named)


def test_every_promise_names_tests_that_exist() -> None:
    promises = (ROOT / "docs" / "reliability.md").read_text("utf-8").partition("## What is promised")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| P(\d+) \|[^|]*\|([^|]*)\|$", promises, re.MULTILINE)

    assert [int(number) for number, _ in rows] == list(range(1, 14))
    files = {number: re.findall(r"`(tests/[\w/]+\.py)`", tests) for number, tests in rows}
    assert [number for number, named in files.items() if not named] == ["13"]
    assert all(functions(file) for named in files.values() for file in named)
