"""A text of any length costs work and bytes in proportion, as it is shown while a fast model writes it."""

import pytest

from webapp.chat.projection import AnswerProjection
from webapp.streaming.codec import encode
from webapp.streaming.events import Delta, Ended
from webapp.streaming.topics import Entry

# Three thousand tokens of four characters a second, twenty frames a second.
CHARS_PER_FRAME = 600
MOST_BYTES_PER_CHAR = 4


def part(number: int) -> str:
    """Prose, a list, a table and code, as answers have them."""
    prose = " ".join(f"Sentence {number}.{n} has *some* words, a `mark` and **weight**, as answers do." for n in range(7))
    items = "".join(f"- item {number}.{n}, which goes on for a while so that it wraps\n" for n in range(9))
    rows = "".join(f"| {n} | wheel {number * n} | {n * 7} kW |\n" for n in range(8))
    code = "".join(f"    if wheel[{n}] > {number}:\n        return turn(wheel, {n})  # water\n" for n in range(6))
    return f"## Part {number}\n\n{prose}\n\n{items}\n| # | wheel | power |\n|---|---|---:|\n{rows}\n```python\n{code}```\n\n"


def streamed(text: str) -> tuple[int, int]:
    """How many characters were parsed, and how many bytes sent to one page."""
    projection = AnswerProjection("m" * 26, "g" * 26)
    _, cursor = projection.snapshot()
    sent = 0
    events = [Delta(text[at : at + CHARS_PER_FRAME]) for at in range(0, len(text), CHARS_PER_FRAME)]
    for number, event in enumerate([*events, Ended("completed", "stop")]):
        for _ in projection.fold(Entry(number, event)):
            pass
        frames, cursor = projection.since(cursor)
        sent += sum(len(encode(frame.data, event=frame.event, id="x" * 90)) for frame in frames)
    return projection.parsed_chars, sent


@pytest.mark.slow
def test_work_and_bytes_are_in_proportion_to_the_text() -> None:
    text = "".join(part(number) for number in range(1, 150))
    whole, half = streamed(text), streamed(text[: len(text) // 2])
    for all_of_it, first_half in zip(whole, half, strict=True):
        assert all_of_it < 2.2 * first_half
    assert whole[1] < MOST_BYTES_PER_CHAR * len(text)
