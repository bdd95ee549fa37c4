"""Partial JSON: every prefix parses without an error, finished parts never change, and the result is the complete value."""

import copy
import gc
import json
import random
import time
from contextlib import nullcontext
from itertools import count
from statistics import median
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.streaming.json_cases import ACCEPTED, OPEN, REFUSED
from webapp.streaming.partial_json import Path, StreamingJSONParser, loads

PLAN = {
    "title": 'A "quiet" month\n',
    "summary": "Ünïcödé 𝄞 \\ / \t",
    "weeks": [{"n": 1, "tasks": [["a", 2.5], {}], "on": True}, None],
}


WORDS = ("water", "gate", "the", "slow", "morning", "twenty", "“quoted”", "naïve", "a", "line\nbreak", "mill", "\\", "tab\t", "𝄞")


def plan_of(dice: random.Random, *, weeks: int) -> dict[str, Any]:
    """Returns a random plan, always the same for the same `dice`."""
    return {
        "title": words(dice, 5),
        "monthly_summary": words(dice, 40),
        "weeks": [week_of(dice) for _ in range(weeks)],
        "risks": [words(dice, 8) for _ in range(dice.randint(0, 3))],
        "is_gentle": dice.random() < 0.5,
        "nothing": None,
    }


def week_of(dice: random.Random) -> dict[str, Any]:
    tasks = [{"title": words(dice, 6), "minutes": dice.randint(5, 90), "why": words(dice, 9)} for _ in range(dice.randint(1, 6))]
    return {"focus": words(dice, 4), "share": round(dice.random(), 3), "tasks": tasks, "milestone": words(dice, 7)}


def words(dice: random.Random, most: int) -> str:
    return " ".join(dice.choices(WORDS, k=dice.randint(0, most)))


def chunked(text: str, sizes: random.Random, most: int = 12) -> list[str]:
    chunks, at = [], 0
    while at < len(text):
        size = sizes.randint(1, most)
        chunks.append(text[at : at + size])
        at += size
    return chunks


def read(text: str, size: int = 1) -> StreamingJSONParser:
    parser = StreamingJSONParser()
    for at in range(0, len(text), size):
        parser.add_chunk(text[at : at + size])
    return parser


def at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


@pytest.mark.parametrize("text", ACCEPTED)
def test_what_the_standard_allows_is_accepted_at_the_end(text: str) -> None:
    assert loads(text) == json.loads(text)


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text[:16]))
def test_what_the_standard_forbids_is_refused_at_the_end(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  each library has its own words
        loads(text)


@pytest.mark.parametrize(("text", "is_accepted"), OPEN.items(), ids=lambda value: repr(value)[:18])
def test_what_the_standard_leaves_open_is_settled(text: str, is_accepted: bool) -> None:
    with nullcontext() if is_accepted else pytest.raises(ValueError):  # noqa: PT011  each library has its own words
        loads(text)


@pytest.mark.parametrize("text", [*ACCEPTED, *OPEN, *(text[:2000] for text in REFUSED)], ids=lambda text: repr(text[:16]))
def test_no_prefix_ever_raises(text: str) -> None:
    read(text)
    for end in range(min(len(text), 200)):
        StreamingJSONParser().add_chunk(text[:end])


@given(st.text(alphabet='{}[]:,"\\ \nabtrue0123456789.eE+-`u\ud800é', max_size=60), st.integers(1, 7))
def test_no_nonsense_ever_raises(text: str, size: int) -> None:
    read('{"a":' + text, size)
    read(text, size)


@pytest.mark.mostly_slow
@pytest.mark.parametrize("seed", range(200))
def test_what_is_shown_only_grows_and_ends_as_the_whole(seed: int) -> None:
    dice = random.Random(seed)
    whole = plan_of(dice, weeks=dice.randint(0, 6))
    text = json.dumps(whole, ensure_ascii=dice.random() < 0.5, indent=dice.choice([None, 2]))
    parser, kept, known = StreamingJSONParser(), dict[Path, Any](), 0
    for chunk in chunked(text, dice):
        before, live = copy.deepcopy(parser.value), parser.live
        shown = parser.add_chunk(chunk)
        assert shown is None or shown is parser.value
        for path in parser.finished[known:]:
            kept[path] = copy.deepcopy(at(parser.value, path))
        known = len(parser.finished)
        assert all(at(parser.value, path) == value for path, value in kept.items())
        if before is not None and live:
            assert at(parser.value, live).startswith(at(before, live))
    assert parser.value == whole == json.loads(text)
    assert parser.is_over
    assert parser.finished[-1] == ()


def test_strings_live_everything_else_whole() -> None:
    parser = StreamingJSONParser()
    assert parser.add_chunk('{"count": 12') == {}
    assert parser.add_chunk('5, "word": "he') == {"count": 125, "word": "he"}
    assert parser.live == ("word",)
    assert parser.add_chunk("llo") == {"count": 125, "word": "hello"}
    assert parser.add_chunk('", "is": tr') == {"count": 125, "word": "hello"}
    assert parser.add_chunk("ue") is None
    assert parser.add_chunk("}") == {"count": 125, "word": "hello", "is": True}
    assert parser.finished == [("count",), ("word",), ("is",), ()]


def test_half_a_character_is_never_shown() -> None:
    parser = read('{"a": "x\\ud834\\udd1')
    assert parser.value == {"a": "x"}
    parser.add_chunk('e"}')
    assert parser.value == {"a": "x𝄞"}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    "around",
    [
        "%s",
        "```json\n%s\n```",
        "Here is the {plan} you asked for { }:\n\n```\n%s\n```\nDoes {it} suit you?",
        "  \n%s\n\n{}",
        "[%s]",
    ],
)
def test_fences_and_words_around_it_are_left_out(around: str, size: int) -> None:
    parser = read(around.replace("%s", json.dumps(PLAN, indent=1)), size)
    assert parser.value == PLAN
    assert parser.is_over


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2,], "b": 3,}', {"a": [1, 2], "b": 3}),
        ('{"a": [1 2] "b": 3}', {"a": [1, 2], "b": 3}),
        ('{"a": "one\ntwo\tthree \\n"}', {"a": "one\ntwo\tthree \n"}),
        ('{"a": [{"b": 1, "c": [2], "d": 4]}', {"a": [{"b": 1, "c": [2], "d": 4}]}),
        ('{"a": , "b": 1}', {"b": 1}),
    ],
)
def test_common_mistakes_are_forgiven(text: str, value: object) -> None:
    assert read(text).value == value
    assert read(text).is_over


