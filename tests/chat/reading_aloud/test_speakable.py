"""Which sentences of an answer are read, and how they are joined to pieces."""

import pytest

from webapp.workspace.reading_aloud.speakable import MOST_SENTENCE, beginning, pieces, sentences

TABLE = "| mill | sum |\n| --- | --- |\n| Weir | 1 |"
LONG = "word " * 20_000


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("One is **here**. Two is 2.5 long!", ["One is here.", "Two is 2.5 long!"]),
        ("# Mills\n\nThey [turn](https://example.com).\n\n- first\n- last", ["Mills", "They turn.", "first", "last"]),
        ("Before.\n\n```python\nprint(1)\n```\n\n    indented\n\nAfter `code`.", ["Before.", "After code."]),
        (TABLE, ["mill, sum", "Weir, 1"]),
        ("A line\nthat goes on… And on?", ["A line that goes on…", "And on?"]),
        ("", []),
        ("```\nonly code\n```", []),
        ("a" * 1_200, ["a" * 500, "a" * 500, "a" * 200]),
    ],
)
def test_sentences_without_markup_and_code(text: str, spoken: list[str]) -> None:
    assert sentences(text) == spoken


def test_a_long_sentence_is_cut_between_words() -> None:
    spoken = sentences(LONG)
    assert " ".join(spoken) == LONG.strip()
    assert max(map(len, spoken)) <= MOST_SENTENCE


def test_pieces_hold_whole_sentences_and_the_first_is_short() -> None:
    spoken = [f"Sentence {number}." for number in range(10)]
    assert list(pieces(spoken, most_chars=40, first_chars=12))[:2] == ["Sentence 0.", "Sentence 1. Sentence 2. Sentence 3."]
    assert " ".join(pieces(spoken, most_chars=40, first_chars=12)) == " ".join(spoken)
    assert list(pieces(["a" * 60], most_chars=40, first_chars=12)) == ["a" * 60]
    assert beginning(spoken, 25) == spoken[:2]
