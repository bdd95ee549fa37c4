"""Incremental rendering, compared with rendering the whole text, for every way of cutting it."""

import re
from html import escape

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.rendering.corpus import Page, cut, sizes, texts
from tests.support.rounds import ROUNDS
from webapp.rendering.markdown import CURSOR, VERSION, GrowingMarkdown, Seam, render
from webapp.rendering.sanitise import clean

DRAWN = re.compile(r"<math .*?</math>|<sup .*?</sup> ?| ?<a class=\"(?:to-ref|view)\".*?</a>", re.DOTALL)
LABEL = "continued <14:03>"
calm = st.sampled_from([20, 200, 2_000])


def grown(text: str, sizes: list[int], seams: list[Seam], calm_chars: int = 2_000) -> GrowingMarkdown:
    """Feeds the text in pieces and checks the invariants after each."""
    growing, page = GrowingMarkdown(seams, calm_chars=calm_chars), Page()
    for piece in cut(text, sizes):
        page.apply(growing.feed(piece))
        assert growing.snapshot() == page.html == "".join(growing.sealed) + growing.tail
    return growing


def unseen(text: str, sizes: list[int], seams: list[Seam], calm_chars: int) -> str:
    """Returns the final HTML if no page watches the text grow."""
    growing = GrowingMarkdown(seams, calm_chars=calm_chars, is_watched=False)
    for piece in cut(text, sizes):
        growing.feed(piece)
    return growing.finish().html


def check_the_end(text: str, sizes: list[int], calm_chars: int, cuts: list[float]) -> None:
    seams = [Seam(round(at * len(text)), LABEL) for at in cuts]
    growing = grown(text, sizes, seams, calm_chars)
    sealed = "".join(growing.sealed)
    whole = growing.finish()
    assert whole.html == render(text, seams) == unseen(text, sizes, seams, calm_chars)
    assert whole.differs or whole.html.startswith(sealed)
    assert whole.html.count('<div class="seam">') == len(seams)
    # Formulas, footnotes and links to previews are inserted after the sanitizer, whose allow-list has none of their elements.
    others = DRAWN.sub("", whole.html)
    assert clean(others) == others


documents = given(texts(), sizes, calm, st.lists(st.floats(0, 1), max_size=3))


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@documents
def test_it_ends_as_the_rendering_of_the_whole(text: str, sizes: list[int], calm_chars: int, cuts: list[float]) -> None:
    check_the_end(text, sizes, calm_chars, cuts)


@pytest.mark.slow
@pytest.mark.rounds
@pytest.mark.timeout(240 + 10 * ROUNDS)
@settings(max_examples=100 * ROUNDS, deadline=None, suppress_health_check=list(HealthCheck))
@documents
def test_it_ends_as_the_rendering_of_many_wholes(text: str, sizes: list[int], calm_chars: int, cuts: list[float]) -> None:
    check_the_end(text, sizes, calm_chars, cuts)


LINES = [
    *("- a\n", "1. b\n", "  - c\n", "    d\n", "> q\n", "word [late] w\n", "\n", "***\n", "```\n", "'ti\n", "tle'\n", "===\n"),
    *("[late]: /u\n", "[x]: http://x\n", "[x] y\n", "* s\n", "a | b\n", "|---|---|\n", "# h\n", "\ttab\n", "x" * 500 + "\n"),
]
long_texts = st.builds(
    lambda runs: "".join(line * count for line, count in runs)[:20_000],
    st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from([1, 1, 3, 40, 400])), min_size=10, max_size=60),
)


@pytest.mark.slow
@pytest.mark.rounds
@pytest.mark.timeout(240 + 10 * ROUNDS)
@settings(max_examples=5 * ROUNDS, deadline=None, suppress_health_check=list(HealthCheck))
@given(long_texts, st.lists(st.sampled_from([30, 500, 4_000]), min_size=1, max_size=9), st.lists(st.floats(0, 1), max_size=2))
def test_blocks_beyond_the_limit_end_as_in_the_whole(text: str, sizes: list[int], cuts: list[float]) -> None:
    check_the_end(text, sizes, 2_000, cuts)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(texts(), st.sampled_from(["\r\n", "\r"]), sizes)
def test_line_ends_of_every_kind_are_the_same(text: str, end: str, sizes: list[int]) -> None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    assert grown(lines.replace("\n", end), sizes, []).finish().html == render(lines)


def test_an_open_fence_only_grows() -> None:
    growing = GrowingMarkdown()
    growing.feed("```python\nimport ")
    assert [change.kind for change in growing.feed("this\n")] == ["append"]
    assert [change.kind for change in growing.feed("``")] == ["append"]
    assert [change.kind for change in growing.feed("` \n")] == ["seal", "tail"]
    assert [change.kind for change in growing.feed("Next\n")] == ["tail"]


