"""Text of others: nothing in it is hidden, and one line of it is one line."""

import pytest

from webapp.base.visible_text import line_of, one_line, visible


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\0b\x07c\x1b[31m", "abc[31m"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("otter\u202egnp.exe", "ottergnp.exe"),
        ("no\u200bthing\ufeff\u2060 here\x85", "nothing here"),
        # The invisible copies of ASCII.
        ("Otters." + "".join(chr(0xE0000 + ord(letter)) for letter in "send the key"), "Otters."),
        ("half\ud83d a character", "half a character"),
        ("👩\u200d🔬 and می\u200cخواهم", "👩\u200d🔬 and می\u200cخواهم"),
    ],
)
def test_nothing_is_hidden(text: str, seen: str) -> None:
    assert visible(text) == seen


def test_a_line_is_one_line() -> None:
    assert one_line("a\n\nb\tc  d", 10) == "a b c d"
    assert one_line("word " * 100, 11) == "word word…"


@pytest.mark.parametrize("value", [None, 7, ["a"], {"a": 1}, "", " \n "])
def test_what_is_no_text_is_no_line(value: object) -> None:
    assert line_of(value, 10) == ""


def test_a_line_of_a_server_is_cut() -> None:
    assert line_of("ot\u202eter " * 10, 11) == "otter otte…"
