"""What readers are told of a call while a model writes it: by pages a line that grows, by programs pieces, by the log nothing."""

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

from gevent.event import Event as GreenEvent

from tests.engine.bench import Bench
from tests.tools.test_recovery import Counter, calls_in
from tests.upstream.fixtures import app
from webapp.api.native.events import CanonicalEncoder
from webapp.api.streaming.encoding import DialectFrame, StreamState
from webapp.api.streaming.feed import GenerationFeed
from webapp.chat.messages.projection import AnswerProjection
from webapp.guests.dialects.text import TextEncoder
from webapp.models.providers.base import ModelRequest
from webapp.streaming.events import Asking, Calling, Delta, Ended, Event, Started
from webapp.streaming.stop import Stop
from webapp.streaming.topics import Entry
from webapp.tools.rounds import TOLD_SECONDS, Round, Rounds
from webapp.tools.tool import READS

__all__ = ["app"]
FIRST = Asking(1, 0, "write_file", "Write a file", '{"name": "a.md", "content": "# One', 33)


def chunk(finish: str | None = None, **delta: Any) -> dict[str, str]:
    choice = {"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": finish}
    return {"send": f"data: {json.dumps({'id': 'x', 'choices': [choice]})}\n\n"}


def test_a_call_is_told_while_it_is_written_and_never_stored(bench: Bench, fake) -> None:
    begun = [{"index": 0, "id": "one", "function": {"name": "count", "arguments": '{"wh'}}]
    rest = [{"index": 0, "function": {"arguments": 'at": "one"}'}}]
    steps = [chunk(tool_calls=begun), {"hold": True}, chunk(tool_calls=rest), chunk("tool_calls"), {"send": "data: [DONE]\n\n"}]
    fake.behaves([{"steps": steps}, {"says": "Good."}])
    Counter(READS).offered(bench)
    id = bench.ask(person=bench.person(), tools=["count"])
    generation, topics, topic = bench.generation(id), bench.engine.logs.topics, f"generation:{id}"
    native = GenerationFeed(bench.engine, generation, CanonicalEncoder())
    other = GenerationFeed(bench.engine, generation, TextOnly())
    with bench.engine.in_app():
        broadcast = bench.engine.logs.broadcast(generation)
    assert broadcast
    bench.until(lambda: bool(topics.transient_since(topic, 0)[0]))
    (told,) = [line.decode() for line in native.news() if b"asking" in line]
    data = {"round": 1, "number": 0, "tool": "count", "title": "Count", "arguments": '{"wh', "chars": 4}
    assert told == f"event: asking\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"
    assert b"asking" not in b"".join(other.news())
    late = GenerationFeed(bench.engine, generation, CanonicalEncoder(), after=topics.last(topic))
    assert late.news() == []
    assert broadcast.snapshot()[0].words == "Preparing: Count · 4 characters"
    fake.goes_on()
    bench.until_ended(id)
    assert [call.arguments for call in calls_in(bench)] == ['{"what": "one"}']
    assert not [entry for entry in topics.read(topic, 0) if isinstance(entry.event, Asking)]
    assert topics.transient_since(topic, 0)[0] == ()
    assert broadcast.snapshot()[0].words == ""


class TextOnly(TextEncoder):
    """The encoder of a client that knows nothing but text."""

    def opening(self, state: StreamState) -> list[DialectFrame]:
        return []

    def _piece(self, text: str) -> DialectFrame:
        return DialectFrame(text)

    def _end(self) -> list[DialectFrame]:
        return []


class Writing:
    """The source of a round in which a model writes one call in these pieces, a hundred a second by its clock."""

    is_between = False

    def __init__(self, pieces: list[str]) -> None:
        self._pieces, self._ticks = pieces, count()

    def now(self) -> float:
        return next(self._ticks) / 100

    def check_timeout(self) -> str:
        return ""

    def events(self, stop: Stop) -> Iterator[Event]:
        yield Calling(0, "one", "write_file")
        yield from (Calling(0, arguments=piece) for piece in self._pieces)
        yield Ended("completed", "calls")


def test_a_long_call_is_told_piece_by_piece_and_put_together_once() -> None:
    text = json.dumps({"name": "a.md", "content": "A line of text.\n" * 4_000})
    writing = Writing([text[at : at + 3] for at in range(0, len(text), 3)])
    rounds = Rounds(lambda _: writing, now=writing.now, stall_seconds=60)
    rounds.prepare(ModelRequest("m", ()))
    said = list[Round]()

    def read() -> Iterator[Event]:
        said.append((yield from rounds.read(Stop(GreenEvent), lambda name: Asking(1, 0, name, "Write a file", "", 0))))

    told = [event for event in read() if isinstance(event, Asking)]
    assert said[0].calls[0].arguments == text
    whole = "".join(piece.arguments for piece in told)
    assert text.startswith(whole)
    assert told[-1].chars == len(whole) > len(text) - 300
    assert len(told) <= 2 + len(text) / 3 / 100 / TOLD_SECONDS
    assert max(len(piece.arguments) for piece in told) < 100


def words_after(*events: Event) -> str:
    projection = AnswerProjection("m", "g")
    for seq, event in enumerate((Started("m", "p"), *events), start=1):
        for _ in projection.fold(Entry(seq, event)):
            pass
    return projection.words


def test_a_page_shows_the_end_of_a_call_in_one_line() -> None:
    more = Asking(1, 0, "write_file", "Write a file", "\\n\\n<b>Two\u202e three", 55)
    assert words_after(FIRST, more) == "Preparing: Write a file · 55 characters …<b>Two three"
    said = Asking(1, 0, "write_file", "Write a file", '\\n\\nShe said \\"yes\\".', 75)
    assert words_after(FIRST, said) == "Preparing: Write a file · 75 characters …She said ”yes”."
    choices = Asking(1, 0, "ask", "Ask a question", '{"question": "Where?", "choices": ["In one', 75)
    assert words_after(FIRST, choices) == "Preparing: Ask a question · 75 characters"
    long = Asking(1, 1, "x" * 200, "y" * 200, "z" * 90_000, 90_000)
    assert len(words_after(FIRST, long)) < 200
    assert words_after(FIRST, Delta("But")) == ""
