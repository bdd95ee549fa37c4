"""The prompt that leads a chat, in the version assigned to its owner, and what settings add to chats of the assistant API."""

from dataclasses import replace

from sqlalchemy import select

from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.chat.prompt.built_in import ASSISTANT_KEY, LEADING, QUICK, ROLEPLAY, TRADING_KEY
from webapp.chat.record import leader
from webapp.chat.record.tables import Chat
from webapp.knowledge.tables import Collection
from webapp.models.prompt_sections import Section
from webapp.prompts import active_prompts
from webapp.prompts.arm_choice import ExperimentUnit
from webapp.settings.kinds import Value
from webapp.settings.service import setting

COLLECTIONS, MEMORY = "prompts.assistant_collections", "prompts.assistant_memory"
ASSISTANT_KEYS = (ASSISTANT_KEY, TRADING_KEY)
KEYS = frozenset(prompt.key for prompt in LEADING)
# Before the chat's own sections.
RANK = 1


def leading(chat: Chat) -> active_prompts.RenderedPrompt | None:
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


def sections_of(prompt: active_prompts.RenderedPrompt) -> list[Section]:
    return [replace(section, rank=RANK) for section in prompt.sections]


def includes_personal_instructions(chat: Chat) -> bool:
    """Returns whether requests in this chat include the owner's custom instructions."""
    return chat.prompt_key not in ASSISTANT_KEYS or bool(setting("prompts.assistant_facts"))


def includes_history(chat: Chat) -> bool:
    return chat.prompt_key not in ASSISTANT_KEYS or bool(setting("prompts.assistant_history"))


def has_memory(prompt_key: str) -> bool:
    """Returns whether a setting adds the answers of chats led by this prompt to their owners' memories, and quotes them."""
    return prompt_key in ASSISTANT_KEYS and bool(setting(MEMORY))


def collections_for(prompt_key: str) -> list[str]:
    """Returns the ids of the collections that a setting attaches to every chat led by this prompt.

    An answer quotes only those that the requester can see; that is checked later, by the search.
    """
    collections = setting(COLLECTIONS) if prompt_key in ASSISTANT_KEYS else ()
    return list(collections) if isinstance(collections, tuple) else []


def check_collections(value: Value) -> None:
    """Raises `Invalid` if a collection with one of these ids doesn't exist."""
    ids = set(value) if isinstance(value, tuple) else set()
    query = select(Collection.id).where(Collection.id.in_(ids), Collection.deleted_at.is_(None))
    if missing := sorted(ids - set(db.session.scalars(query))):
        raise Invalid(f"There is no collection {missing[0][:40]}. Copy the id from the address of its page.", field="value")
