"""Rules of the page's frame do not have to search all messages for their answer."""

import re
from pathlib import Path

import pytest

SHEETS = sorted((Path(__file__).parents[1] / "static" / "css").glob("*.css"))
# Asked of these, `:has` searches again whenever something is added below: it asks for children, or for what stands beside.
WIDE = re.compile(r"\b(?:body|html|main)[^\s{,]*:has\((?!\s*[>+~])|\.(?:frame|page|page__main|thread):has\((?!\s*[>+~])")


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_no_rule_searches_all_of_a_page_that_grows(sheet: Path) -> None:
    assert WIDE.findall(sheet.read_text()) == []


@pytest.mark.parametrize("rule", ["body:has(.dock) a", "html:not(.x):has(p)", ".frame:has(.message)"])
def test_such_a_rule_would_be_found(rule: str) -> None:
    assert WIDE.search(rule)
