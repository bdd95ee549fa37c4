"""Where the first sentences of an answer end, however it is chunked."""

from collections.abc import Callable

import pytest

from tests.workflows.sentence_table import lines
from webapp.models.providers.base import ModelRequest, Turn
from webapp.models.providers.demo import DemoProvider
from webapp.models.tokens import estimate
from webapp.streaming.events import Delta, Ended, Event, Usage
from webapp.streaming.stop import Stop
from webapp.workflows.running.sentences import PART_CHARS, PATIENCE, capped, first

# Texts with a bar where the second sentence ends.
CASES = [
    "One. Two.| Three.",
    "Give it a 5. Then rest.| Later.",
    "My answer is no. See no. 4 below.| Later.",
    "Is it? Yes!| No.",
    "Dr. Smith paid 3.50 euros. He left.| Then what.",
    "See e.g. the U.S. market. It grew.| More.",
    "It is about 5 p.m. now. We go.| Later.",
    "He said “Stop.” She did.| Fine.",
    'He asked "Why?" Nobody knew.| So.',
    "Wait... what is it? Nothing…| Good.",
    "Hmm… maybe. Go on!| Now.",
    "Visit example.com. It helps.| Really.",
    "Version 2.0.1 is out. Use it.| Now.",
    "Use `a. b. C.` here. Then stop.| More.",
    "One.\n\n```\nA. B. C.\n```\n\nTwo.| Three.",
    "1. First thing. 2. Second thing.| 3. Third.",
    "Try these:\n\n- One thing\n\n- Two things.| Three.",
    "今天很好。明天见！|后天呢？",
    "これは本です。「はい。」|次です。",
    "J. R. R. Tolkien wrote it. I read it.| Twice.",
    "Das kostet z. B. 3 Euro. Gut.| Ja.",
    "What?! No way!!| Yes.",
    "A title\n\nA sentence.| More.",
    "**Bold.** Then more.| And.",
    "No stop at all",
    "One. Two.",
    "One. ```never closed. Two. Three.",
]


@pytest.mark.parametrize("case", CASES)
def test_an_answer_ends_after_its_second_sentence_however_it_comes(case: str) -> None:
    expected, text = case.partition("|")[0], case.replace("|", "")
    for size in (1, 2, 3, 7, len(text)):
        pieces: list[Event] = [Delta(text[at : at + size]) for at in range(0, len(text), size)]
        source = iter([*pieces, Ended("completed", "stop")])
        events = list(first(2, source))
        assert "".join(event.text for event in events if isinstance(event, Delta)) == expected, size
        assert events[-1] == Ended("completed", "stop" if expected == text else "sentence_limit")
        assert not any(isinstance(event, Ended) for event in events[:-1])


def cut(text: str, size: int) -> str:
    pieces: list[Event] = [Delta(text[at : at + size]) for at in range(0, len(text), size)]
    events = first(2, iter([*pieces, Ended("completed", "stop")]))
    return "".join(event.text for event in events if isinstance(event, Delta))


def test_ninety_nine_of_a_hundred_answers_in_ten_languages_are_cut_where_they_should() -> None:
    table = list(lines())
    wrong = [(language, line) for language, line in table if cut(line.replace("|", ""), 2) != line.partition("|")[0]]
    assert (len(table) >= 400, len({language for language, _ in table}) >= 8) == (True, True)
    assert len(wrong) <= len(table) / 100, wrong


def test_a_model_that_does_not_know_its_limit_is_left() -> None:
    heard: list[Event] = []
    endless = iter([Delta("more ")] * 10_000)
    for event in first(50, capped(100, endless)):
        heard.append(event)
    words = sum(piece.text.count("more") for piece in heard if isinstance(piece, Delta))
    assert (50 <= words <= 151, heard[-1], len(list(endless)) > 9_000) == (True, Ended("completed", "token_limit"), True)
    few = list(capped(100, iter([Delta("One."), Ended("completed", "stop")])))
    assert few == [Delta("One."), Ended("completed", "stop")]


@pytest.mark.parametrize("most", [1, 7, 40, 120, 500])
def test_a_demo_that_never_ends_says_no_more_than_the_limit(most: int, new_stop: Callable[[], Stop]) -> None:
    asked = ModelRequest("demo/verbose", (Turn("user", "Go on."),), max_tokens=most)
    for _ in range(4):
        events = list(first(10_000, capped(most, DemoProvider(pace=0).stream(asked, new_stop()))))
        said = "".join(event.text for event in events if isinstance(event, Delta))
        (used,) = [event.output_tokens for event in events if isinstance(event, Usage)]
        assert (0 < used <= most, estimate(said) <= most * PATIENCE) == (True, True)
        assert events[-1] == Ended("completed", "token_limit")


def test_what_was_said_before_a_cut_counts() -> None:
    events = first(2, iter([Delta(" Two. Three."), Ended("completed", "stop")]), "One.")
    assert "".join(event.text for event in events if isinstance(event, Delta)) == " Two."


def test_an_endless_row_of_dots_takes_no_time() -> None:
    dots: list[Event] = [Delta("." * 8)] * 5_000
    assert sum(len(event.text) for event in first(2, iter(dots)) if isinstance(event, Delta)) == 40_000


@pytest.mark.mostly_slow
@pytest.mark.parametrize("unit", ["\n \n", "... ", "words "])
def test_others_have_their_turn_while_a_long_piece_is_looked_through(unit: str) -> None:
    text, pauses = unit * (10 * PART_CHARS // len(unit)), list[int]()
    source = iter([Delta(text), Ended("completed", "stop")])
    events = list(first(10_000_000, source, text, pause=lambda: pauses.append(1)))
    assert "".join(event.text for event in events if isinstance(event, Delta)) == text
    # Twice: once for the stream, and once for the text before it.
    assert len(pauses) == 2 * ((len(text) - 1) // PART_CHARS)
