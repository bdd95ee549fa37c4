"""Who answers next in a chat with several characters. Pure."""

import re
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

MANUAL, ROTATION, MENTION, TALKATIVE = "manual", "rotation", "mention", "talkative"
ORDERS = {
    MENTION: "Whoever you name, otherwise in turn",
    ROTATION: "In turn",
    TALKATIVE: "By chance, talkative ones more often",
    MANUAL: "Whoever you choose, otherwise the last one again",
}
LEAST_CAST, MOST_CAST = 2, 12
USUALLY_TALKATIVE = 0.5
# Names are looked for in so much of a message: what is pasted below it names nobody.
READ_CHARS = 10_000
# Words of a name by which nobody is called.
LEAST_CHARS, NO_NAMES = 3, {"the", "and", "von", "van", "der", "des", "del"}


@dataclass(frozen=True, slots=True)
class Member:
    """A character that can speak; how likely it is to, from 0 to 1."""

    id: str
    name: str
    nickname: str = ""
    talkativeness: float = USUALLY_TALKATIVE


def next_member(cast: Sequence[Member], order: str, spoken: Sequence[str], text: str, chance: float) -> Member:
    """Whose turn it is in a cast of at least one.

    `spoken` are the ids of those who have spoken, the last one last, `text` is what a person has just said, and `chance` a
    number from 0 to below 1.
    """
    if order == MANUAL:
        return next((each for each in cast if spoken and each.id == spoken[-1]), cast[0])
    if order == TALKATIVE:
        return _by_chance(cast, spoken[-1] if spoken else "", chance)
    return (order == MENTION and mentioned(cast, text)) or _in_turn(cast, spoken)


def mentioned(cast: Sequence[Member], text: str) -> Member | None:
    """The first whom a text names: by name, nickname or a word of the name that no other has, in any case, as whole words."""
    called = _called(cast)
    words = sorted(called, key=len, reverse=True)
    pattern = rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)"
    found = re.search(pattern, text[:READ_CHARS], re.IGNORECASE) if words else None
    return called.get(found[0].lower()) if found else None


def _called(cast: Sequence[Member]) -> dict[str, Member]:
    """By what each can be called; a whole name counts before a part of another one."""
    parts: dict[str, list[Member]] = {}
    for each in cast:
        for word in set(re.findall(r"\w+", each.name.lower())):
            parts.setdefault(word, []).append(each)
    alone = {word: who[0] for word, who in parts.items() if len(who) == 1 and len(word) >= LEAST_CHARS and word not in NO_NAMES}
    whole = {name.lower(): each for each in reversed(cast) for name in (each.nickname, each.name) if name}
    return alone | whole


def _in_turn(cast: Sequence[Member], spoken: Sequence[str]) -> Member:
    """The one after the last that spoke and is still there."""
    places = {each.id: place for place, each in enumerate(cast)}
    last = next((places[id] for id in reversed(spoken) if id in places), -1)
    return cast[(last + 1) % len(cast)]


def _by_chance(cast: Sequence[Member], last: str, chance: float) -> Member:
    """By weight, and nobody twice in a row unless alone."""
    others = [each for each in cast if each.id != last] or list(cast)
    weights = list(accumulate(each.talkativeness for each in others))
    if not weights[-1]:
        return others[int(chance * len(others))]
    return others[min(bisect(weights, chance * weights[-1]), len(others) - 1)]
