"""Citations: which become links, which disappear, which stay as written, and that a growing text ends the same."""

import re

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.rendering.corpus import Page, cut, sizes, texts
from tests.support.speed import takes_at_most
from webapp.rendering.citations import FULL_WIDTH
from webapp.rendering.footnotes import as_written, scoped
from webapp.rendering.markdown import GrowingMarkdown, render
from webapp.rendering.text import plain

CHIP = re.compile(r'<a class="cite" href="/messages/m1/sources\?number=(\d+)" title="Source \1" data-panel>\1</a>')
KNOWN = (2, 5)
MARKS = [
    "[2]",
    " [2, 5]",
    "[2][5]",
    "【2】",
    " 【5†a.pdf】",
    "[7]",
    "【9】",
    "`[2]`",
    "[",
    "2",
    "]",
    "【",
    " word ",
    "\n",
    "[2](",
    "(x)",
]


def drawn(text: str, known: tuple[int, ...] = KNOWN) -> str:
    return scoped(render(text, cited=known), "m1")


def chips(text: str) -> list[int]:
    return [int(number) for number in CHIP.findall(drawn(text))]


def test_a_chip_stays_on_the_line_of_the_word_before_it() -> None:
    for text in ("So it is [2].", "So it is 【2】."):
        assert "is&nbsp;<a" in drawn(text)
    assert "&nbsp;" not in drawn("[2] [5] It is.")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("So it is [2].", [2]),
        ("So it is [2, 5] and [5,2].", [2, 5, 5, 2]),
        ("So it is [2][5].", [2, 5]),
        ("So it is 【2】, also 【5†pumps.pdf】.", [2, 5]),
        ("**[2]** and _[5]_", [2, 5]),
        ("| a [2] |\n|---|\n| [5] |\n", [2, 5]),
        ("# Head [2]\n\n- item [5]\n\n> [2]", [2, 5, 2]),
        # A link definition by the model must not turn a citation into a link to another site.
        ("It is [2].\n\n[2]: https://example.org", [2]),
        ("It is [2, 9].", [2]),
    ],
)
def test_numbers_of_sources_become_chips(text: str, numbers: list[int]) -> None:
    assert chips(text) == numbers
    assert "[" not in drawn(text)
    assert "【" not in drawn(text)


@pytest.mark.parametrize(
    "text", ["`[2]`", "```\n[2] 【2】\n```", "    [2]", "[2](https://example.org)", "[x]", "[-2]", "[1234]", "【a】"]
)
def test_what_is_no_citation_stays_as_it_was_written(text: str) -> None:
    assert not chips(text)
    assert drawn(text) == scoped(render(text), "m1")


@pytest.mark.parametrize("text", ["It is so [7].", "It is so [7][9].", "It is so 【7】.", "It is so [8, 9] 【1】."])
def test_unknown_numbers_vanish(text: str) -> None:
    assert drawn(text) == "<p>It is so.</p>\n"


def test_without_sources_brackets_are_brackets() -> None:
    assert render("a[2] 【2】") == "<p>a[2] 【2】</p>\n"


def test_nothing_else_is_led_to_by_a_chip() -> None:
    assert as_written(drawn("It is [2, 5].")) == "<p>It is [2][5].</p>\n"
    assert scoped(render("It is [2].", cited=KNOWN), "") == "<p>It is [2].</p>\n"
    assert plain("It is [2].") == "It is [2]."


@pytest.mark.parametrize(
    "text",
    [
        "[2]<script>alert(1)</script>",
        "[2](javascript:alert(1))",
        "【2†<img src=//evil.example/x>】",
        "[2]![x](//evil.example/p.png)",
        "<a class=cite href=//evil.example>2</a>",
        "[2\u202e]",
        "\ue000cite-32\ue001 [2]",
    ],
)
def test_hostile_text_makes_no_chip_of_its_own(text: str) -> None:
    html = drawn(text)

    assert not re.search("<(script|img)", html)
    assert set(re.findall('href="([^"]*)"', html)) <= {"/messages/m1/sources?number=2"}


def check(text: str, sizes: list[int]) -> None:
    growing, page = GrowingMarkdown(scope="m1"), Page()
    growing.cite(KNOWN)
    for piece in cut(text, sizes):
        page.apply(growing.feed(piece))
        assert growing.snapshot() == page.html
    assert growing.finish().html == drawn(text)


@pytest.mark.mostly_slow
@pytest.mark.parametrize(
    "text", ["A [2] b [2, 5]. C 【5†x】 d [7] e.\n\nNext [5]\n\n- `[2]` [2](x)\n", "a [2]: b\n[5]: https://x.org\n\nc [5]"]
)
def test_it_ends_the_same_at_every_cut(text: str) -> None:
    for at in range(1, len(text)):
        check(text, [at, len(text)])
        check(text[:at], [1])


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(st.sampled_from(MARKS), texts(2)), max_size=12), sizes)
def test_it_ends_as_the_rendering_of_the_whole(parts: list[str], sizes: list[int]) -> None:
    check("".join(parts), sizes)


def test_a_long_row_of_blanks_is_looked_at_once():
    # It used to take quadratic time, which was a minute.
    with takes_at_most(5):
        assert FULL_WIDTH.sub("", f"【{' ' * 200_000}a \t【2】") == f"【{' ' * 200_000}a"
