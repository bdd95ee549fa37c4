"""What a dialect has to remember of a generation until its end. Pure."""

from typing import Any

from webapp.streaming.events import TRIED, Ended, Event, Failed, Notice, Saved, Sources
from webapp.streaming.transcript import Transcript

STOPPED = "It was stopped before it finished."
DEMO = Notice("demo", "This answer comes from the demo, not from a model.")
BROKEN = Failed("interrupted", "The answer was cut off before it finished.", retryable=True)
UNFINISHED = Failed("stream_closed", "The stream ends here; the answer is kept and may still continue.", retryable=True)


class Course:
    """Folds canonical events into the few facts that closing events tell."""

    def __init__(self) -> None:
        self.transcript = Transcript()
        self.sources: list[dict[str, Any]] = []
        self.answer_id = ""
        self.ended: Ended | None = None
        self._failed: Failed | None = None

    def fold(self, event: Event) -> None:
        """Takes the next event."""
        self.transcript.fold(event)
        match event:
            case Sources(items):
                self.sources.extend(items)
            case Saved(id=id, role="assistant"):
                self.answer_id = id
            case Failed():
                self._failed = event
            case Ended():
                self.ended = event

    @property
    def failure(self) -> Failed | None:
        """Why it is an error, once it has ended; nothing when it is complete or was stopped."""
        if not self.ended:
            return UNFINISHED
        return (self._failed or BROKEN) if self.ended.status in ("interrupted", "failed") else None

    @property
    def was_stopped(self) -> bool:
        return bool(self.ended and self.ended.status == "stopped")

    @property
    def notices(self) -> list[dict[str, str]]:
        """What the reader should know, in the order in which it happened."""
        demo = [DEMO] if self.transcript.started and self.transcript.started.demo else []
        told = [each for each in self.transcript.notices if each.code != TRIED]
        return [{"code": each.code, "message": each.message} for each in [*demo, *told]]
