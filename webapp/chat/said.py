"""What one generation has said: of its message, from where it began to where another has gone on."""

from dataclasses import dataclass

from sqlalchemy import func, select

from webapp.chat.tables import Message
from webapp.extensions import db
from webapp.generations.tables import Generation
from webapp.streaming.events import Delta, Ended, Event, Failed, Notice, Reasoning, Saved, Started, Usage
from webapp.streaming.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Said:
    """The words of a generation without when they came."""

    started: Started | None
    text: str
    reasoning: str = ""

    def events(self) -> list[Event]:
        """The same as if it had been said in one piece."""
        reasoning = [Reasoning(self.reasoning)] if self.reasoning else []
        return [*filter(None, [self.started]), *reasoning, *([Delta(self.text)] if self.text else [])]


def so_far(transcript: Transcript) -> Said:
    """Of one that runs."""
    return Said(transcript.started, transcript.text, transcript.reasoning)


def of(generation: Generation, message: Message) -> Said:
    """Of one that has ended."""
    return Said(started_of(generation), text_of(generation, message), reasoning_of(generation, message))


def started_of(generation: Generation) -> Started:
    return Started(generation.model_used or generation.model_asked, generation.provider, generation.is_demo)


def text_of(generation: Generation, message: Message) -> str:
    """The text of a generation that has ended."""
    continued = select(func.min(Generation.text_offset)).where(Generation.continues_id == generation.id)
    return message.content[generation.text_offset : db.session.scalar(continued)]


def reasoning_of(generation: Generation, message: Message) -> str:
    """What it has thought, where the message holds the thoughts of one generation alone."""
    continued = select(Generation.id).where(Generation.continues_id == generation.id).limit(1)
    is_alone = not generation.continues_id and db.session.scalar(continued) is None
    return message.reasoning if is_alone else ""


def end_of(generation: Generation) -> list[Event]:
    """What is known of one that has ended beside its words, up to its end."""
    notices = [Notice(**each) for each in generation.notices or ()]
    usage = Usage(generation.input_tokens, generation.output_tokens, generation.cost, generation.model_used)
    has_failed = generation.status in ("failed", "interrupted")
    failed = [Failed(generation.reason, generation.error or "It broke off.", retryable=True)] if has_failed else []
    what, _, id = generation.lane.partition(":")
    saved = Saved("message", generation.message_id, "assistant") if generation.message_id else Saved(what, id, "assistant")
    ended = Ended(generation.status, generation.reason)  # type: ignore[arg-type]  # it has one of the four
    return [*notices, usage, *failed, saved, ended]
