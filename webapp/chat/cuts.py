"""Where an answer was cut and continued, in words for whoever reads it. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from webapp.rendering.seams import Seam

WORDS = {"server_restart": "the server restarted here", "user": "stopped here"}


class Cut(Protocol):
    """What has to be known of a generation: `continues_id` names the one it went on from, in the same message."""

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


def seams_of(generations: Sequence[Cut]) -> list[Seam]:
    """One seam for each place, though several generations may have tried to go on from it.

    Of one that was complete and was asked to go on, nothing has to be said.
    """
    reasons = {generation.id: generation.reason for generation in generations}
    went_on = [(reasons.get(each.continues_id, ""), each) for each in generations if each.continues_id and each.text_offset]
    continued = {each.text_offset: _seam(reason, each) for reason, each in went_on if reason != "stop"}
    return list(continued.values())


def _seam(reason: str, generation: Cut) -> Seam:
    label = f"{WORDS.get(reason, 'interrupted here')} · continued"
    return Seam(generation.text_offset, label, generation.created_at)
