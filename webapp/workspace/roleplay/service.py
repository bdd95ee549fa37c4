"""Starting chats with characters, and changing their settings and their cast."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any, NotRequired, TypedDict

from webapp.base.database import rows
from webapp.base.db import db, write
from webapp.base.errors import Conflict, Invalid
from webapp.base.heavy.turns import by_turns
from webapp.base.ids import new_id
from webapp.characters import queries as character_queries
from webapp.characters.cards.card_fields import preset_in, tools_in
from webapp.characters.cards.cards import group_greetings, other_greetings
from webapp.characters.macros.chat_variables import Variables, VariableStore
from webapp.characters.macros.macros import Names
from webapp.characters.profiles import checked_text
from webapp.characters.prompt_parts import names_of
from webapp.characters.tables import Character, Persona
from webapp.chat.group.turns import LEAST_CAST, MENTION, MOST_CAST, ORDERS
from webapp.chat.messages import drafts, renderings, sending
from webapp.chat.prompt.context import PromptContext
from webapp.chat.prompt.sections import begun
from webapp.chat.record import announcements
from webapp.chat.record.fields import FIELDS, ChatField
from webapp.chat.record.model_choice import ChosenModel, new_choice, refuse_unless_open, starting_choice
from webapp.chat.record.tables import ROLEPLAY, Chat, Message
from webapp.chat.record.variables import changed_values, store_variables, variables_of_person
from webapp.engine import generations
from webapp.engine.tables import Generation
from webapp.models.connections.models import the_models
from webapp.models.presets import queries as preset_queries
from webapp.models.presets.choice import choice_of
from webapp.people.accounts import creation_limit
from webapp.people.accounts.tables import User
from webapp.rendering import markdown
from webapp.tools import outside
from webapp.tools.named import named_tools

TITLE_CHARS = 200
UNSEEN = "One of these characters no longer exists, or you don't have access."


def begin(
    character: Character,
    *,
    by: User,
    persona: Persona | None = None,
    is_nobody: bool = False,
    model: str = "",
    title: str = "",
    reads: Sequence[str] = (),
    is_temporary: bool = False,
    project_id: str | None = None,
) -> Chat:
    """Creates a chat with a character and its greetings; without `persona`, the person's for it is used unless `is_nobody`."""
    model = _with_preset(character, model, by=by)
    persona, choice = _persona_and_choice(by, persona, model, is_nobody=is_nobody, character_id=character.id)
    id, read = new_id(), partial(variables_of_person, by.id)
    shared = VariableStore(read)
    names = begun(names_of(character, persona, by), PromptContext(id, by.id, choice.model, ()))
    texts = [text for text in (character.greeting, *other_greetings(character.card)) if text]
    # The other greetings of a card are versions of the first, with variables of their own, and rendered when first shown. Of the
    # person's variables, only the changes by the first greeting are kept.
    stores = (VariableStore(read) if number else shared for number in range(len(texts)))
    greetings: list[GreetingFields] = [
        {
            **_greeting(text, replace(names, variables=Variables(VariableStore(), store)), is_rendered=store is shared),
            "outside": _outside(character, by),
        }
        for text, store in by_turns(zip(texts, stores, strict=True))
    ]
    chat = Chat(
        id=id,
        kind=ROLEPLAY,
        owner_id=by.id,
        **choice._asdict(),
        title=title or character.name,
        is_temporary=is_temporary,
        character_id=character.id,
        persona_id=persona.id if persona else None,
        collection_ids=list(reads),
        tools=named_tools(by, tools_in(character.card)).keys,
        project_id=project_id,
    )
    return _stored(chat, greetings, shared, are_versions=True)


