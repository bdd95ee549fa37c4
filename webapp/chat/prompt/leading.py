"""The prompt that leads a chat, in the version assigned to its owner."""

from dataclasses import replace

from webapp.chat.prompt.built_in import LEADING, QUICK, ROLEPLAY
from webapp.chat.record import leader
from webapp.chat.record.tables import Chat
from webapp.models.prompt_sections import Section
from webapp.prompts import active_prompts
from webapp.prompts.active_prompts import Rendered
from webapp.prompts.arm_choice import ExperimentUnit

KEYS = frozenset(each.key for each in LEADING)
# Before the chat's own sections.
RANK = 1


def leading(chat: Chat) -> Rendered | None:
    """Returns the prompt that leads the chat; None if it is empty and nothing about it needs recording."""
    prompt = active_prompts.render(key_of(chat), unit_of(chat))
    return prompt if prompt.parts or prompt.problems or prompt.arm else None


def unit_of(chat: Chat) -> ExperimentUnit:
    """Returns the unit to which an experiment assigns a version: the chat's owner."""
    return ExperimentUnit(chat.owner_id or "", chat.lane)


def key_of(chat: Chat) -> str:
    if key := leader.prompt_key(chat):
        return key
    if chat.prompt_key in KEYS:
        return chat.prompt_key
    return ROLEPLAY if chat.character_id or chat.is_group else QUICK


def sections_of(prompt: Rendered) -> list[Section]:
    return [replace(each, rank=RANK) for each in prompt.sections]
