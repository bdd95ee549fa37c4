"""Work and bytes sent are proportional to the length of a growing text, whether the model is fast or slow."""

import pytest

from webapp.chat.messages.projection import PERSISTENT_COUNTS, AnswerProjection
from webapp.streaming.codec import encode
from webapp.streaming.events import Delta, Ended
from webapp.streaming.topics import Entry

# Characters per update, by tokens per second of four characters each: there are ten to twenty updates a second.
CHARS_PER_STEP = {20: 8, 30: 12, 50: 15, 100: 20, 300: 60, 1_000: 200, 3_000: 600}
MOST_BYTES_PER_CHAR = 4


def part(number: int, code: str = "") -> str:
    """Returns prose, a list and a table, as answers have them."""
    prose = " ".join(f"Sentence {number}.{n} has *some* words, a `mark` and **weight**, as answers do." for n in range(7))
    items = "".join(f"- item {number}.{n}, which goes on for a while so that it wraps\n" for n in range(9))
    rows = "".join(f"| {n} | wheel {number * n} | {n * 7} kW |\n" for n in range(8))
    return f"## Part {number}\n\n{prose}\n\n{items}\n| # | wheel | power |\n|---|---|---:|\n{rows}\n{code}"


def code(number: int) -> str:
    lines = "".join(f"    if wheel[{n}] > {number}:\n        return turn(wheel, {n})  # water\n" for n in range(6))
    return f"```python\n{lines}```\n\n"


def streamed(text: str, chars_per_step: int) -> tuple[int, int]:
    """Returns the number of characters parsed, and of bytes sent to one page."""
    projection = AnswerProjection("m" * 26, "g" * 26)
    _, cursor = projection.snapshot()
    sent, said = 0, ""
    events = [Delta(text[at : at + chars_per_step]) for at in range(0, len(text), chars_per_step)]
    for number, event in enumerate([*events, Ended("completed", "stop")]):
        for _ in projection.fold(Entry(number, event)):
            pass
        frames, cursor = projection.since(cursor)
        # The event id as webapp/workspace/page/feed.py writes it.
        before, said = said, "x" * 80 + "-".join(map(str, cursor[:PERSISTENT_COUNTS]))
        sent += sum(len(encode(frame.data, event=frame.event)) for frame in frames) + (
            len(f"id: {said}\n") if said != before else 0
        )
    return projection.parsed_chars, sent


@pytest.mark.slow
def test_work_and_bytes_are_in_proportion_to_the_text() -> None:
    text = "".join(part(number, code(number)) for number in range(1, 150))
    whole, half = (streamed(portion, CHARS_PER_STEP[3_000]) for portion in (text, text[: len(text) // 2]))
    for all_of_it, first_half in zip(whole, half, strict=True):
        assert all_of_it < 2.2 * first_half
    assert whole[1] < MOST_BYTES_PER_CHAR * len(text)


@pytest.mark.slow
@pytest.mark.parametrize("tokens_per_second", CHARS_PER_STEP)
@pytest.mark.mostly_deep(2)
def test_at_any_pace_few_bytes_are_sent(tokens_per_second: int) -> None:
    text = "".join(part(number) for number in range(1, 10))
    assert streamed(text, CHARS_PER_STEP[tokens_per_second])[1] < MOST_BYTES_PER_CHAR * len(text)


def test_what_an_answer_goes_on_from_is_drawn_in_pieces() -> None:
    text = "".join(part(number) for number in range(1, 20))
    projection = AnswerProjection("m" * 26, "g" * 26, beginning=text)
    assert projection.renders == 0
    assert len(list(projection.begin())) == projection.renders > 3

    whole = AnswerProjection("m" * 26, "g" * 26)
    list(whole.fold(Entry(1, Delta(text))))
    assert projection.snapshot()[0].html == whole.snapshot()[0].html


def test_it_is_drawn_before_whatever_comes_first() -> None:
    projection = AnswerProjection("m" * 26, "g" * 26, beginning="*One* and ")
    for event in (Delta("two."), Ended("completed", "stop")):
        list(projection.fold(Entry(1, event)))
    assert projection.html == "<p><em>One</em> and two.</p>\n"
