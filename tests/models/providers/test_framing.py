"""A reply is read the same however it is chunked; wherever it is truncated, it is read as a prefix."""

import json
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st

from tests.models.providers.canned import Canned
from tests.models.providers.received import Received, collect, is_answer, request_for
from webapp.models.providers.openai import OpenAIProvider
from webapp.streaming.stop import Stop

TOKENS = ["Grüße ", "aus ", "東京 ", "\U0001f600", ", ", 'a "quote" ', "\\", "\n", "end"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


def stream_of(tokens: list[str], *, newline: str = "\n", space: str = " ", ascii: bool = False, done: bool = True) -> bytes:
    chunks: list[object] = [{"choices": [{"delta": {"content": token}}]} for token in tokens]
    chunks.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    chunks.append({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": len(tokens)}})
    told = [json.dumps(chunk, ensure_ascii=ascii) for chunk in chunks] + ["[DONE]"] * done
    return "".join(f": still here{newline * 2}data:{space}{line}{newline * 2}" for line in told).encode()


def collected_from(stop: Stop, *chunks: bytes, breaks: bool = False) -> Received:
    provider = OpenAIProvider("canned", "http://canned/v1", "", Canned(*chunks, breaks=breaks))  # type: ignore[arg-type]
    return collect(provider.stream(request_for(), stop))


@pytest.mark.mostly_slow
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("ascii", [True, False])
def test_a_cut_at_every_byte_says_the_same(new_stop: Callable[[], Stop], newline: str, ascii: bool) -> None:
    stream = stream_of(TOKENS, newline=newline, ascii=ascii)

    for at in range(len(stream)):
        received = collected_from(new_stop(), stream[:at], stream[at:])
        assert (received.text, received.end) == ("".join(TOKENS), "stop"), at


@pytest.mark.mostly_slow
@pytest.mark.parametrize("breaks", [True, False])
def test_an_end_at_every_byte_says_a_beginning(new_stop: Callable[[], Stop], breaks: bool) -> None:
    stream = stream_of(TOKENS)
    marker = stream.index(b'"finish_reason": "stop"')
    decided = stream.index(b"\n\n", marker) + 2

    for at in range(len(stream)):
        received = collected_from(new_stop(), stream[:at], breaks=breaks)
        assert "".join(TOKENS).startswith(received.text)
        assert received.end == ("stop" if at >= decided else "cut"), at


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    tokens=st.lists(TEXTS, max_size=12),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    space=st.sampled_from(["", " "]),
    ascii=st.booleans(),
    done=st.booleans(),
    cuts=st.lists(st.integers(0, 3000), max_size=30),
)
def test_the_framing_of_a_reply_does_not_matter(
    new_stop: Callable[[], Stop], tokens: list[str], newline: str, space: str, ascii: bool, done: bool, cuts: list[int]
) -> None:
    # Text that begins with such a tag is reasoning.
    assume(is_answer("".join(tokens)))
    stream = stream_of(tokens, newline=newline, space=space, ascii=ascii, done=done)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})

    received = collected_from(new_stop(), *(stream[a:b] for a, b in pairwise(edges)))

    assert (received.text, received.end) == ("".join(tokens), "stop")
    assert received.usage
    assert received.usage.output_tokens == len(tokens)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(noise=st.binary(max_size=400))
def test_noise_ends_in_words(new_stop: Callable[[], Stop], noise: bytes) -> None:
    received = collected_from(new_stop(), noise)

    assert received.failure
    assert received.failure.message.endswith((".", "?"))