@pytest.mark.parametrize(
    "text", ['{"a": 1, b: 2}', '{"a": 1, "b": nope, "c": 3}', '{"a": 1, "b": "\\x"}', '{"a": 1 ]', '{"a": 1, 2: 3}']
)
def test_after_what_cannot_be_understood_nothing_changes(text: str) -> None:
    parser = read(text)
    assert parser.is_broken
    before = copy.deepcopy(parser.value)
    assert before is not None
    assert before["a"] == 1
    assert parser.add_chunk(', "z": 1}') is None
    assert parser.value == before


def test_nesting_without_end_is_not_followed() -> None:
    assert read('{"a":' * 5000, 100).is_broken


def test_with_a_clock_pieces_are_read_once_a_tick() -> None:
    time_is = 0.0
    parser = StreamingJSONParser(now=lambda: time_is, tick_seconds=0.1)
    assert parser.add_chunk('{"a": "b') == {"a": "b"}
    assert parser.add_chunk("c") is None
    time_is = 0.1
    assert parser.add_chunk("d") == {"a": "bcd"}
    parser.add_chunk('e"}')
    assert parser.flush() == {"a": "bcde"}
    assert parser.is_over


@pytest.mark.slow
def test_work_does_not_grow_with_the_square() -> None:
    # At 17 times the length, a parser that restarts with every piece takes 290 times as long.
    # Not the least: the clock of a virtual machine's processor has shown a seventh of what it takes.
    small, large = (median(seconds(size) for _ in range(3)) for size in (58_000, 1_000_000))
    assert large < 60 * small


def seconds(size: int) -> float:
    """Returns the CPU time of reading a plan with so many characters, in pieces of four."""
    dice = random.Random(size)
    plan, chars = plan_of(dice, weeks=0), 0
    while chars < size:
        plan["weeks"].append(week_of(dice))
        chars += len(json.dumps(plan["weeks"][-1], ensure_ascii=False))
    # Reads once in so many pieces: by the time, it would read a short text once, at its end.
    pieces = count()
    text, parser = json.dumps(plan, ensure_ascii=False), StreamingJSONParser(now=lambda: next(pieces), tick_seconds=20)
    # Collections take the longer, the more the tests before have left.
    gc.disable()
    try:
        began = time.process_time()
        for start in range(0, size, 4):
            parser.add_chunk(text[start : start + 4])
        return time.process_time() - began
    finally:
        gc.enable()


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_a_number_beyond_all_others_is_not_understood(number: str) -> None:
    parser = StreamingJSONParser()
    parser.add_chunk(f'{{"a": 1, "b": {number}, "c": 2}}')
    assert parser.is_broken
    assert json.dumps(parser.value, allow_nan=False) == '{"a": 1}'


def test_no_text_holds_nul() -> None:
    parser = StreamingJSONParser()
    for sign in '{"a": "x\\u0000y", "b\\u0000": ["\\u0000':
        parser.add_chunk(sign)
        assert "\\u0000" not in json.dumps(parser.value)
    assert parser.value == {"a": "x\ufffdy", "b\ufffd": ["\ufffd"]}
