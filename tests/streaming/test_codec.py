"""The decoder with the corpus, with every split, with large streams, and with our own encoder."""

import base64
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.support.speed import takes_at_most
from webapp.streaming.codec import LineTooLong, SseDecoder, SseMessage, encode

CORPUS = json.loads((Path(__file__).parent / "sse_cases.json").read_text())
CASES, STRESS = CORPUS["cases"], CORPUS["stress"]


def decoded(*chunks: bytes) -> list[SseMessage]:
    decoder = SseDecoder()
    return [message for chunk in chunks for message in decoder.feed(chunk)]


def expected(case: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(event["event"], event["data"], event["id"]) for event in case["expected"]]


def as_told(messages: list[SseMessage]) -> list[tuple[str, str, str]]:
    return [(message.event, message.data, message.id) for message in messages]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_it_reads_what_the_standard_says(case: dict[str, Any]) -> None:
    decoder, messages, retries = SseDecoder(), [], []
    for chunk in case["chunks"]:
        for message in decoder.feed(base64.b64decode(chunk)):
            messages.append(message)
            retries.append(decoder.retry_ms)

    assert as_told(messages) == expected(case)
    assert retries == [event["retry"] for event in case["expected"]]
    assert decoder.last_event_id == case["final"]["last_event_id"]
    assert decoder.retry_ms == case["final"]["retry"]


@pytest.mark.mostly_slow
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_every_cut_in_two_reads_the_same(case: dict[str, Any]) -> None:
    stream = b"".join(base64.b64decode(chunk) for chunk in case["chunks"])

    for at in range(0, len(stream) + 1, 1 + len(stream) // 400):
        assert as_told(decoded(stream[:at], b"", stream[at:])) == expected(case), at


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_small_pieces_read_the_same(size: int) -> None:
    for case in CASES:
        stream = b"".join(base64.b64decode(chunk) for chunk in case["chunks"])
        pieces = (stream[at : at + size] for at in range(0, len(stream), size))
        assert as_told(decoded(*pieces)) == expected(case), case["name"]


@pytest.mark.mostly_slow
@pytest.mark.parametrize("case", STRESS, ids=[case["name"] for case in STRESS])
def test_large_streams_cost_little(case: dict[str, Any]) -> None:
    decoder, messages = SseDecoder(), []
    with takes_at_most(case["limit_seconds"]):
        try:
            for chunk in pieces_of(case["make"]):
                messages += decoder.feed(chunk)
        except LineTooLong:
            assert case["expect"].get("may_raise_limit_error")

    assert len(messages) == case["expect"]["events"]
    if case["expect"]["data_length"]:
        assert sum(len(message.data) for message in messages) == case["expect"]["data_length"]


def pieces_of(make: dict[str, Any]) -> Iterator[bytes]:
    stream = (make["prefix"] + make["unit"] * make["count"] + make["suffix"]).encode()
    return (stream[at : at + make["chunk"]] for at in range(0, len(stream), make["chunk"]))


@given(st.text(), st.lists(st.integers(0, 200)))
def test_the_cut_does_not_matter(text: str, cuts: list[int]) -> None:
    stream = encode(text, event="chunk", id="7") + b": a comment\r\n\r\n" + encode("end")
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})

    assert decoded(*(stream[a:b] for a, b in pairwise(edges))) == decoded(stream)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")))
def test_what_is_encoded_comes_back(text: str) -> None:
    assert decoded(encode(text)) == [SseMessage(text)]


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_nothing_is_smuggled_through_names(event: str, id: str) -> None:
    assert len(decoded(encode("text", event=event, id=id))) == 1


def test_it_refuses_a_line_without_end() -> None:
    with pytest.raises(LineTooLong):
        list(SseDecoder(max_chars=10).feed(b"data: " + b"x" * 11))


def test_it_refuses_a_message_without_end() -> None:
    with pytest.raises(LineTooLong):
        list(SseDecoder(max_chars=10).feed(b"data: xxxx\n" * 3))
