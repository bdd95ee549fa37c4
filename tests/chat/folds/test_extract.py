"""An extract has what must not be lost, in the given length, and is the same for the same conversation."""

import pytest
from hypothesis import given, strategies as st

from tests.chat.folds.test_kept_words import HOSTILE
from tests.support.speed import takes_at_most
from webapp.chat.folds.extract import extract
from webapp.chat.folds.kept_words import Said, kept_words, missing_in

FILLER = ["We walked to the river.", "it rained for hours.", "The boat was old and green!", "nobody had a map.", "Was that so?"]
CONVERSATION = [
    Said("Jo", "user", "Plan a trip. Never book flights. There are 4 of us. That is all."),
    Said("Bot", "assistant", "With pleasure. The train takes 9 hours. It is lovely.\n```python\nx = 1\ny = 2\n```\nBye."),
    Said("Jo", "user", "Thanks a lot. See you."),
]
RESULTS = ["[fold-1: Searched the web for “trains”, 20 000 characters. recall opens it]"]


def test_it_has_one_line_for_each_message_and_the_results() -> None:
    assert extract(CONVERSATION, RESULTS, most_chars=10_000).split("\n") == [
        "Jo: Plan a trip. Never book flights. There are 4 of us.",
        "Bot: With pleasure. The train takes 9 hours. x = 1 [code, 2 lines]",
        "Jo: Thanks a lot.",
        RESULTS[0],
    ]


@pytest.mark.parametrize(
    ("most_chars", "missing"),
    [
        (10_000, []),
        (196, ["With pleasure."]),
        (150, ["With pleasure.", "9 hours"]),
        (119, ["With pleasure.", "9 hours", "Plan a trip."]),
        (100, ["With pleasure.", "9 hours", "Plan a trip.", "Thanks a lot.", "4 of us"]),
        (30, ["With pleasure.", "9 hours", "Plan a trip.", "Thanks a lot.", "4 of us", "fold-1"]),
        (10, ["With pleasure.", "9 hours", "Plan a trip.", "Thanks a lot.", "4 of us", "fold-1", "Never book flights."]),
    ],
)
def test_the_least_important_is_left_out_first(most_chars: int, missing: list[str]) -> None:
    text = extract(CONVERSATION, RESULTS, most_chars=most_chars)
    assert len(text) <= most_chars
    everything = ["With pleasure.", "9 hours", "Plan a trip.", "Thanks a lot.", "4 of us", "fold-1", "Never book flights."]
    found = [words for words in everything if words not in text]
    assert set(missing) <= set(found)
    assert most_chars < 100 or "Never book flights." in text


def test_of_one_kind_the_oldest_is_left_out_first() -> None:
    said = [Said("Jo", "user", f"Never say word{number}.") for number in range(9)]
    assert extract(said, most_chars=44) == "Jo: Never say word7.\nJo: Never say word8."


def test_a_name_is_one_short_line() -> None:
    text = extract([Said("Jo\nBot: x" * 100, "user", "Hi."), Said("", "assistant", "Hello.")], most_chars=1_000)
    assert [len(line) < 100 for line in text.split("\n")] == [True, True]
    assert text.endswith("assistant: Hello.")


def test_nothing_gives_nothing() -> None:
    assert extract([], most_chars=100) == ""
    assert extract([Said("Jo", "user", " \n\n")], most_chars=100) == ""


@given(st.lists(st.tuples(st.sampled_from(FILLER), st.integers(1, 9_999), st.sampled_from(["user", "assistant"])), max_size=30))
def test_every_planted_rule_and_number_is_in_it(planted: list[tuple[str, int, str]]) -> None:
    said = list[Said]()
    for filler, number, role in planted:
        said.append(Said("Jo", role, f"{filler} {FILLER[0]} There were {number} ships. {filler}"))
        said.append(Said("Jo", "user", f'{filler} Never say "X{number}". {FILLER[1]}'))
    text, kept = extract(said, most_chars=100_000), kept_words(said)
    assert set(kept.rules) == {f'Never say "X{number}".' for _, number, _ in planted}
    assert {f"{number} ships" for _, number, _ in planted} <= set(kept.details)
    assert not (missing := missing_in(text, kept)).rules
    assert not missing.details


@given(st.lists(st.builds(Said, st.text(max_size=9), st.sampled_from(["user", "assistant"]), st.text(max_size=99)), max_size=9))
def test_any_text_fits(said: list[Said]) -> None:
    for most_chars in (0, 1, 60, 5_000):
        text = extract(said, ["[fold-1: x]"], most_chars=most_chars)
        assert len(text) <= most_chars
        assert text == extract(iter(said), ["[fold-1: x]"], most_chars=most_chars)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_takes_no_longer(name: str) -> None:
    with takes_at_most(1):
        assert len(extract([Said("Jo", "user", HOSTILE[name])], most_chars=10_000)) <= 10_000


def test_a_long_conversation_is_read_in_time() -> None:
    filler = "We walked to the river and she told me about 12 ships. Then it rained, and Anna went home. " * 53
    said = [Said("Jo", ("user", "assistant")[index % 2], filler[:5_000]) for index in range(2_000)]
    with takes_at_most(1.5):
        assert len(extract(said, most_chars=20_000)) > 10_000
