"""Records what a provider yields."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from webapp.models.providers.base import ModelRequest, ToolCall, ToolSpec, Turn
from webapp.models.providers.reasoning import ANSWERS, THOUGHTS
from webapp.streaming.events import Calling, Delta, Ended, Event, Kept, Reasoning, Started, Usage
from webapp.streaming.failure import ProviderError
from webapp.streaming.transcript import Transcript

SEARCH = ToolSpec("search_web", "Searches the web.", '{"type": "object", "properties": {"query": {"type": "string"}}}')
TAGS = (*THOUGHTS, *ANSWERS)
KEY = "sk-or-v1-0123456789abcdef0123456789abcdef"


def is_answer(text: str) -> bool:
    """Returns whether a text has no tag of reasoning, which Hypothesis knows from our code: what is behind one is no answer."""
    return not any(tag in text for tags in TAGS for tag in (tags.opening, tags.closing))


@dataclass
class Received:
    """All events of a provider, and how it ended."""

    events: list[Event] = field(default_factory=list)
    failure: ProviderError | None = None

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Delta))

    @property
    def reasoning(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Reasoning))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls, put together from their pieces."""
        pieces = [event for event in self.events if isinstance(event, Calling)]
        firsts = {piece.number: piece for piece in reversed(pieces)}
        assert sorted(firsts) == list(range(len(firsts)))
        assert [bool(piece.id and piece.tool) for piece in pieces] == [piece is firsts[piece.number] for piece in pieces]
        return tuple(
            ToolCall(first.id, first.tool, "".join(piece.arguments for piece in pieces if piece.number == number))
            for number, first in sorted(firsts.items())
        )

    @property
    def kept(self) -> str:
        [*data] = (event.data for event in self.events if isinstance(event, Kept))
        assert len(data) <= 1
        return data[0] if data else ""

    @property
    def usage(self) -> Usage | None:
        """The usage, folded as every reader of the events does."""
        transcript = Transcript()
        for event in self.events:
            transcript.fold(event)
        return transcript.usage

    @property
    def end(self) -> str:
        """The reason of the end, the code of the failure, or an empty string."""
        if self.failure:
            return self.failure.code
        return self.events[-1].reason if self.events and isinstance(self.events[-1], Ended) else ""

    @property
    def has_started(self) -> bool:
        return bool(self.events) and isinstance(self.events[0], Started)


def collect(events: Iterable[Event], received: Received | None = None) -> Received:
    """Collects all events; a test that passes its own `received` can inspect it while they arrive."""
    received = received or Received()
    try:
        for event in events:
            received.events.append(event)
    except ProviderError as failure:
        received.failure = failure
    return received


def request_for(*turns: str, model: str = "fake/plain", **how: Any) -> ModelRequest:
    """Builds a request with turns that alternate between a person and a model."""
    roles = ("user", "assistant")
    return ModelRequest(model, tuple(Turn(roles[at % 2], text) for at, text in enumerate(turns or ("Hello?",))), **how)
