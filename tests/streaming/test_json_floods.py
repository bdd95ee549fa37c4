"""A model's output in place of a plan is parsed in linear time, however it is split."""

import pytest

from tests.support.speed import takes_at_most
from webapp.streaming.partial_json import LONGEST_WORD, StreamingJSONParser

CHARS = 256 * 1024
FLOODS = {
    "braces": "{" * CHARS,
    "brackets": "[" * CHARS,
    "a brace and blanks": "{" + " " * CHARS,
    "blanks within": '{"a":' + " " * CHARS,
    "lines within": '{"a":[' + "\n" * CHARS,
    "keys": '{"' * (CHARS // 2),
    "depth": '{"a":' * (CHARS // 5),
    "quotes that are none": '"\\' * (CHARS // 2),
    "backslashes": '{"' + "\\\\" * (CHARS // 2),
    "a number": '{"a":' + "1" * CHARS,
    "lists": '{"a":[' + "[]," * (CHARS // 3),
    "all of it": '{"a":[ ' * 20 + '"\\"", {}, [ ' * (CHARS // 13),
}


@pytest.mark.slow
@pytest.mark.parametrize("size", [64, 4_096, CHARS])
@pytest.mark.parametrize("text", FLOODS.values(), ids=FLOODS)
def test_no_flood_takes_its_square(text: str, size: int) -> None:
    parser = StreamingJSONParser()
    with takes_at_most(5):
        for start in range(0, len(text), size):
            parser.add_chunk(text[start : start + size])


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_number_that_never_ends_is_none(size: int) -> None:
    parser, text = StreamingJSONParser(), '{"a":1,"b":' + "1" * (LONGEST_WORD + 1) + ',"c":2}'
    for start in range(0, len(text), size):
        parser.add_chunk(text[start : start + size])

    assert parser.is_broken
    assert parser.value == {"a": 1}


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("text", "value"), [('{"a":[1,2,3,4,5]}', {"a": [1, 2, 3, 4]}), ('{"a":1,"b":2,"c":3}', {"a": 1, "b": 2, "c": 3})]
)
def test_it_stops_right_after_what_is_too_much(text: str, value: object, size: int) -> None:
    parser = StreamingJSONParser(most_items=3, most_values=4)
    for start in range(0, len(text), size):
        parser.add_chunk(text[start : start + size])

    assert parser.value == value
    assert parser.is_broken == (value != {"a": 1, "b": 2, "c": 3})


def test_blanks_between_a_brace_and_its_first_key_are_nothing() -> None:
    parser = StreamingJSONParser()
    for piece in ("So: {", "  ", "\n", "\t", '"a"', " ", ":", "  ", "1", " }"):
        parser.add_chunk(piece)

    assert parser.value == {"a": 1}
    assert parser.is_over
