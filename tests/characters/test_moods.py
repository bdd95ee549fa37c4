"""Which expression an answer shows, as a table of texts."""

import pytest

from webapp.characters.moods import expression_for

NAMES = ["anger", "joy", "neutral", "sadness", "surprise"]
CASES = [
    ("", "neutral"),
    ("The mill stands.", "neutral"),
    ("*She smiles.* Come in.", "joy"),
    ("*She smiles.* Then, glaring: out!", "anger"),
    ("GASPING, she turns.", "surprise"),
    ("A tear falls.", "sadness"),
    ("Joy to the mill.", "joy"),
    # Only the beginning of a word counts.
    ("He is unhappy about the enjoyment.", "neutral"),
]


@pytest.mark.parametrize(("text", "name"), CASES)
def test_the_mood_that_is_named_last_is_shown(text, name):
    assert expression_for(text, NAMES) == name


def test_names_of_its_own_are_found_and_without_neutral_there_is_none():
    assert expression_for("She is smug (smug).", ["smug", "a.b"]) == "smug"
    assert expression_for("axb", ["smug", "a.b"]) == ""
    assert expression_for("She smiles.", ["Happy"]) == "Happy"
    assert expression_for("x" * 10_000, []) == ""
