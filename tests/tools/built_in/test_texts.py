"""Texts that tools return: nothing without bounds, and fences that hold."""

import pytest

from webapp.tools.built_in.read_page import CITE
from webapp.tools.built_in.texts import CUT, QUOTED, bounded, fenced, revealed, said, unquoted, without_frame


def test_what_cannot_be_seen_is_written_out() -> None:
    assert revealed("a\u202eb\u200b\U000e0041\ud83d\x07") == "a\\u202eb\\u200b\\ue0041\\ud83d\\u0007"
    assert revealed("né\n\t👩\u200d🔬 می\u200cخواهم\u00a0!") == "né\n\t👩\u200d🔬 می\u200cخواهم\u00a0!"


def test_a_quote_is_read_in_one_pass_even_if_it_was_cut() -> None:
    assert unquoted(f"Evil said. {QUOTED}\n{fenced('```' + chr(10) + 'x')}") == "```\nx"
    # Each of these could be the beginning of a quote that ends nowhere.
    lines = "".join(f"{'`' * length}\n" for length in range(3, 1_400))
    assert unquoted(f"Evil said. {QUOTED}\n{'`' * 1_500}\n{lines}") == lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Rivers returned this. {QUOTED}\n{fenced('a' + chr(10) + 'b')}", "Rivers returned this.\na\nb"),
        (f"Rivers returned this. {QUOTED}\n{fenced('a')}\n\n(Left out)", "Rivers returned this.\na\n\n(Left out)"),
        (f"[1] https://e.example\nPart 1 of 2. {CITE.format(1)}\nA\n{fenced('b')}", "[1] https://e.example\nPart 1 of 2.\nA\nb"),
        (f"{QUOTED} Cite a page by its number, such as [1].\n\n[1] A\n```\nb\n```", "[1] A\n```\nb\n```"),
        (f"a\nb\n{QUOTED}\n{fenced('c')}", f"a\nb\n{QUOTED}\n{fenced('c')}"),
        ("42", "42"),
    ],
)
def test_people_read_a_result_without_what_the_model_is_told_of_it(text: str, shown: str) -> None:
    assert without_frame(text) == shown


def test_a_long_text_says_that_it_was_cut() -> None:
    assert bounded("x" * 100, 100) == "x" * 100
    assert bounded("x" * 200, 100) == "x" * (100 - len(CUT)) + CUT
    assert len(bounded("x" * 200, 3)) <= len(CUT)


@pytest.mark.parametrize("text", ["plain", "```\nout", "a ````` b\n`````", "`" * 50])
def test_no_text_closes_its_fence(text: str) -> None:
    first, *lines, last = fenced(text).split("\n")
    assert first == last
    assert "\n".join(lines) == text
    assert first not in text


@pytest.mark.parametrize("value", [None, 7, ["a"], {"a": 1}, "", " \n "])
def test_what_does_not_fit_is_not_said(value: object) -> None:
    assert said({"query": value}, "query") == ""
    assert said({}, "query") == ""
