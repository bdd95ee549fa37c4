"""The text of a generation so far, folded from its events. Pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .events import (
    ATTEMPT_NOTICE,
    FOLLOWED,
    Asked,
    AttemptRecord,
    Calling,
    Decided,
    Delta,
    Event,
    Notice,
    Phase,
    PhaseName,
    Question,
    Reasoning,
    Returned,
    Sources,
    Started,
    Usage,
)
from .topics import Entry


class Transcript:
    """The text and state of a generation, folded by the same code for all: its run, the recovery, and the pages that show it."""

    def __init__(self) -> None:
        self.started: Started | None = None
        self.phase: PhaseName | None = None
        self.usage: Usage | None = None
        self.notices: list[Notice] = []
        self.sources: tuple[Mapping[str, Any], ...] = ()
        # What has been said of each call: `asked`, a question or an answer by its number, a decision, `returned`.
        self.calls: set[tuple[str, str]] = set()
        self.chars = 0
        self._text: list[str] = []
        self._reasoning: list[str] = []
        # The calls that are a program's to make, by their numbers, each in pieces.
        self._program_calls: dict[int, list[Calling]] = {}

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Transcript":
        """Returns the transcript of these entries of a log."""
        transcript = cls()
        for entry in entries:
            transcript.fold(entry.event)
        return transcript

    def fold(self, event: Event) -> None:
        """Folds the next event."""
        match event:
            case Delta(text):
                self._text.append(text)
                self.chars += len(text)
            case Reasoning(text):
                self._reasoning.append(text)
            case Started():
                self.started = event
            case Phase(name):
                self.phase = name
            case Sources(items):
                self.sources = items
            case Asked(call_id):
                self.calls.add((call_id, "asked"))
            case Question(call_id, number):
                self.calls.add((call_id, f"question {number}"))
            case Decided(call_id, decision, number=number):
                self.calls.add((call_id, f"answer {number}" if number else decision))
            case Returned(call_id):
                self.calls.add((call_id, "returned"))
            case Calling(number):
                self._program_calls.setdefault(number, []).append(event)
            case Notice():
                self.notices.append(event)
                self.usage = None if event.code in FOLLOWED else self.usage
            case Usage():
                self.usage = self.usage.updated(event) if self.usage else event

    @property
    def provider(self) -> str:
        return self.started.provider if self.started else ""

    @property
    def served(self) -> str:
        """The model that answers, as soon as it is known."""
        return (self.usage.model if self.usage else "") or (self.started.model if self.started else "")

    @property
    def is_demo(self) -> bool:
        """Whether the demo answers, possibly as the fallback for a model that had begun."""
        return bool(self.started and self.started.demo) or any(notice.code == "demo_fallback" for notice in self.notices)

    @property
    def attempts(self) -> list[AttemptRecord]:
        """The failed requests to providers in order, from the notices with the code `ATTEMPT_NOTICE`."""
        return [json.loads(notice.detail) for notice in self.notices if notice.code == ATTEMPT_NOTICE]

    @property
    def text(self) -> str:
        return _joined(self._text)

    @property
    def program_calls(self) -> list[Calling]:
        """The calls that are a program's to make, each in one piece."""
        return [whole_call(pieces) for _, pieces in sorted(self._program_calls.items())]

    @property
    def reasoning(self) -> str:
        return _joined(self._reasoning)


def whole_call(pieces: Sequence[Calling]) -> Calling:
    """Joins consecutive pieces of the same call."""
    return replace(pieces[0], arguments="".join(piece.arguments for piece in pieces))


def _joined(parts: list[str]) -> str:
    # Joined in place, so that reading the text again does not copy all of it again.
    if len(parts) > 1:
        parts[:] = ["".join(parts)]
    return parts[0] if parts else ""
