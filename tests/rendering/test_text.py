"""Markdown as plain text."""

from random import Random

import pytest

from webapp.rendering.text import plain, title


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# A *b*\n\nc `d` **e**\nf", "A b\nc d e f"),
        ("- [x] a\n- b\n  1. c", "a\nb\nc"),
        ("| a | b |\n|---|---|\n| c | `d` |", "a b\nc d"),
        ("```py\nx < 1\n```\n\n    y", "x < 1\ny"),
        ("[a](https://e.example) ![b *c*](https://e.example/p)", "a b c"),
        ("https://e.example", "https://e.example"),
        ("<b>a</b> &amp; c\\*", "<b>a</b> & c*"),
        ("> a\n\n---\n\n[d]: /e", "a"),
        ("a  \nb\r\nc", "a b c"),
        ("", ""),
    ],
)
def test_the_words_remain(text: str, words: str) -> None:
    assert plain(text) == words


WORDS = ("Hello", "it's", "1", "12", "a", "straße", "日本", "²", "www", "example", "com", "http", "-", "_", "*", "#", ":", "<")


@pytest.mark.slow
def test_words_without_marks_are_what_parsing_them_gives() -> None:
    dice = Random(7)
    for _ in range(2_000):
        text = "".join(dice.choice((*WORDS, " ", "  ", ".", ",", "?", "!", "...")) for _ in range(dice.randint(1, 9)))
        # With a newline in front the text is always parsed; without, the fast path applies.
        assert plain(text) == plain(f"\n{text}")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Short *one*", "Short one"),
        ("# A\n\nb\n\nc", "A b c"),
        ("one two three four", "one two three…"),
        ("one two three, four", "one two three…"),
        ("x" * 40, "x" * 15 + "…"),
        ("one two three 16", "one two three 16"),
        ("***", ""),
    ],
)
def test_a_title_ends_at_a_word(text: str, wanted: str) -> None:
    assert title(text, limit=16) == wanted


def test_a_title_reads_only_the_beginning() -> None:
    assert title("word " * 1_000_000) == ("word " * 12).strip()[:59] + "…"
