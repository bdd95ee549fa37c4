"""Prompts in the box of a message: `/name` stands for a prompt of the library, and what follows for its first field."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from webapp.accounts.tables import User
from webapp.chat import reading
from webapp.chat.messages import service
from webapp.chat.tables import Chat
from webapp.db import db
from webapp.errors import Invalid
from webapp.knowledge import queries as knowledge
from webapp.prompts import queries
from webapp.prompts.checking import KEY
from webapp.prompts.fields import PromptField, fields_of
from webapp.prompts.template import Part, TooLong, Unfilled, filled

NAMED = re.compile(rf"/({KEY.pattern})(?:\s+(.*))?", re.ASCII | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Prompted:
    """A prompt of the library that is to be put into a message; `rest` was typed behind its name, `reads` are its collections."""

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
        """The message; raises `Invalid` when nothing is left of it."""
        try:
            said = filled(self.parts, {each.name: values.get(each.name, "") for each in self.fields})
        except TooLong as error:
            raise Invalid("That makes the message too long. Use shorter texts.") from error
        except Unfilled as error:
            raise Invalid("Fill in at least one field.") from error
        return "\n\n".join(part.text.strip() for part in said)


def named_in(user: User | None, typed: str) -> Prompted | None:
    """The prompt that a message names, if this person has it; any other text means what it says."""
    found = NAMED.fullmatch(typed.strip()) if user and typed.lstrip().startswith("/") else None
    prompt = prompted(user, found[1]) if user and found else None
    return replace(prompt, rest=(found[2] or "").strip()) if prompt and found else None


def prompted(user: User, name: str) -> Prompted | None:
    """A prompt of the library in its version in use; what Millrace itself uses is none of them."""
    prompt = queries.prompt(user, name)
    versions = queries.versions(prompt) if prompt and not prompt.built_in else []
    if not prompt or not versions:
        return None
    used = next(queries.whole(prompt, [queries.in_use(prompt, versions)]))
    return Prompted(prompt.name, prompt.key, prompt.about, used.parts, reads=prompt.collection_ids)


def chat_for(prompt: Prompted, chat_id: str, *, by: User) -> str:
    """The id of the chat that its text is put into, which reads from its collections from now on, if it is one's own.

    Without a chat, one is made where there are collections that this person sees; else the id is empty.
    """
    seen = [each.id for each in knowledge.collections_among(by, prompt.reads)] if prompt.reads else []
    if not seen:
        return chat_id
    if not chat_id:
        return service.create(by.id, model=service.starting_model(by), reads=seen).id
    chat = db.session.get_one(Chat, chat_id)
    if chat.owner_id == by.id:
        reading.attach_too(chat, seen)
    return chat_id
