"""Splitting a text into passages."""

from itertools import pairwise

import pytest
from hypothesis import example, given, strategies as st

from tests.support.speed import takes_at_most
from webapp.knowledge.documents.splitting import ENOUGH, MOST, OVERLAP, split

WORDS = st.text(st.sampled_from("ab .\n水"), max_size=400)
LINES = st.sampled_from(
    (
        "# One",
        "## Two",
        "#### Four",
        "",
        "```py",
        "```",
        "~~~~",
        "| a | b |",
        "|---|---|",
        "| 1 | 2 |",
        "# ",
        "x" * 1500,
        "Said. " * 300,
    )
)
TEXTS = st.lists(st.one_of(LINES, WORDS), max_size=60).map("\n".join)


@given(TEXTS)
@example("```\n" + "x = 1\n" * 900)
@example("水" * 5000)
@example("\n\n \n")
def test_nothing_is_lost_and_nothing_is_too_long(text):
    pieces = list(split(text))
    assert "".join(piece.text[piece.overlap :] for piece in pieces) == text
    assert all(0 < len(piece.head + piece.text) <= MOST and piece.overlap <= OVERLAP for piece in pieces)
    assert all(before.text.endswith(piece.text[: piece.overlap]) for before, piece in pairwise(pieces))


def test_sections_are_cut_at_headings_and_small_ones_joined():
    guide = f"# Guide\n\n## Install\n\n{'Take it. ' * 80}\n\n## Run\n\n{'Run it. ' * 90}\n\n## End\n\nStop.\n"
    pieces = list(split(guide))
    assert [piece.heading for piece in pieces] == ["Guide › Install", "Guide"]
    assert [piece.text[:7] for piece in pieces] == ["# Guide", "## Run\n"]
    assert all(len(piece.text) >= ENOUGH for piece in pieces)


def test_tables_and_code_are_cut_between_lines_with_their_head_before_each_part():
    table = "| name | price |\n|---|---|\n" + "".join(f"| thing {number} | {number} |\n" for number in range(200))
    first, *others = split(table)
    assert (first.text[:6], first.head) == ("| name", "")
    assert {piece.head for piece in others} == {"| name | price |\n|---|---|\n"}
    assert all(piece.text.startswith("| thing") and piece.text.endswith("|\n") for piece in others)
    assert {piece.head for piece in list(split("```py\n" + "count = 1\n" * 300 + "```\n"))[1:]} == {"```py\n"}


def test_long_prose_is_cut_behind_sentences_and_overlaps():
    pieces = list(split("# A long walk\n\n" + "We went on and on through the rain. " * 200))
    assert all(piece.heading == "A long walk" for piece in pieces)
    assert all(piece.text.rstrip().endswith(".") for piece in pieces[1:])
    assert {piece.overlap for piece in pieces[2:]} == {OVERLAP}


@pytest.mark.parametrize(
    "line", ["# " + "#" * 200_000 + "x", "# " + " #" * 100_000 + "x", "|a|\n|" + "-" * 200_000 + "x", "# a" + " " * 200_000 + "x"]
)
def test_a_line_of_marks_alone_is_looked_at_once(line):
    with takes_at_most(2):
        assert "".join(piece.text[piece.overlap :] for piece in split(f"{line}\n")) == f"{line}\n"


def test_the_marks_behind_a_heading_are_no_part_of_it():
    assert next(piece.path for piece in split("# One # two ##  \n" + "a " * 1_000)) == ("One # two",)
