"""Labels for the places where an answer was cut and continued. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from webapp.rendering.seams import Seam

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
