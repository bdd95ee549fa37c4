"""The seams of an answer: labels where it was cut and continued, and the places of its calls. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from webapp.rendering.seams import CallsSeam, Seam

WORDS = {"server_restart": "the server restarted here", "user": "stopped here"}


class AnswerPart(Protocol):
    """The fields needed of a generation; `continues_id` is the id of the generation it continues, in the same message."""

    @property
    def id(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def continues_id(self) -> str | None: ...
    @property
    def text_offset(self) -> int: ...
    @property
    def created_at(self) -> datetime | None: ...


def seams_of(generations: Sequence[AnswerPart]) -> list[Seam]:
    """Returns one seam for each cut, even if several generations tried to continue from there.

    An answer that was complete and then continued on request gets no seam.
    """
    reasons = {generation.id: generation.reason for generation in generations}
    seams = dict[int, Seam]()
    for generation in generations:
        reason = reasons.get(generation.continues_id or "", "")
        if generation.continues_id and generation.text_offset and reason != "stop":
            label = f"{WORDS.get(reason, 'interrupted here')} · continued"
            seams[generation.text_offset] = Seam(generation.text_offset, label, generation.created_at)
    return list(seams.values())


class AnswerCall(Protocol):
    """The fields needed of a call; `text_at` is how much of the text came before it."""

    @property
    def round(self) -> int: ...
    @property
    def text_at(self) -> int: ...


def places_of(calls: Iterable[AnswerCall]) -> list[CallsSeam]:
    """Returns the place of each round that had text before it; the others stand above the text."""
    return [CallsSeam(at, round) for round, at in {call.round: call.text_at for call in calls if call.text_at}.items()]
