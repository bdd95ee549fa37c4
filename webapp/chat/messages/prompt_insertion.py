"""Prompts in the composer: `/name` inserts a prompt of the library; the text after it fills the first field."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches

from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.chat.prompt import chat_collections
from webapp.chat.record.tables import Chat
from webapp.knowledge import queries as knowledge
from webapp.people.accounts.tables import User
from webapp.prompts import queries
from webapp.prompts.template import Part, PromptField, TooLong, Unfilled, fields_of, filled
from webapp.prompts.validation import KEY

NAMED = re.compile(rf"/({KEY.pattern})(?:\s+(.*))?", re.ASCII | re.DOTALL)
MOST_SIMILAR = 3


@dataclass(frozen=True, slots=True)
class InsertablePrompt:
    """A prompt of the library to be inserted; `rest` is the text typed after its name, `reads` are its collections."""

    name: str
    key: str
    about: str
    parts: tuple[Part, ...]
    rest: str = ""
    reads: tuple[str, ...] = ()

    @property
    def fields(self) -> list[PromptField]:
        return fields_of(self.parts)

    def text(self, values: Mapping[str, str]) -> str:
        """Fills in the fields; raises `Invalid` if the result is empty or too long."""
        try:
            filled_parts = filled(self.parts, {each.name: values.get(each.name, "") for each in self.fields})
        except TooLong as error:
            raise Invalid("That makes the message too long. Use shorter texts.") from error
        except Unfilled as error:
            raise Invalid("Fill in at least one field.") from error
        return "\n\n".join(part.text.strip() for part in filled_parts)


def named_in(user: User | None, typed: str) -> InsertablePrompt | None:
    """Returns the prompt named by a message if the person has one of that name; None for any other text."""
    found = NAMED.fullmatch(typed.strip()) if user and typed.lstrip().startswith("/") else None
    prompt = insertable(user, found[1]) if user and found else None
    return replace(prompt, rest=(found[2] or "").strip()) if prompt and found else None


def insertable(user: User, name: str) -> InsertablePrompt | None:
    """Returns a prompt of the library in its version in use; None for Millrace's built-in prompts."""
    prompt = queries.prompt(user, name)
    versions = queries.versions(prompt) if prompt and not prompt.built_in else []
    if not prompt or not versions:
        return None
    used = next(queries.with_texts(prompt, [queries.in_use(prompt, versions)]))
    return InsertablePrompt(prompt.name, prompt.key, prompt.about, used.parts, reads=prompt.collection_ids)


def unknown_name(user: User, typed: str) -> str:
    """Returns the name that a message begins with if it looks like a prompt's and none has it; empty for any other text."""
    found = NAMED.fullmatch(typed.strip()) if typed.lstrip().startswith("/") else None
    return found[1] if found and not insertable(user, found[1]) else ""


def similar_names(user: User, name: str) -> list[str]:
    """Returns the keys of prompts that the name may have meant."""
    keys = [each.key for each in queries.prompts(user) if not each.built_in]
    beginning = [key for key in keys if key.startswith(name)]
    return list(dict.fromkeys([*beginning, *get_close_matches(name, keys, MOST_SIMILAR)]))[:MOST_SIMILAR]


def attach(prompt: InsertablePrompt, chat_id: str, *, by: User) -> list[str]:
    """Attaches the prompt's collections to a chat of this person; without a chat, returns them for one that will be created."""
    seen = [each.id for each in knowledge.collections_among(by, prompt.reads)] if prompt.reads else []
    chat = db.session.get_one(Chat, chat_id) if chat_id and seen else None
    if chat and chat.owner_id == by.id:
        chat_collections.add(chat, seen)
    return [] if chat_id else seen
