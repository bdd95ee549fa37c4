"""Exports the branch that a chat shows in SillyTavern's format: a line per message, versions of answers as swipes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any, TypeAlias

from webapp.base.db import db
from webapp.base.heavy.turns import by_turns
from webapp.base.untrusted_json import JsonObject, dict_of
from webapp.characters.lore import queries as lore_queries
from webapp.characters.lore.entries import ROLES
from webapp.characters.macros.chat_variables import storable
from webapp.chat.group import members
from webapp.chat.imports import foreign_fields
from webapp.chat.imports.filed import line, origin, text
from webapp.chat.imports.roleplay import INTEGRITY_CHARS, NAME_CHARS, PROGRAM, note_settings, said
from webapp.chat.prompt import path_folds
from webapp.chat.prompt.sections import place_of_note
from webapp.chat.record import queries, sharing, variables
from webapp.chat.record.tables import Chat, Message
from webapp.engine.engine import Engine
from webapp.engine.tables import NOT_HERE, Generation
from webapp.people.accounts.tables import User
from webapp.workspace.exchange import cast_names, export

# SillyTavern's names for chats without a persona and without a character, and the one that it always writes.
PERSON, ANSWERER, UNUSED = "User", "Assistant", "unused"
NOTE = ("note_prompt", "note_interval", "note_position", "note_depth", "note_role")
# The settings that they become.
OF_NOTE = ("note", "note_depth", "note_role", "note_interval")
Line: TypeAlias = JsonObject


def lines(engine: Engine, chat: Chat) -> Iterator[str]:
    """Yields a header line, then a line per message; holds no database connection while sending."""
    person, answerer = default_names(chat)
    lines = (line for ids in export.chunks_of_branch(engine, chat.id) for line in _lines(engine, ids, person, answerer))
    return (json.dumps(line, ensure_ascii=False) + "\n" for line in by_turns(chain([head(chat)], lines)))


def _lines(engine: Engine, ids: Sequence[str], person: str, answerer: str) -> Iterator[Line]:
    with engine.in_app():
        messages = export.messages_of(ids, export.WITH_FOREIGN)
        siblings = queries.siblings_of([message for message in messages if message.role == "assistant"])
        names, swipes = _speakers(messages, person, answerer), _swipes(engine, messages)
    for message in messages:
        line = {
            "name": names[message.id],
            "is_user": message.role == "user",
            "is_system": message.is_hidden,
            **swipes[message.id].fields,
        }
        versions = {message.id: swipes[message.id]}
        if message.role == "assistant":
            versions = (_versions(engine, message.id, siblings[message.id]) if message.id in siblings else {}) | versions
            line |= _all(versions, message.id)
        yield foreign_fields.in_line(line, [version.kept for version in (versions[message.id], *versions.values())])


def _speakers(messages: Sequence[Message], person: str, answerer: str) -> dict[str, str]:
    others = sharing.writers(messages) if messages else {}
    usual = {message.id: others.get(message.id, person) if message.role == "user" else answerer for message in messages}
    return {message.id: message.speaker_name or message.author_name or usual[message.id] for message in messages}


def _versions(engine: Engine, id: str, ids: Sequence[str]) -> dict[str, "Swipe"]:
    """Returns the versions of an answer that fit the size limit together, always including the one shown."""
    chunks = next(export.chunks(engine, [id, *(version for version in ids if version != id)]))
    with engine.in_app():
        # A message of the person can be a sibling of an answer, too.
        messages = export.messages_of(sorted(chunks), export.WITH_FOREIGN)
        return _swipes(engine, [message for message in messages if message.role == "assistant"])


@dataclass(frozen=True, slots=True)
class Swipe:
    """A version of a message: its fields in the file, and what was kept of the file that it comes from."""

    fields: Line
    kept: JsonObject | None


def _swipes(engine: Engine, messages: Sequence[Message]) -> dict[str, Swipe]:
    generations = queries.generations_with_texts(messages)
    stories = path_folds.by_message(db.session(), [message.id for message in messages])
    return {
        message.id: _swipe(engine, message, generations.get(message.id, []), stories.get(message.id, "")) for message in messages
    }


def _swipe(engine: Engine, message: Message, generations: Sequence[Generation], story: str) -> Swipe:
    # What a file says of a text, such as how to display it, is not true of one that was continued here.
    original = None if any(generation.kind != NOT_HERE for generation in generations) else message.foreign_fields
    return Swipe(foreign_fields.in_swipe(_own_fields(engine, message, generations, story), original), message.foreign_fields)


def _own_fields(engine: Engine, message: Message, generations: Sequence[Generation], story: str) -> Line:
    swipe = {"mes": export.text_of(engine, message, generations), "send_date": _moment(message.created_at)}
    extra = {name: text for name, text in (("reasoning", message.reasoning), ("memory", story)) if text}
    if not generations:
        return {**swipe, "extra": extra}
    last = generations[-1]
    times = {"gen_started": _moment(last.started_at), "gen_finished": _moment(last.ended_at)}
    return {**swipe, **times, "extra": {**extra, "api": last.provider, "model": last.model}}


def _all(swipes: Mapping[str, Swipe], shown: str) -> Line:
    return {
        "swipe_id": list(swipes).index(shown),
        "swipes": [swipe.fields["mes"] for swipe in swipes.values()],
        "swipe_info": [{name: value for name, value in swipe.fields.items() if name != "mes"} for swipe in swipes.values()],
    }


def _moment(when: datetime | None) -> str | None:
    return said(when) if when else None


def head(chat: Chat) -> JsonObject:
    """Returns the first line: names, date and metadata."""
    was, metadata = (foreign_fields.part(chat.foreign_fields, name) for name in ("head", "metadata"))
    person, answerer = default_names(chat)
    usual = {"user_name": person, "character_name": UNUSED if chat.is_group else answerer, "create_date": said(chat.created_at)}
    # Names of a persona and a character that the chat has had since.
    new = {"user_name": members.persona_of(chat), "character_name": members.character_of(chat)}
    named = {name: usual[name] for name, present in new.items() if present and was.get(name) != UNUSED}
    own = {
        "integrity": _integrity(chat, metadata),
        **_note(chat, metadata),
        **_variables(chat, metadata),
        **_world(chat, metadata),
    }
    rest = {name: value for name, value in metadata.items() if name not in ("integrity", "variables", "world_info", *NOTE)}
    return {**usual, **was, **named, "chat_metadata": {**rest, **own}}


def default_names(chat: Chat) -> tuple[str, str]:
    """Returns the default names of the person and the character, for messages that name no author."""
    owner, persona, character = db.session.get(User, chat.owner_id or ""), members.persona_of(chat), members.character_of(chat)
    person = persona.name if persona else owner.name if owner else ""
    return person or PERSON, character.name if character else ANSWERER


def _integrity(chat: Chat, was: Mapping[str, Any]) -> str:
    """Returns the id of the chat in SillyTavern, where it comes from there; a copy of it is another chat."""
    integrity = text(was.get("integrity"), INTEGRITY_CHARS)
    return integrity if integrity and chat.origin == origin(PROGRAM, integrity) else chat.id


def _note(chat: Chat, was: Mapping[str, Any]) -> JsonObject:
    """Returns the author's note as SillyTavern's metadata; position 1 means among the messages."""
    imported = note_settings(was)
    if all(getattr(chat, name) == imported[name] for name in OF_NOTE):
        return {name: was[name] for name in NOTE if name in was}
    place = place_of_note(chat)
    interval = 1 if chat.note_interval is None else chat.note_interval
    where = {"note_interval": interval, "note_position": 1, "note_depth": place.depth, "note_role": ROLES.index(place.role)}
    return {"note_prompt": chat.note, **where} if chat.note else {}


def _variables(chat: Chat, was: Mapping[str, Any]) -> JsonObject:
    """Returns the variables at the end of the branch that is shown; those we can't have, such as lists, as they were."""
    has, imported = variables.variables_at(chat.head_id), dict_of(was.get("variables"))
    imported_names, values = storable(imported), JsonObject(has)
    for name, value in imported.items():
        one = storable({name: value})
        if not one.keys() & imported_names.keys():
            values[name] = value
        elif one.items() <= has.items():
            values |= dict.fromkeys(one, value)
    return {"variables": values} if values or "variables" in was else {}


def _world(chat: Chat, was: Mapping[str, Any]) -> JsonObject:
    """Returns the name of an attached lorebook, of which SillyTavern knows one; or the imported name if it is not here."""
    imported, attached = line(was.get("world_info"), NAME_CHARS), cast_names.names_of(chat)["lorebooks"]
    is_here = bool(imported and chat.owner_id and lore_queries.by_name(chat.owner_id, [imported]))
    if imported in attached or ("world_info" in was and not attached and not is_here):
        return {"world_info": was["world_info"]}
    return {"world_info": attached[0]} if attached else {}