def begin_by_message(
    character: Character,
    text: str,
    *,
    by: User,
    key: str = "",
    model: str = "",
    answered_by: str = "",
    reads: Sequence[str] = (),
    is_temporary: bool = False,
    project_id: str | None = None,
    models: Sequence[str] = (),
) -> Generation:
    """Creates a chat with a character, in which a message follows its greeting, and starts the answer, or those of `models`.

    Repeating key and text returns the first result.
    """
    place, user_id, written = f"with\0{character.id}", by.id, sending.checked_text(text)
    if repeated := generations.generation_of_request(generations.request_hash(user_id, key, f"{place}\0{written}")):
        return repeated
    choice = new_choice(user_id, _with_preset(character, model, by=by), otherwise=the_models().default())
    refuse_unless_open(user_id, answered_by or choice.model, None if answered_by else choice.preset_id)
    chat = begin(character, by=by, model=model, reads=reads, is_temporary=is_temporary, project_id=project_id)
    drafts.forget(user_id)
    return sending.ask(
        chat, text, key=key, answered_by=answered_by, by=user_id, options=sending.TYPED_OPTIONS, place=place, models=models
    )


def _persona_and_choice(
    by: User, persona: Persona | None, model: str, *, is_nobody: bool, character_id: str = ""
) -> tuple[Persona | None, ChosenModel]:
    choice = new_choice(by.id, model, otherwise=the_models().default(by.default_model, by.id))
    refuse_unless_open(by.id, choice.model, choice.preset_id)
    return persona or (None if is_nobody else character_queries.default_persona(by, character_id)), choice


def _with_preset(character: Character, model: str, *, by: User) -> str:
    """Returns the choice for a chat with this character: its preset, if the person can use it and chose no other model."""
    preset = preset_queries.known(by.id, preset_in(character.card))
    return choice_of(preset.id) if preset and model in ("", starting_choice(by)) else model


class GreetingFields(TypedDict):
    """The fields of a message that greets; the HTML of some is rendered later."""

    content: str
    variables: dict[str, str] | None
    html: NotRequired[str]
    html_version: NotRequired[int]
    outside: NotRequired[str]
    # In a group.
    speaker_id: NotRequired[str]
    speaker_name: NotRequired[str]


def _greeting(text: str, names: Names, *, is_rendered: bool = True) -> GreetingFields:
    content = names.fill(text)
    greeting = GreetingFields(content=content, variables=changed_values(names.variables))
    if is_rendered:
        greeting["html"], greeting["html_version"] = renderings.render_markdown(content), markdown.VERSION
    return greeting


def _outside(character: Character, by: User) -> str:
    """Returns the places of outside text in a greeting: its character's, if that isn't the person's own."""
    return outside.places_text(outside.thing("character", character.name, character.owner_id, by.id))


def _stored(chat: Chat, greetings: Iterable[GreetingFields], shared: VariableStore, *, are_versions: bool) -> Chat:
    """Stores a new chat with its greetings: versions of its first message, or one below the other."""
    creation_limit.count(chat.owner_id or "")
    with write() as session:
        session.add(chat)
        session.flush()
        messages = [Message(id=new_id(), chat_id=chat.id, role="assistant", **greeting) for greeting in greetings]
        for above, message in pairwise([] if are_versions else messages):
            message.parent_id = above.id
        session.add_all(messages)
        session.flush()
        chat.head_id = messages[0 if are_versions else -1].id if messages else None
        store_variables(session, chat.owner_id or "", shared)
    announcements.announce(chat, "chat", chat.id)
    return chat


def set_fields(chat: Chat, values: Mapping[str, Any]) -> None:
    """Replaces these settings of a chat, from the next answer on; its persona is one of them, as `persona_id`."""
    id, new = chat.id, rows.differing(chat, {**values, **checked_fields(values)})
    if not new:
        return
    with write():
        for name, value in new.items():
            setattr(chat, name, value)
        chat.touch()
    announcements.announce_settings(id)


