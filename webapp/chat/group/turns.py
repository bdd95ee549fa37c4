"""Decides who answers next in a group. Pure."""

import re
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from webapp.characters.cards.card_fields import USUALLY_TALKATIVE

MANUAL, ROTATION, MENTION, TALKATIVE = "manual", "rotation", "mention", "talkative"
ORDERS = {
    MENTION: "Whoever you name, otherwise in turn",
    ROTATION: "In turn",
    TALKATIVE: "At random, talkative ones more often",
    MANUAL: "Whoever you choose, otherwise the last one again",
}
LEAST_CAST, MOST_CAST = 2, 12
# Names are searched in the beginning of a message only: pasted text below it is not meant to address a character.
READ_CHARS = 10_000
# Words of a name that don't identify a character.
LEAST_CHARS, NO_NAMES = 3, {"the", "and", "von", "van", "der", "des", "del"}


@dataclass(frozen=True, slots=True)
class Member:
    """A character that can speak, with its relative chance to do so from 0 to 1."""

    id: str
    name: str
    nickname: str = ""
    talkativeness: float = USUALLY_TALKATIVE


def next_member(cast: Sequence[Member], order: str, spoken: Sequence[str], text: str, chance: float) -> Member:
    """Returns the next speaker; `cast` has at least one member.

    `spoken` are the ids of earlier speakers, the latest last, `text` is what the person has just said, and `chance` is a random
    number in [0, 1).
    """
    if order == MANUAL:
        return next((member for member in cast if spoken and member.id == spoken[-1]), cast[0])
    if order == TALKATIVE:
        return _by_chance(cast, spoken[-1] if spoken else "", chance)
    return (order == MENTION and mentioned(cast, text)) or _in_turn(cast, spoken)


def mentioned(cast: Sequence[Member], text: str) -> Member | None:
    """Returns the first member that a text addresses: by name, nickname, or a word of the name that no other member has.

    Matches whole words, ignoring case.
    """
    called = _called(cast)
    words = sorted(called, key=len, reverse=True)
    pattern = rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)"
    match = re.search(pattern, text[:READ_CHARS], re.IGNORECASE) if words else None
    return called.get(match[0].lower()) if match else None


def _called(cast: Sequence[Member]) -> dict[str, Member]:
    """Returns each member by the names it can be called; a full name takes precedence over a part of another name."""
    parts: dict[str, list[Member]] = {}
    for member in cast:
        for word in set(re.findall(r"\w+", member.name.lower())):
            parts.setdefault(word, []).append(member)
    alone = {
        word: members[0]
        for word, members in parts.items()
        if len(members) == 1 and len(word) >= LEAST_CHARS and word not in NO_NAMES
    }
    whole = {name.lower(): member for member in reversed(cast) for name in (member.nickname, member.name) if name}
    return alone | whole


def _in_turn(cast: Sequence[Member], spoken: Sequence[str]) -> Member:
    """Returns the member after the latest speaker that is still in the cast."""
    index_by_id = {member.id: index for index, member in enumerate(cast)}
    last = next((index_by_id[id] for id in reversed(spoken) if id in index_by_id), -1)
    return cast[(last + 1) % len(cast)]


def _by_chance(cast: Sequence[Member], last: str, chance: float) -> Member:
    """Picks a member by weight, never the same one twice in a row unless it is the only one."""
    others = [member for member in cast if member.id != last] or list(cast)
    weights = list(accumulate(member.talkativeness for member in others))
    if not weights[-1]:
        return others[int(chance * len(others))]
    return others[min(bisect(weights, chance * weights[-1]), len(others) - 1)]
