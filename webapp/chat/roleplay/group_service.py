"""Starting group chats and changing their cast."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from webapp.base.db import db, write
from webapp.base.errors import Conflict, Invalid
from webapp.base.heavy.turns import by_turns
from webapp.base.ids import new_id
from webapp.characters import queries as cast
from webapp.characters.cards.cards import group_greetings
from webapp.characters.macros.chat_variables import Variables, VariableStore
from webapp.characters.macros.macros import Names
from webapp.characters.prompt_parts import names_of
from webapp.characters.tables import Character, Persona
from webapp.chat.group.turns import LEAST_CAST, MENTION, MOST_CAST, ORDERS
from webapp.chat.messages import renderings, sending
from webapp.chat.prompt.context import PromptContext
from webapp.chat.prompt.sections import begun
from webapp.chat.record.tables import Chat, Message
from webapp.chat.record.variables import changed, of_person, store_variables
from webapp.chat.roleplay.service import KIND
from webapp.models.connections.models import providers
from webapp.people.accounts import creation_limit
from webapp.people.accounts.tables import User
from webapp.rendering import markdown

TITLE_CHARS = 200
UNSEEN = "One of these characters doesn't exist any more, or you don't have access."


def begin(
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
    persona = persona or (None if is_nobody else cast.default_persona(by))
    model = model or providers().default(by.default_model)
    providers().of(model)
    id = new_id()
    variables = Variables(VariableStore(), VariableStore(lambda: of_person(by.id)))
    context = PromptContext(id, by.id, model, (), variables=variables)
    greetings = [
        _greeting(each, begun(_names(each, there, persona, by), context)) for each in by_turns(there) if _greets_with(each)
    ]
    values: dict[str, Any] = {"id": id, "owner_id": by.id, "persona_id": persona.id if persona else None}
    values["collection_ids"] = list(reads)
    values |= {"character_id": there[0].id, "character_ids": [each.id for each in there], "turn_order": order}
    creation_limit.count(by.id)
    with write() as session:
        chat = Chat(kind=KIND, model=model, title=_title(there), **values)
        session.add(chat)
        session.flush()
        _greet(session, chat, greetings)
        store_variables(session, by.id, variables.shared)
    sending.announce(chat, "chat", chat.id)
    return chat


def recast(chat: Chat, ids: Sequence[str] | None, turn_order: str | None, *, by: User) -> None:
    """Changes the cast of a chat and the order in which they speak, from the next answer on.

    A chat with one character becomes a group. Present members can stay even if they are in the trash or no longer visible.
    """
    kept, order = checked_cast(chat, ids, turn_order, by=by)
    with write():
        chat.character_ids, chat.turn_order = kept, order
    sending.announce(chat, "chat", chat.id)


def checked_cast(chat: Chat, ids: Sequence[str] | None, turn_order: str | None, *, by: User) -> tuple[list[str], str]:
    """Returns the members in their order of speaking; raises if this cast is not possible."""
    if not chat.cast_ids:
        raise Conflict("This chat has no characters. Start a group chat from Characters.")
    kept = [each.id for each in _chosen(ids, by, known=chat.cast_ids)] if ids is not None else list(chat.character_ids)
    order = checked_order(turn_order or chat.turn_order or MENTION)
    if not kept:
        raise Invalid("Only a chat with several characters has an order.", field="turn_order")
    return kept, order


def checked_order(order: str) -> str:
    """Returns the order; raises `Invalid` for an unknown one."""
    if order not in ORDERS:
        raise Invalid("Choose who speaks next.", field="turn_order")
    return order


def _chosen(ids: Sequence[str], by: User, *, known: Sequence[str] = ()) -> list[Character]:
    """Returns these characters without duplicates; raises `Invalid` if the person can't chat with one of them."""
    wanted = list(dict.fromkeys(ids))
    if not LEAST_CAST <= len(wanted) <= MOST_CAST:
        raise Invalid(f"Choose from {LEAST_CAST} to {MOST_CAST} characters.", field="character_ids")
    there = [cast.character(by, id) or (cast.character_of(db.session(), by.id, id) if id in known else None) for id in wanted]
    found = [each for each in there if each]
    if len(found) < len(wanted):
        raise Invalid(UNSEEN, field="character_ids")
    return found


def _names(one: Character, there: Sequence[Character], persona: Persona | None, by: User) -> Names:
    return replace(names_of(one, persona, by), group=_all_names(there))


def _title(there: Sequence[Character]) -> str:
    return _all_names(there)[:TITLE_CHARS]


def _all_names(there: Sequence[Character]) -> str:
    return ", ".join(each.name for each in there)


def _greets_with(character: Character) -> str:
    """Returns the card's first greeting for groups, else its usual greeting."""
    return next(iter(group_greetings(character.card)), "") or character.greeting


def _greeting(character: Character, names: Names) -> dict[str, Any]:
    content = names.fill(_greets_with(character))
    html = {"html": renderings.rendered(content), "html_version": markdown.VERSION}
    # A variable set in one greeting is visible to the following ones.
    return {
        "content": content,
        "variables": changed(names.variables),
        "speaker_id": character.id,
        "speaker_name": character.name,
        **html,
    }


def _greet(session: Session, chat: Chat, greetings: Sequence[dict[str, Any]]) -> None:
    """Stores the greetings one below the other, in the order of the cast."""
    for each in greetings:
        message = Message(chat_id=chat.id, parent_id=chat.head_id, role="assistant", **each)
        session.add(message)
        session.flush()
        chat.head_id = message.id
