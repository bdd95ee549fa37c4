"""The text of one generation without its timing."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from webapp.engine.tables import Generation
from webapp.streaming.events import Delta, Ended, Event, Failed, Notice, Reasoning, Saved, Sources, Started, Usage
from webapp.streaming.transcript import Transcript


@dataclass(frozen=True, slots=True)
class GenerationText:
    """The text, reasoning and sources of a generation, without when they arrived."""

    started: Started | None
    text: str
    reasoning: str = ""
    sources: tuple[dict[str, Any], ...] = ()

    def events(self) -> list[Event]:
        """Returns the same as events, as if all text had arrived in one piece."""
        reasoning = [Reasoning(self.reasoning)] if self.reasoning else []
        sources = [Sources(self.sources)] if self.sources else []
        return [*filter(None, [self.started]), *sources, *reasoning, *([Delta(self.text)] if self.text else [])]


def so_far(transcript: Transcript) -> GenerationText:
    """Returns what a running generation has said so far."""
    return GenerationText(transcript.started, transcript.text, transcript.reasoning, transcript.sources)


def started_of(generation: Generation) -> Started:
    return Started(generation.model, generation.provider, generation.is_demo)


def end_of(generation: Generation, saved: Iterable[Saved]) -> list[Event]:
    """Returns the closing events of an ended generation, apart from its text, including what its kind saved."""
    notices = [Notice(**each) for each in generation.notices or ()]
    usage = Usage(generation.input_tokens, generation.output_tokens, generation.cost, generation.model_used)
    has_failed = generation.status in ("failed", "interrupted")
    failed = [Failed(generation.reason, generation.error or "It was interrupted.", retryable=True)] if has_failed else []
    ended = Ended(generation.status, generation.reason)  # type: ignore[arg-type]  # it has one of the four
    return [*notices, usage, *failed, *saved, ended]
