"""The order of the sections before the history, which a preset can change. Pure.

What leads a chat stays first, and folds follow these sections; what follows the history has its place among the messages.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from webapp.chat.prompt.builder import LORE_AFTER, LORE_BEFORE, OF_A_CHAT
from webapp.models.prompt_sections import Section, Template

# The sections that can be moved, by name, in their usual order: the title that people see, and the rank.
MOVABLE = {
    "pre_prompt": ("Pre-prompt", OF_A_CHAT["pre_prompt"].rank),
    "system_prompt": ("System prompt", OF_A_CHAT["system_prompt"].rank),
    "project": ("Project", OF_A_CHAT["project"].rank),
    "lore_before": ("Lorebook entries before the character", LORE_BEFORE),
    "character": ("Character", OF_A_CHAT["character"].rank),
    "lore_after": ("Lorebook entries after the character", LORE_AFTER),
    "persona": ("Persona", OF_A_CHAT["persona"].rank),
    "instructions": ("Custom instructions", OF_A_CHAT["instructions"].rank),
}
USUAL = tuple(MOVABLE)
RANKS = [rank for _, rank in MOVABLE.values()]
NAMES = {rank: name for name, (_, rank) in MOVABLE.items()}


def whole(order: Iterable[str]) -> list[str]:
    """Returns the order with all sections, each once: a missing one follows the one that is usually before it."""
    names = [name for name in dict.fromkeys(order) if name in MOVABLE]
    for place, name in enumerate(USUAL):
        if name not in names:
            names.insert(names.index(USUAL[place - 1]) + 1 if place else 0, name)
    return names


def in_order(sections: Iterable[Section | Template], order: Sequence[str]) -> Iterator[Section | Template]:
    """Yields the sections, those that can be moved with the rank of their place in this order."""
    ranks = dict(zip(whole(order), RANKS, strict=True))
    for section in sections:
        if isinstance(section, Template):
            yield replace(section, section=_moved(section.section, ranks))
        else:
            yield _moved(section, ranks)


def _moved(section: Section, ranks: dict[str, int]) -> Section:
    is_movable = section.depth is None and section.role == "system" and section.rank in NAMES
    return replace(section, rank=ranks[NAMES[section.rank]]) if is_movable else section