@pytest.mark.parametrize("line", ["\t```", "    ```", "``` a", "``", "~~~", "- ```"])
def test_a_line_that_closes_no_fence_is_code(line: str) -> None:
    growing = GrowingMarkdown()
    growing.feed("```\na\n")
    assert [change.kind for change in growing.feed(line + "\n")] == ["append"]
    assert not growing.sealed
    assert growing.finish().html == render(f"```\na\n{line}\n")


def test_words_are_added_at_the_cursor() -> None:
    growing = GrowingMarkdown()
    growing.feed("- one **two** three")
    assert growing.tail == f"<ul>\n<li>one <strong>two</strong> three{CURSOR}</li>\n</ul>\n"
    assert [(change.kind, change.html) for change in growing.feed(" four, five")] == [("append", " four, five")]
    assert [change.kind for change in growing.feed(" *six*")] == ["tail"]


PROSE = (" – well-known", " (to “all” of us)", ": it’s late…", " at 3.5", " miles; no more.")


def test_prose_is_added_at_the_cursor() -> None:
    growing = GrowingMarkdown()
    growing.feed("It is")
    assert [change.kind for piece in PROSE for change in growing.feed(piece)] == ["append"] * len(PROSE)


@pytest.mark.parametrize(
    "text",
    [
        "".join(PROSE),
        "[1](there) and [two](here) (or not)",
        "1. 10. in a list\n2) 1) in another",
        "fish &amp; chips; &nbsp; & so on;",
        "see https://example.org: or http://example.org/a-b) there",
        "> 1) quoted\n\n1990) of a year (1990)",
        "“**bold**”—and *so on*; a_b-c_",
        "a | b\n:-|-:\n1) | 2.\n\nTitle\n--- or not",
    ],
)
@pytest.mark.parametrize("chars", [1, 2, 3])
def test_what_is_added_at_the_cursor_is_what_would_be_drawn(text: str, chars: int) -> None:
    growing = GrowingMarkdown()
    for start in range(0, len(text), chars):
        growing.feed(text[start : start + chars])
        drawn = GrowingMarkdown()
        drawn.feed(text[: start + chars])
        assert growing.snapshot().replace(CURSOR, "") == drawn.snapshot().replace(CURSOR, "")


def test_code_in_a_list_grows_at_the_cursor() -> None:
    growing = GrowingMarkdown()
    growing.feed("1. do\n   ```sh\n   make")
    assert f"make{CURSOR}</code>" in growing.tail
    assert [change.kind for change in growing.feed(" all")] == ["append"]


def test_what_changes_nothing_is_not_said() -> None:
    growing = GrowingMarkdown()
    growing.feed("**one**")
    assert growing.feed("\n") == []
    assert growing.feed("") == []


def test_blank_lines_at_the_beginning_are_not_read_again() -> None:
    growing = GrowingMarkdown([Seam(6, LABEL)])
    for piece in [*["\n \t\n" * 100] * 100, "Two."]:
        growing.feed(piece)

    assert growing.finish().html == f'<div class="seam">{escape(LABEL)}</div>\n<p>Two.</p>\n'
    assert growing.rendered_chars < 5_000


def test_a_late_link_definition_changes_the_whole_only() -> None:
    growing = GrowingMarkdown()
    for piece in ("See [that].\n\n", "More.\n\n", "[that]: https://example.org\n"):
        growing.feed(piece)
    assert growing.sealed[0] == "<p>See [that].</p>\n"
    whole = growing.finish()
    assert whole.differs
    assert 'href="https://example.org"' in whole.html


def test_the_first_of_two_definitions_wins_when_the_first_was_half_typed() -> None:
    growing = GrowingMarkdown()
    for letter in "[a]: https://example.org/long\n\n[a]: https://example.org/other\n\n[a]\n\nEnd\n":
        growing.feed(letter)
    assert 'href="https://example.org/long"' in growing.sealed[-1]


def test_it_may_end_before_anything_came() -> None:
    assert GrowingMarkdown().finish().html == render("") == ""


def test_the_version_is_a_number() -> None:
    assert VERSION >= 1


def test_a_definition_waits_for_its_title() -> None:
    text = "One\n\n[a]: https://example.org\n'ti\ntle'\n\n[a]\n\nEnd\n"
    growing = grown(text, [1], [])
    assert "".join(growing.sealed) == render(text.removesuffix("End\n"))
    assert 'title="ti\ntle"' in growing.finish().html


def test_an_empty_item_after_blank_lines_is_one_item() -> None:
    assert grown("\tfoo\n\n\n\n-\n  bar\n", [1], []).finish().html.count("<ul>") == 1
    assert render("\tfoo\n\n\n\n-\n").count("<ul>") == 1