def checked_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of fields among these; raises `Invalid` for one that is out of bounds."""
    return {field.name: _checked(field, values[field.name]) for field in FIELDS if field.name in values}


def use_lorebooks(chat: Chat, ids: Sequence[str]) -> None:
    """Replaces the lorebooks of a chat, from the next answer on."""
    id = chat.id
    if list(ids) != chat.lorebook_ids:
        with write():
            chat.lorebook_ids = list(ids)
        announcements.announce_settings(id)


def _checked(field: ChatField, value: Any) -> Any:
    is_foreign = bool(field.choices) and value not in field.choices
    if is_foreign or (field.lines and sum(bool(line.strip()) for line in value.splitlines()) > field.lines):
        raise Invalid(field.refusal, field=field.name)
    if field.kind is str:
        return checked_text(value, field.name)
    if value is not None and not field.least <= value <= field.most:
        raise Invalid(field.refusal, field=field.name)
    return value


def begin_group(
    ids: Sequence[str],
    *,
    by: User,
    turn_order: str = "",
    persona: Persona | None = None,
    is_nobody: bool = False,
    model: str = "",
    reads: Sequence[str] = (),
) -> Chat:
    """Creates a chat with several characters and their greetings.

    Without a `persona` it uses the person's default one, unless `is_nobody`.
    """
    there, order = _chosen(ids, by), checked_order(turn_order or MENTION)
    persona, choice = _persona_and_choice(by, persona, model, is_nobody=is_nobody)
    id, all_names = new_id(), ", ".join(character.name for character in there)
    # A variable set in one greeting is visible to the following ones.
    variables = Variables(VariableStore(), VariableStore(lambda: variables_of_person(by.id)))
    context = PromptContext(id, by.id, choice.model, (), variables=variables)
    greetings: list[GreetingFields] = [
        {
            **_greeting(text, begun(replace(names_of(character, persona, by), group=all_names), context)),
            "speaker_id": character.id,
            "speaker_name": character.name,
            "outside": _outside(character, by),
        }
        for character in by_turns(there)
        # A card's first greeting for groups, else its usual greeting.
        if (text := next(iter(group_greetings(character.card)), "") or character.greeting)
    ]
    chat = Chat(
        id=id,
        kind=ROLEPLAY,
        owner_id=by.id,
        **choice._asdict(),
        title=all_names[:TITLE_CHARS],
        character_id=there[0].id,
        character_ids=[character.id for character in there],
        turn_order=order,
        tools=named_tools(by, list(dict.fromkeys(key for character in there for key in tools_in(character.card)))).keys,
        persona_id=persona.id if persona else None,
        collection_ids=list(reads),
    )
    return _stored(chat, greetings, variables.shared, are_versions=False)


def recast(chat: Chat, ids: Sequence[str] | None, turn_order: str | None, *, by: User) -> None:
    """Changes the cast of a chat and the order in which they speak, from the next answer on.

    A chat with one character becomes a group, in which they take turns: no models answer side by side any more. Present members
    can stay even if they are in the trash or no longer visible.
    """
    cast_ids, order = checked_cast(chat, ids, turn_order, by=by)
    with write():
        chat.character_ids, chat.turn_order = cast_ids, order
        if cast_ids:
            chat.models = []
    announcements.announce(chat, "chat", chat.id)


def checked_cast(chat: Chat, ids: Sequence[str] | None, turn_order: str | None, *, by: User) -> tuple[list[str], str]:
    """Returns the members in their order of speaking; raises if this cast is not possible."""
    if not chat.cast_ids:
        raise Conflict("This chat has no characters. Start a group chat from Characters.")
    cast_ids = (
        [character.id for character in _chosen(ids, by, current_ids=chat.cast_ids)]
        if ids is not None
        else list(chat.character_ids)
    )
    order = checked_order(turn_order or chat.turn_order or MENTION)
    if not cast_ids:
        raise Invalid("Only a group chat has an order.", field="turn_order")
    return cast_ids, order


def checked_order(order: str) -> str:
    """Returns the order; raises `Invalid` for an unknown one."""
    if order not in ORDERS:
        raise Invalid("Choose who speaks next.", field="turn_order")
    return order


def _chosen(ids: Sequence[str], by: User, *, current_ids: Sequence[str] = ()) -> list[Character]:
    """Returns these characters without duplicates; raises `Invalid` if the person can't chat with one of them."""
    unique_ids = list(dict.fromkeys(ids))
    if not LEAST_CAST <= len(unique_ids) <= MOST_CAST:
        raise Invalid(f"Choose from {LEAST_CAST} to {MOST_CAST} characters.", field="character_ids")
    there = [
        character_queries.SEEN_CHARACTERS.one(by, id)
        or (character_queries.character_of(db.session(), by.id, id) if id in current_ids else None)
        for id in unique_ids
    ]
    characters = [character for character in there if character]
    if len(characters) < len(unique_ids):
        raise Invalid(UNSEEN, field="character_ids")
    return characters
