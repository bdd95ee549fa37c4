"""The state a dialect keeps about a generation until it ends. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from webapp.streaming.events import ATTEMPT_NOTICE, Ended, Event, Failed, Notice, Saved, Sources
from webapp.streaming.transcript import Transcript

STOPPED = "It was stopped before it finished."
NO_ACCESS = Notice("no_access", "Disconnected because the chat was deleted or you no longer have access to it.")
DEMO = Notice("demo", "This answer comes from the demo, not from a model.")
UNKNOWN_SESSION = Notice("unknown_session", "That chat doesn't exist here, or isn't yours, so a new one was started.")
BROKEN = Failed("interrupted", "The answer was cut off before it finished.", retryable=True)
UNFINISHED = Failed("stream_closed", "The stream ends here; the answer is kept and may still continue.", retryable=True)


class Course:
    """Folds canonical events into the few facts that the closing events of a dialect report."""

    def __init__(self) -> None:
        self.transcript = Transcript()
        self.sources: list[Mapping[str, Any]] = []
        self.answer_id = ""
        self.ended: Ended | None = None
        self._failed: Failed | None = None

    def fold(self, event: Event) -> None:
        """Folds the next event."""
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
        """The reason for an error, `UNFINISHED` before the end; None for an answer that is complete or was stopped."""
        if NO_ACCESS in self.transcript.notices:
            return Failed(NO_ACCESS.code, NO_ACCESS.message)
        if not self.ended:
            return UNFINISHED
        return (self._failed or BROKEN) if self.ended.status in ("interrupted", "failed") else None

    @property
    def was_stopped(self) -> bool:
        return bool(self.ended and self.ended.status == "stopped")

    @property
    def notices(self) -> list[dict[str, str]]:
        """The notices for the reader, in the order in which they occurred."""
        demo = [DEMO] if self.transcript.started and self.transcript.started.demo else []
        return as_objects([*demo, *(notice for notice in self.transcript.notices if notice.code != ATTEMPT_NOTICE)])


def about_chat(session_id: str | None, chat_id: str) -> Sequence[Notice]:
    """Returns a notice if the client named a chat that is unknown, so that another one was begun."""
    return (UNKNOWN_SESSION,) if session_id and session_id != chat_id else ()


def as_objects(notices: Iterable[Notice]) -> list[dict[str, str]]:
    """Returns notices in the form in which every dialect sends them."""
    return [{"code": notice.code, "message": notice.message} for notice in notices]
