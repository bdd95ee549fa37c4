"""The difference between two texts: which lines, and which words of them."""

import pytest

from tests.support.speed import takes_at_most
from webapp.rendering.difference import DiffLine, difference


def marked(line: DiffLine) -> str:
    return "".join(f"[{text}]" if is_changed else text for text, is_changed in line.pieces) or line.text


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("Be calm.", "Be calm.", ["Be calm."]),
        ("You are a kind guide.", "You are a very kind host.", ["You are a kind[ guide].", "You are a[ very] kind[ host]."]),
        ("One thing.\nAnother", "One thing", ["One thing[.]", "Another", "One thing"]),
        ("Speak of mills", "Be brief", ["Speak of mills", "Be brief"]),
        ("", "Be brief", ["Be brief"]),
        ("a  b", "a b", ["a[  b]", "a[ b]"]),
    ],
)
def test_the_words_of_a_changed_line_are_marked(old, new, lines):
    assert [marked(line) for line in difference(old, new)] == lines


def test_both_lines_are_whole():
    for line in difference("The mill, by night: «one»", "The mills, by day: «two» & more"):
        assert "".join(text for text, _ in line.pieces) == line.text


@pytest.mark.parametrize("unit", ["a ", "a b ", "a b c a "])
def test_words_that_repeat_take_no_longer(unit):
    old, new = (f"{unit * 400}{end}\n" * 100 for end in ("x", "y"))

    with takes_at_most(1):
        assert difference(old, new)
