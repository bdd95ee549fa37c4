"""What one generation has said, without when it said it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from webapp.engine.tables import Generation
from webapp.streaming.events import Delta, Ended, Event, Failed, Notice, Reasoning, Saved, Sources, Started, Usage
from webapp.streaming.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Said:
    """The words of a generation without when they came."""

    started: Started | None
    text: str
    reasoning: str = ""
    sources: tuple[dict[str, Any], ...] = ()

    def events(self) -> list[Event]:
        """The same as if it had been said in one piece."""
        reasoning = [Reasoning(self.reasoning)] if self.reasoning else []
        sources = [Sources(self.sources)] if self.sources else []
        return [*filter(None, [self.started]), *sources, *reasoning, *([Delta(self.text)] if self.text else [])]


def so_far(transcript: Transcript) -> Said:
    """Of one that runs."""
    return Said(transcript.started, transcript.text, transcript.reasoning, transcript.sources)


def started_of(generation: Generation) -> Started:
    return Started(generation.model, generation.provider, generation.is_demo)


def end_of(generation: Generation, saved: Iterable[Saved]) -> list[Event]:
    """What is known of one that has ended beside its words, with what its kind saved, up to its end."""
    notices = [Notice(**each) for each in generation.notices or ()]
    usage = Usage(generation.input_tokens, generation.output_tokens, generation.cost, generation.model_used)
    has_failed = generation.status in ("failed", "interrupted")
    failed = [Failed(generation.reason, generation.error or "It was interrupted.", retryable=True)] if has_failed else []
    ended = Ended(generation.status, generation.reason)  # type: ignore[arg-type]  # it has one of the four
    return [*notices, usage, *failed, *saved, ended]
