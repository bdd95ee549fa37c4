"""Questions and texts made of characters that are slow to normalize."""

import pytest

from tests.support.speed import takes_at_most
from webapp.knowledge.search import tokenizer

# Sorting this many combining marks used to take half a minute.
HOSTILE = {
    "marks": "a" + "\u0301\u0327" * 100_000,
    "marks of Japanese": "\uff76" + "\u0301\uff9e" * 100_000,
    "a word that becomes eighteen signs": "\ufdfa " * 100_000,
    "no blanks": "\u6c34\u706b" * 100_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_question_of_as_many_signs_as_a_message_has_is_read_at_once(text: str) -> None:
    with takes_at_most(1):
        tokenizer.query_words(text)


@pytest.mark.parametrize("name", ["marks", "marks of Japanese"])
def test_so_is_a_heading(name: str) -> None:
    with takes_at_most(1):
        tokenizer.spaced(HOSTILE[name])


def test_letters_with_their_own_marks_are_what_they_were() -> None:
    assert tokenizer.spaced("e\u0301 \uff76\uff9e ... \u2014\u2014\u2014").split() == [
        "\u00e9",
        "\u30ac",
        "...",
        "\u2014\u2014\u2014",
    ]


def test_the_first_thirty_words_are_asked_for_wherever_others_follow() -> None:
    asked = [f"word{number}" for number in range(40)]
    assert set(tokenizer.query_words(" ".join(asked) + " and" * 60_000)) == set(asked[:30])
