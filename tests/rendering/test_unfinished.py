"""Marks that are still open in a growing text: rendered as if closed, without affecting the final HTML."""

import re

import pytest

from tests.rendering.test_markdown import grown
from tests.support.marks import few_of
from webapp.rendering.markdown import GrowingMarkdown, render
from webapp.rendering.text import plain

TEXTS = (
    "A **bold word** and *em* and `code x` then [text](https://e.example/a_b) and ~~gone~~ it ends.",
    "- **Bold:** text `a*b` *c*\n- and **a *b c* d** e\n\n  more **in it** here",
    "***both at once*** and __strong too__ and _slanted_.",
    "> **over two\n> lines** and on\n\nNext **one**.",
    "| **a b** | `c` |\n|--|--|\n| *d e* | **f g** |\n",
    'see **[a link *in it*](http://e.example/x "title")** and ![a picture](https://e.example/p.png) end',
    "1. **First**: do `this` now\n2. **Second**: do [that](https://e.example)\n",
    "中文**粗体**和*斜体*。",
    "## A **heading** here\n\n``a ` tick`` end",
)
# Texts that look like a mark but are none.
OTHERS = ("2*3 and 4 * 5", "snake_case and __init__ x", "a [1] and [ ] b", "~5 and ~ 6", r"\*not\* it", "`a*b [c` d")
MARK = re.compile(r"\*\*|__|~~|`|\]\(")
TAG = re.compile(r"<[^>]*>")


def seen(text: str) -> str:
    growing = GrowingMarkdown()
    growing.feed(text)
    return TAG.sub("", growing.snapshot())


@pytest.mark.parametrize("text", TEXTS)
def test_no_mark_is_seen_while_its_text_grows(text: str) -> None:
    allowed = set(MARK.findall(TAG.sub("", render(text))))
    starts = [text[:end] for end in range(1, len(text) + 1) if text[end - 1].isalnum()]
    assert not [start for start in starts if not set(MARK.findall(seen(start))) <= allowed]


@pytest.mark.parametrize("text", TEXTS)
def test_no_mark_flashes_up_when_it_is_half_written(text: str) -> None:
    allowed = set(MARK.findall(TAG.sub("", render(text))))
    growing = GrowingMarkdown()
    for letter in text:
        growing.feed(letter)
        assert set(MARK.findall(TAG.sub("", growing.snapshot()))) <= allowed, growing.snapshot()


@pytest.mark.slow
@pytest.mark.parametrize("text", few_of(TEXTS, 3) + few_of(OTHERS, 2))
def test_it_ends_the_same_at_every_cut(text: str) -> None:
    for at in range(1, len(text)):
        assert grown(text[:at], [1], []).finish().html == render(text[:at])
        assert grown(text, [at, len(text)], []).finish().html == render(text)


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_no_mark_is_not_taken_for_one(text: str) -> None:
    for end in range(1, len(text) + 1):
        assert not re.search("<(em|strong|s)>", seen(text[:end]).replace("<em></em>", ""))
    assert seen(text).strip() == plain(text)


@pytest.mark.parametrize(
    ("text", "tail"),
    [
        ("a **b", "<p>a <strong>b<x-c></x-c></strong></p>\n"),
        ("a **b *c", "<p>a <strong>b <em>c<x-c></x-c></em></strong></p>\n"),
        ("a **b*", "<p>a <strong>b</strong></p>\n"),
        ("a **", "<p>a</p>\n"),
        ("a `b", "<p>a <code>b</code></p>\n"),
        ("a [b](https://e.exam", "<p>a b</p>\n"),
        ("a [b", "<p>a b</p>\n"),
        ("**a\n\n", "<p>**a</p>\n"),
        ("a\n\n$", "<p>a</p>\n"),
        ("a\n\n$$x = \\frac{1}", "<p>a</p>\n"),
        ("a:\n$$\nx\n+1$", "<p>a:</p>\n"),
        ("a\n\n\\[ x^2", "<p>a</p>\n"),
        ("a $$ b", "<p>a $$ b<x-c></x-c></p>\n"),
        ("$5 and", "<p>$5 and<x-c></x-c></p>\n"),
        ("a\n\n| b | c", "<p>a</p>\n"),
        ("a\n\n| b | c |\n|--", "<p>a</p>\n"),
        ("| b\nc", "<p>| b\nc<x-c></x-c></p>\n"),
    ],
)
def test_what_is_open_is_drawn_as_what_it_will_be(text: str, tail: str) -> None:
    growing = GrowingMarkdown()
    growing.feed(text)
    assert growing.snapshot() == tail


def test_words_are_added_within_an_open_mark() -> None:
    growing = GrowingMarkdown()
    growing.feed("a **b")
    assert [(change.kind, change.html) for change in growing.feed(" c")] == [("append", " c")]


@pytest.mark.slow
@pytest.mark.parametrize("text", ["**a" * 1_500, "*a " * 1_500, "`a" * 2_000, "[a" * 2_000, "_a_ *" * 800, "~~a" * 1_500])
def test_a_heap_of_marks_costs_a_bounded_number_of_looks(text: str) -> None:
    growing = GrowingMarkdown()
    for start in range(0, len(text), 50):
        growing.feed(text[start : start + 50])
    assert growing.rendered_chars < 120 * len(text)
    assert growing.finish().html == render(text)


# Backtracking over every division of the row, or from every blank, would take hours.
@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text", ["sk-" + "*" * 60 + "x", "a" + "_" * 60 + "b", "a" + " " * 200_000 + "b", "*a" + " \t" * 490 + "b"]
)
def test_a_long_row_that_ends_in_something_else_is_looked_at_once(text: str) -> None:
    growing = GrowingMarkdown()
    growing.feed(text)
    assert growing.finish().html == render(text)
