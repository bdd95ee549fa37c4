"""Context that settings add to chats of the assistant API besides their prompt: facts, collections, history and memory."""

from sqlalchemy import select

from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.chat.prompt.built_in import ASSISTANT_KEY, TRADING_KEY
from webapp.chat.record.tables import Chat
from webapp.knowledge.tables import Collection
from webapp.settings.kinds import Value
from webapp.settings.service import setting

COLLECTIONS, MEMORY = "prompts.assistant_collections", "prompts.assistant_memory"
KEYS = (ASSISTANT_KEY, TRADING_KEY)


def has_facts(chat: Chat) -> bool:
    """Returns whether requests in this chat include the owner's custom instructions."""
    return chat.prompt_key not in KEYS or bool(setting("prompts.assistant_facts"))


def has_history(chat: Chat) -> bool:
    return chat.prompt_key not in KEYS or bool(setting("prompts.assistant_history"))


def has_memory(prompt_key: str) -> bool:
    """Returns whether a setting adds the answers of chats led by this prompt to their owners' memories, and quotes them."""
    return prompt_key in KEYS and bool(setting(MEMORY))


def collections_for(prompt_key: str) -> list[str]:
    """Returns the ids of the collections that a setting attaches to every chat led by this prompt.

    An answer quotes only those that the requester can see; that is checked later, by the search.
    """
    found = setting(COLLECTIONS) if prompt_key in KEYS else ()
    return list(found) if isinstance(found, tuple) else []


def check_collections(value: Value) -> None:
    """Raises `Invalid` if a collection with one of these ids doesn't exist."""
    wanted = set(value) if isinstance(value, tuple) else set()
    query = select(Collection.id).where(Collection.id.in_(wanted), Collection.deleted_at.is_(None))
    if missing := sorted(wanted - set(db.session.scalars(query))):
        raise Invalid(f"There is no collection {missing[0][:40]}. Copy the id from the address of its page.", field="value")
