"""The text that is found without parsing is the text that parsing gives, whatever comes before, between and after."""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.models.providers.received import request_for
from webapp.models.providers.anthropic import AnthropicReader
from webapp.models.providers.base import ProviderError
from webapp.models.providers.calls import Calls
from webapp.models.providers.openai import OpenAIReader
from webapp.models.providers.reply_stream import ReplyReader, ReplyStream, in_one, value_of
from webapp.streaming.codec import SseDecoder
from webapp.streaming.events import Calling, Delta, Event, Reasoning, Text, Usage

# Plain words, escapes, lone surrogates, Unicode line ends, and text that looks like the message around it.
WORDS = [
    "word ",
    "naïve ",
    "東京",
    "\U0001f600",
    "\ud83d",
    "\ude00",
    '"',
    "\\",
    "\\u0041",
    "\n",
    "\r",
    "\0",
    "\u2028",
    "\ufeff",
    "[DONE]",
]
WORDS += ['"}}]}', '","content":"', "data: ", "content", "word and more", ""]
TEXTS = st.one_of(st.just("word "), st.sampled_from(WORDS), st.text(max_size=8))


def openai(text: str, *, key: str = "content", **more: Any) -> dict[str, Any]:
    return {"id": "gen-1", "model": "m", "choices": [{"index": 0, "delta": {key: text, **more}, "finish_reason": None}]}


def blocks_of(text: str) -> dict[str, Any]:
    """Returns one token in messages of many shapes."""
    usage = {"prompt_tokens": 3, "completion_tokens": 5}
    return {
        "usual": openai(text),
        "with its role": openai(text, role="assistant"),
        "in another order": {"choices": [{"delta": {"content": text}, "index": 0}], "model": "m"},
        "a thought": openai(text, key="reasoning"),
        "a thought twice": openai(text, key="reasoning", reasoning_details=[{"type": "reasoning.text", "text": text}]),
        "a refusal": openai(text, key="refusal"),
        "text and a refusal": openai(text, refusal="no"),
        "with usage": {**openai(text), "usage": usage},
        "text and a thought": openai(text, reasoning="so"),
        "another answer": {"choices": [{"index": 1, "delta": {"content": text}}]},
        "two answers": {"choices": [{"index": 1, "delta": {"content": "other"}}, {"index": 0, "delta": {"content": text}}]},
        "the end": {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]},
        "text and a call": openai(text, tool_calls=[{"index": 0, "id": "a", "function": {"name": "now", "arguments": text}}]),
        "a call": openai("", tool_calls=[{"index": 0, "id": "a", "function": {"name": "now", "arguments": text}}]),
        "more of a call": openai("", tool_calls=[{"index": 0, "function": {"arguments": text}}]),
        "a call elsewhere": {"type": "content_block_start", "content_block": {"type": "tool_use", "id": "a", "name": text}},
        "more of it elsewhere": {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": text}},
        "a signature elsewhere": {"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": text}},
        "from elsewhere": {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}},
        "thought elsewhere": {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": text}},
    }


def sent(shape: str, text: str, *, ascii: bool, compact: bool, newline: str, before: str) -> bytes:
    separators = (",", ":") if compact else None
    line = json.dumps(blocks_of(text)[shape], ensure_ascii=ascii, separators=separators)
    return f"{before}data: {line}{newline * 2}".replace("\n", newline).encode("utf-8", "surrogatepass")


BEFORE = [": still here\n\n", "event: message\n", "id: 7\n", ": said\n"]


def mostly(this: str, others: list[str]) -> st.SearchStrategy[str]:
    return st.one_of(st.just(this), st.just(this), st.sampled_from(others))


def messages(usual: str) -> st.SearchStrategy[list[bytes]]:
    """Generates messages of mostly one shape, like those of a server."""
    shape, newline = mostly(usual, list(blocks_of(""))), mostly("\n", ["\r\n", "\r"])
    one = st.builds(sent, shape, TEXTS, ascii=st.booleans(), compact=st.just(True), newline=newline, before=mostly("", BEFORE))
    return st.lists(one, max_size=12)


def calls() -> Calls:
    return Calls(request_for(), "server")


READERS: dict[str, Callable[[Usage], OpenAIReader | AnthropicReader]] = {
    "openai": OpenAIReader,
    "anthropic": AnthropicReader,
    "openai with tools": lambda known: OpenAIReader(known, calls()),
    "anthropic with tools": lambda known: AnthropicReader(known, calls()),
}
USUAL = {
    "openai": "usual",
    "anthropic": "from elsewhere",
    "openai with tools": "usual",
    "anthropic with tools": "thought elsewhere",
}


