"""Starting chats with a character, and changing their settings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from webapp.base.database import rows
from webapp.base.db import write
from webapp.base.errors import Invalid
from webapp.base.heavy.turns import by_turns
from webapp.base.ids import new_id
from webapp.characters import queries as cast
from webapp.characters.cards.cards import other_greetings
from webapp.characters.macros.chat_variables import Variables, VariableStore
from webapp.characters.macros.macros import Names
from webapp.characters.profiles import checked_text
from webapp.characters.prompt_parts import names_of
from webapp.characters.tables import Character, Persona
from webapp.chat.messages import renderings, sending
from webapp.chat.prompt.context import PromptContext
from webapp.chat.prompt.sections import begun
from webapp.chat.record.fields import FIELDS, ChatField
from webapp.chat.record.tables import Chat, Message
from webapp.chat.record.variables import changed, of_person, store_variables
from webapp.models.connections.models import providers
from webapp.people.accounts import creation_limit
from webapp.people.accounts.tables import User
from webapp.rendering import markdown

KIND = "roleplay"


def begin(
    character: Character,
    *,
    by: User,
    persona: Persona | None = None,
    is_nobody: bool = False,
    model: str = "",
    title: str = "",
    reads: Sequence[str] = (),
) -> Chat:
    """Creates a chat with a character and its greetings; without `persona`, the default one is used unless `is_nobody`."""
    persona = persona or (None if is_nobody else cast.default_persona(by))
    model = model or providers().default(by.default_model)
    providers().of(model)
    id = new_id()
    read = partial(of_person, by.id)
    shared = VariableStore(read)
    context = PromptContext(id, by.id, model, ())
    greetings = _greetings(character, begun(names_of(character, persona, by), context), shared, read)
    values: dict[str, Any] = {"owner_id": by.id, "character_id": character.id, "persona_id": persona.id if persona else None}
    values |= {"id": id, "collection_ids": list(reads)}
    creation_limit.count(by.id)
    with write() as session:
        chat = Chat(kind=KIND, model=model, title=title or character.name, **values)
        session.add(chat)
        session.flush()
        if greetings:
            messages = [Message(chat_id=chat.id, role="assistant", **each) for each in greetings]
            session.add_all(messages)
            session.flush()
            chat.head_id = messages[0].id
            store_variables(session, by.id, shared)
    sending.announce(chat, "chat", chat.id)
    return chat


def _greetings(
    character: Character, names: Names, shared: VariableStore, read: Callable[[], dict[str, str]]
) -> list[dict[str, Any]]:
    """Returns the first message and the card's other greetings as its versions, which are rendered when first shown.

    Each has variables of its own; of the person's variables, only the changes by the first greeting are kept.
    """
    texts = [text for text in (character.greeting, *other_greetings(character.card)) if text]
    if not texts:
        return []
    first = _greeting(texts[0], names, shared)
    html = {"html": renderings.rendered(first["content"]), "html_version": markdown.VERSION}
    return [first | html, *(_greeting(each, names, VariableStore(read)) for each in by_turns(texts[1:]))]


def _greeting(text: str, names: Names, shared: VariableStore) -> dict[str, Any]:
    variables = Variables(VariableStore(), shared)
    content = replace(names, variables=variables).fill(text)
    return {"content": content, "variables": changed(variables)}


def set_fields(chat: Chat, values: Mapping[str, Any], *, persona: Persona | None) -> None:
    """Replaces the settings and the persona of a chat, from the next answer on."""
    checked = checked_fields(values)
    new = rows.differing(chat, checked | {"persona_id": persona.id if persona else None})
    with write():
        for name, value in new.items():
            setattr(chat, name, value)


def checked_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of all fields; raises `Invalid` for one that is out of bounds."""
    return {each.name: _checked(each, values[each.name]) for each in FIELDS}


def use_lorebooks(chat: Chat, ids: Sequence[str]) -> None:
    """Replaces the lorebooks of a chat, from the next answer on."""
    if list(ids) != chat.lorebook_ids:
        with write():
            chat.lorebook_ids = list(ids)


def _checked(field: ChatField, value: Any) -> Any:
    is_foreign = bool(field.choices) and value not in field.choices
    if is_foreign or (field.lines and sum(bool(line.strip()) for line in value.splitlines()) > field.lines):
        raise Invalid(field.refusal, field=field.name)
    if field.kind is str:
        return checked_text(value, field.name)
    if value is not None and not field.least <= value <= field.most:
        raise Invalid(field.refusal, field=field.name)
    return value
