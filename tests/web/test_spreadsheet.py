"""Tables for spreadsheets, and paginated lists."""

import csv
import io
from dataclasses import dataclass

import pytest
from hypothesis import given, strategies as st

from webapp.web.downloads import FORMULA, NUMBER, csv_text, harmless
from webapp.web.pagination import cut


@pytest.mark.parametrize("cell", ["=1+1", "+1+1", "-1-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1"])
def test_what_would_be_computed_is_text(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "a", "1", "+1", "-1", "-3.5%", "a=b", "ann@example.org", "2026-11-20 08:00:00", "…"])
def test_what_is_harmless_stays(cell: str) -> None:
    assert harmless(cell) == cell


@pytest.mark.slow
@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=2, max_size=2)))
def test_every_cell_comes_back_and_none_is_a_formula(rows: list[list[str]]) -> None:
    read = list(csv.reader(io.StringIO(csv_text(["a", "b"], rows).removeprefix("\ufeff"), newline="")))

    assert read == [["a", "b"], *([harmless(cell) for cell in row] for row in rows)]
    assert not [cell for row in read for cell in row if cell.strip().startswith(FORMULA) and not NUMBER.fullmatch(cell)]


@dataclass
class Row:
    id: str


def test_a_list_is_cut_into_pages() -> None:
    rows = [Row("c"), Row("b"), Row("a")]

    assert cut(rows, 2) == (rows[:2], "b")
    assert cut(rows, 3) == (rows, "")
    assert cut([], 3) == ([], "")
