"""Work is proportional to the text, and hostile texts are bounded in time, size and depth."""

from time import thread_time

import gevent
import pytest

from tests.rendering.corpus import cut
from tests.rendering.rules import Fragment
from tests.support.marks import few_of
from tests.support.speed import slowness, takes_at_most
from tests.support.turns import nobody_waits
from webapp.rendering.blocks import LINE_CHARS, LONG_BLOCK_CHARS, MAX_CELLS, MAX_CELLS_PER_TABLE, MAX_COLUMNS, ROW_CELLS
from webapp.rendering.markdown import PIECE_CHARS, PIECE_LINES, GrowingMarkdown, pieces, render, rendering
from webapp.rendering.markdown_rules import MAX_ADDRESS_CHARS

MIXED = "Some *words* and `code` in a line.\n\n- one\n- two\n\n```py\nx = 1\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
UNITS = {
    "mixed": MIXED,
    "list": "- an item with **words** in it\n",
    "numbers": "1. a\n\n   b\n",
    "table": "| a | b |\n|---|---|\n",
    "quotation": "> words\n",
    "lines": "some words without an end\n",
    "one line": "some *words* without an end ",
    "code": "x = 1\n",
    "definitions": "[a]: https://example.org/\n",
    "blank": "\n",
}
HOSTILE = {
    "brackets": "[",
    "link ends": "](",
    "images": "![",
    "emphasis": "*a",
    "strong": "**a ",
    "strikes": "~~a",
    "quotations": "> ",
    "lists": "- ",
    "items": "- a\n",
    "quoted and not": "> a\n- b\n",
    "backticks": "` `` ``` ",
    "entities": "&",
    "tags": "<a ",
    "autolinks": "<http:a>",
    "addresses": "http://a ",
    "titles": "[a]: b '\n",
    "half a table": "a\n|-\n",
    "tasks": "- [ ] a\n",
    "right to left": "- א\n",
    "fences in items": "- ```\n",
    "escapes": "\\",
    "marks": "\u0301\u0327",
    "rows": "|\n",
    "cells": "|a",
    "blank": " ",
    "lines": "\n",
}
CHARS = 10_000