def failed(_: Any = None) -> ProviderError:
    return ProviderError("error", "It is refused.")


def collect(reader: ReplyReader, pieces: Iterator[bytes]) -> list[Event]:
    stream = ReplyStream(reader, refuse=failed, nonsense=failed)
    events: list[Event] = []
    while not stream.is_over and (piece := next(pieces, None)):
        events += stream.feed(piece)
    return events


def parsed(reader: ReplyReader, content: bytes) -> list[Event]:
    """Reads with the full parser alone, up to the word that ends a stream."""
    events: list[Event] = []
    for message in SseDecoder().feed(content):
        if message.data.strip() == "[DONE]":
            break
        if value := value_of(message):
            events += reader.take(value)
    return events


def pieces(events: list[Event]) -> list[Event]:
    return list(in_one(event for event in events if isinstance(event, Calling)))


def joined(events: list[Event], kind: type[Text]) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


def summary(events: list[Event], reader: ReplyReader) -> tuple[Any, ...]:
    others = [event for event in events if not isinstance(event, Delta | Reasoning | Calling)]
    told = joined(events, Delta), joined(events, Reasoning), pieces(events), others
    return *told, reader.finish, reader.usage, reader.kept


@pytest.mark.slow
@pytest.mark.parametrize("kind", READERS)
@given(received=st.data(), cuts=st.lists(st.integers(0, 2000), max_size=12))
def test_it_agrees_with_the_parser(kind: str, received: st.DataObject, cuts: list[int]) -> None:
    content, known = b"".join(received.draw(messages(USUAL[kind]))), Usage(model="m")
    edges = sorted({0, len(content), *(cut for cut in cuts if cut < len(content))})
    quick, whole = READERS[kind](known), READERS[kind](known)

    events = collect(quick, (content[a:b] for a, b in pairwise(edges)))

    assert summary(events, quick) == summary(parsed(whole, content), whole)


class Counting:
    """A reader that counts the messages parsed for it."""

    def __init__(self, kind: str) -> None:
        self.reader: ReplyReader = READERS[kind](Usage(model="m"))
        self.parsed = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.reader, name)

    def take(self, chunk: Any) -> Iterator[Event]:
        self.parsed += 1
        return self.reader.take(chunk)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("openai", "usual"),
        ("openai", "with its role"),
        ("openai", "a thought"),
        ("anthropic", "from elsewhere"),
        ("anthropic", "thought elsewhere"),
        ("openai with tools", "usual"),
        ("openai with tools", "a thought"),
        ("anthropic with tools", "from elsewhere"),
        ("anthropic with tools", "thought elsewhere"),
    ],
)
@pytest.mark.parametrize("compact", [True, False])
def test_the_usual_message_is_parsed_once(kind: str, shape: str, compact: bool) -> None:
    reader = Counting(kind)
    words = ["Hello", ", ", "naïve ", "\n", 'a "b" ', "\U0001f600"] * 50
    pieces = (sent(shape, word, ascii=False, compact=compact, newline="\n", before="") for word in words)

    events = collect(reader, pieces)

    assert joined(events, Delta) + joined(events, Reasoning) == "".join(words)
    assert reader.parsed == 1


def test_a_call_that_is_read_together_is_told_together() -> None:
    content = sent("a call", "{", ascii=True, compact=True, newline="\n", before="")
    content += sent("more of a call", "}", ascii=True, compact=True, newline="\n", before="") * 9

    assert collect(OpenAIReader(Usage(model="m"), calls()), iter([content])) == [Calling(0, "a", "now", "{" + "}" * 9)]


def test_what_is_read_together_is_told_together() -> None:
    content = b"".join(sent("usual", f"{number} ", ascii=True, compact=True, newline="\n", before="") for number in range(100))

    assert len(collect(OpenAIReader(Usage(model="m")), iter([content]))) == 1


def test_what_never_looks_the_same_is_hardly_looked_at() -> None:
    reader = Counting("openai")
    messages = (json.dumps({**openai(f"word {number} "), "padding": "x" * (number % 7) + str(number)}) for number in range(500))

    events = collect(reader, (f"data: {message}\n\n".encode() for message in messages))

    assert joined(events, Delta).endswith("word 499 ")
    assert reader.parsed == 500
