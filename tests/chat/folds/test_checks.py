"""A model's text that can't replace a conversation is refused, and one that can gets what it lacks."""

import pytest
from hypothesis import given, strategies as st

from webapp.chat.folds.checks import completed, fault
from webapp.chat.folds.kept_words import KeptWords, Said, kept_words, missing_in

KEPT = KeptWords(("Never book flights.",), ("9 hours", "Oslo", "12 May"), "en")
GOOD = "Jo plans a trip to Oslo on 12 May with the train, and it is 9 hours long."
GERMAN = "Jo plant eine Reise nach Oslo, und der Zug braucht 9 hours, das ist nicht am 12 May."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, ""),
        ("", "empty"),
        (" \n", "empty"),
        (GOOD * 20, "too long"),
        (f"<think>The user {GOOD}", "reasoning"),
        (f"Okay, the user wants this. {GOOD}", "reasoning"),
        (f"He wants a trip.</think>{GOOD}", "reasoning"),
        (GERMAN, "another language"),
        ("ジョーはオスロへの旅行を計画しています。", "another language"),
        ("Jo plans a trip to Oslo with the train.", "details missing"),
        ("Jo plans a trip to Oslo on 12 May with the train.", ""),
    ],
)
def test_a_fault_is_named(text: str, expected: str) -> None:
    assert fault(text, KEPT, original_chars=1_000, was_cut=False) == expected


def test_a_cut_text_is_a_fault() -> None:
    assert fault(GOOD, KEPT, original_chars=1_000, was_cut=True) == "cut"


def test_without_a_sure_language_none_is_wrong() -> None:
    kept = KeptWords((), KEPT.details)
    assert fault(GERMAN, kept, original_chars=1_000, was_cut=False) == ""


def test_the_language_is_that_of_the_conversation() -> None:
    said = [Said("Jo", "user", "Das ist nicht der Zug, mit dem ich nach Oslo fahre."), Said("Bot", "assistant", "Ok.")]
    assert kept_words(said).language == "de"
    assert fault(GOOD, kept_words(said), original_chars=1_000, was_cut=False) == "another language"


def test_what_is_missing_is_added_below() -> None:
    assert completed("Jo plans a trip to Oslo.", KEPT) == (
        "Jo plans a trip to Oslo.\n\nRules, word for word:\n- Never book flights.\n\nAlso named: 9 hours; 12 May"
    )


def test_a_text_that_has_everything_stays_as_it_is() -> None:
    text = f"{GOOD} Never book\nflights."
    assert completed(text, KEPT) == text


@given(st.text(max_size=200), st.lists(st.text(max_size=100), max_size=5))
def test_nothing_is_missing_in_a_completed_text(text: str, said: list[str]) -> None:
    texts = [*said, "Never say X1. I have 3 cats in Oslo."]
    kept = kept_words(Said("Jo", "user", words) for words in texts)
    missing = missing_in(completed(text, kept), kept)
    assert not missing.rules
    assert not missing.details