def work(unit: str, chars: int, start: str = "") -> int:
    """Returns the number of characters rendered for a text that arrives in pieces of 50."""
    growing = GrowingMarkdown()
    for piece in cut(start + unit * (chars // len(unit)), [50]):
        growing.feed(piece)
    return growing.rendered_chars


@pytest.mark.slow
@pytest.mark.parametrize("name", few_of(UNITS, 3))
def test_twice_the_text_is_at_most_about_twice_the_work(name: str) -> None:
    start = {"code": "```py\n", "table": "| a | b |\n|---|---|\n"}.get(name, "")
    once, twice = (work(UNITS[name], chars, start) for chars in (4_000, 8_000))
    assert twice <= 2.5 * once + 2_000
    assert twice <= 60 * 8_000


def test_an_open_fence_is_rendered_once() -> None:
    assert work("x = 1\n", 60_000, "```\n") < 100


@pytest.mark.slow
def test_an_open_fence_of_one_line_costs_its_length() -> None:
    growing = GrowingMarkdown()
    with takes_at_most(3):
        for piece in cut("```\n" + "x" * 400_000, [4]):
            growing.feed(piece)
    assert growing.rendered_chars < 100


@pytest.mark.mostly_slow
@pytest.mark.parametrize("name", few_of(HOSTILE, 6))
def test_no_hostile_text_takes_long(name: str) -> None:
    text, growing, slowest = HOSTILE[name] * (CHARS // len(HOSTILE[name])), GrowingMarkdown(), 0.0
    for piece in cut(text, [4_000]):
        start = thread_time()
        growing.feed(piece)
        slowest = max(slowest, thread_time() - start)
    # Measured 0.15 s at most on an idle machine. Once for all pieces, as telling the speed takes longer than most of them.
    assert slowest / slowness() < 2
    with takes_at_most(2):
        html = render(text)
    assert len(html) <= 64 * len(text) + 65_536
    assert not [element.depth for element in Fragment(html).elements if element.depth > 256]
    assert growing.finish().html == html


def test_a_wide_table_is_a_paragraph() -> None:
    columns = MAX_COLUMNS + 1
    assert render("|a" * columns + "\n" + "|-" * columns + "\n" + "|\n" * 100).startswith("<p>|a")


def test_a_table_has_so_many_cells_and_the_rest_is_text() -> None:
    html = render("|a" * 50 + "\n" + "|-" * 50 + "\n" + "|\n" * 500)
    assert html.count("<td") + html.count("<th>") == 50 * (MAX_CELLS_PER_TABLE // (50 + ROW_CELLS))
    assert "</a><p>|\n|" in html


@pytest.mark.slow
def test_many_tables_share_one_limit() -> None:
    html = render(("|a" * 50 + "\n" + "|-" * 50 + "\n" + "|\n" * 100 + "\n") * 10)
    assert html.count("<td") < MAX_CELLS
    # The last table gets the cells that are left.
    assert html.count("<table>") == 1 + MAX_CELLS // (50 * (MAX_CELLS_PER_TABLE // (50 + ROW_CELLS)))


@pytest.mark.slow
def test_a_table_of_one_column_has_fewer_cells() -> None:
    html = render("|a|\n|-|\n" + "|*b*|\n" * 3_000)
    assert html.count("<tr>") == MAX_CELLS_PER_TABLE // (1 + ROW_CELLS)


def test_one_definition_cannot_be_multiplied_without_end() -> None:
    text = f"[a]: https://example.org/{'x' * 5_000}\n\n" + "[a]\n\n" * 1_000
    assert len(render(text)) < 5 * MAX_ADDRESS_CHARS
    assert render(text).endswith("<p>a</p>\n")


@pytest.mark.slow
def test_the_limits_are_the_same_for_a_text_that_grows() -> None:
    table = "|a" * 40 + "\n" + "|-" * 40 + "\n" + "|\n" * 90 + "\n"
    text = f"[a]: https://example.org/{'x' * 5_000}\n\n" + (table + "[a] https://example.org/é\n\n" * 5) * 7
    growing = GrowingMarkdown()
    for piece in cut(text, [2_000]):
        growing.feed(piece)
    sealed = "".join(growing.sealed)
    assert growing.finish().html == render(text)
    assert render(text).startswith(sealed)


@pytest.mark.parametrize(
    ("unit", "tag"), [("- some words of an item\n", "ul"), ("1. some words\n", "ol"), ("> some words\n", "blockquote")]
)
def test_a_long_block_goes_on_as_another(unit: str, tag: str) -> None:
    count = 2 * LONG_BLOCK_CHARS // len(unit) - 1
    html = render(unit * count)
    assert html.count(f"<{tag}") == 2
    assert html.count("</li>") == (0 if tag == "blockquote" else count)


@pytest.mark.parametrize(("unit", "tag"), [("- x\n", "ul"), ("1. x\n", "ol"), ("> a\n", "blockquote")])
def test_a_line_counts_however_short_it_is(unit: str, tag: str) -> None:
    html = render(unit * (2 * LONG_BLOCK_CHARS // LINE_CHARS))

    assert html.count(f"<{tag}") == 2


@pytest.mark.slow
def test_definitions_are_not_gone_through_again_with_every_step() -> None:
    growing = GrowingMarkdown()
    for piece in pieces("".join(f"[{number:x}]: http://a\n" for number in range(40_000))):
        growing.feed(piece)
    with takes_at_most(4):
        for _ in range(2_000):
            growing.feed("Some words\n\n")

    growing.feed("[1d4c]: http://b\n\n[1d4c] and [x]\n\n")
    assert 'href="http://a"' in growing.snapshot().rpartition("<p>")[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit", few_of(["a\n\n", "- x\n", "> \n", "[a]: b\n", "1. x\n", "# a\n", "> - > - > -\n", "a\n", "```\n```\n"], 2)
)
def test_no_piece_of_many_short_lines_takes_long(unit: str) -> None:
    text, growing = unit * (60_000 // len(unit)), GrowingMarkdown()
    assert "".join(pieces(text)) == text
    with nobody_waits():
        for piece in pieces(text):
            growing.feed(piece)
            gevent.sleep(0)

    assert growing.finish().html == render(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb", ["a\nb"]),
        ("a\n" * (PIECE_LINES + 1) + "b", ["a\n" * PIECE_LINES, "a\nb"]),
        ("a" * PIECE_CHARS + "\nb", ["a" * PIECE_CHARS, "\nb"]),
        ("a\n" + "b" * PIECE_CHARS, ["a\n", "b" * PIECE_CHARS]),
    ],
    ids=["short", "many lines", "a long line", "a long line behind a short one"],
)
def test_a_long_text_is_cut_between_its_lines(text: str, expected: list[str]) -> None:
    assert list(pieces(text)) == expected


def test_a_long_list_goes_on_with_its_number() -> None:
    items = "".join(f"{number}. words of a longer item\n    - and one below\n" for number in range(1, 150))
    html = render(items)
    assert html.count("<ol") == 2
    assert '<ol start="' in html
    assert html.count("<code>") == 0


def test_a_line_without_end_is_shown_as_it_is() -> None:
    assert render("*a* " * 5_000) == f"<p>{('*a* ' * 5_000).strip()}</p>\n"


def test_a_heap_of_brackets_is_shown_as_it_is() -> None:
    assert render("[a](https://example.org) " * 150).count("<a ") == 150
    heap = "![" * 400 + "](/x)" * 400
    assert render(heap) == f"<p>{heap}</p>\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    few_of(
        [
            "![\n",
            "![" * 700 + "](x)" * 700 + "\n\n",
            "> - > - ! ",
            "[",
            "*_*_*_",
            "|x|y|\n",
            "\n",
            "a\n\n",
            "a\n",
            "# a\n",
            "[a]: /u\n",
        ]
        + ["<details>" + " " * 20_000 + "x\n", "<details>" + "<summary></summary>" + "\t" * 20_000 + "x\n"]
        + ["```python\n((((\n```\n", "e\u0301\u0302", "&amp;", "x", "<a b='", "|a" * 10_000 + "|\n" + "|-" * 10_000 + "|\n"],
        3,
    ),
)
def test_no_piece_of_a_hostile_text_takes_long(unit: str) -> None:
    with nobody_waits(1):
        for _ in rendering("|a|b|\n|-|-|\n" * (unit == "|x|y|\n") + unit * (100_000 // len(unit))):
            gevent.sleep(0)
