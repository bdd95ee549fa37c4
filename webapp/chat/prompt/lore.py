"""Prompt sections from a chat's world: lorebook entries that are triggered, and the note of its character."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from random import SystemRandom

from webapp.base.db import db
from webapp.characters.lore import queries as lore_queries
from webapp.characters.lore.entries import InsertionPoint
from webapp.characters.lore.entry_selection import LoreContext, select_entries
from webapp.characters.macros.macros import Names, spelled
from webapp.characters.prompt_parts import CardLore, lore_of
from webapp.characters.queries import character_of, persona_of
from webapp.chat.group.members import all_names
from webapp.chat.prompt.builder import LORE_AFTER, LORE_BEFORE
from webapp.chat.prompt.context import Occasion, PromptContext
from webapp.chat.prompt.scripts import scripting_lore
from webapp.chat.prompt.sections import names_for, place_of_note
from webapp.chat.record.model_choice import model_named
from webapp.chat.record.tables import Chat
from webapp.models.prompt_sections import Section, Template
from webapp.models.tokens import estimate, share_of
from webapp.people.accounts.tables import User
from webapp.tools.outside import thing

# Constant entries are dropped last when there is no room, entries that request it first.
LAST_TO_GO, FIRST_TO_GO = 1_001, -1_000
# SillyTavern's names for the occasions to which an entry can be limited.
TRIGGERS: Mapping[Occasion, frozenset[str]] = {
    "answer": frozenset({"normal"}),
    "again": frozenset({"swipe", "regenerate"}),
    "continue": frozenset({"continue"}),
    "suggestion": frozenset({"impersonate"}),
}
# Entries take at most this fraction of the context window and this many tokens; the last is used if the window is unknown.
SHARE, MOST_TOKENS, USUAL_TOKENS = 4, 32_000, 2_000


def lore_sections(context: PromptContext) -> Iterator[Section | Template]:
    session = db.session()
    chat = session.get_one(Chat, context.chat_id)
    character = character_of(session, chat.owner_id, context.speaker_id or chat.character_id)
    persona = persona_of(session, chat.owner_id, chat.persona_id)
    ids = [*chat.lorebook_ids, *(persona.lorebook_ids if persona and context.is_personal else ())]
    if not character and not ids:
        return
    card_lore, count = lore_of(character) if character else CardLore(), len(context.messages)
    owner = session.get(User, chat.owner_id) if chat.owner_id else None
    used = lore_queries.used_by(owner, ids, is_played=bool(character)) if owner else []
    books = [*used, card_lore.book]
    context.outside.extend(place for book in used for place in thing("lorebook", book.name, book.owner_id, chat.owner_id))
    if not card_lore.note and not any(book.entries for book in books):
        return
    person = session.get(User, context.person_id) if context.person_id else None
    names = names_for(context, character, persona, person, group=all_names(chat))
    if card_lore.note:
        yield Template(_inserted(card_lore.insertion, count, Section("Character's note", card_lore.note, names.char)), names.fill)
    # In a group every message already names its speaker.
    speakers = {} if chat.is_group else {"user": names.user, "assistant": names.char}
    chars = sum(len(entry.content) for book in books for entry in book.entries)
    note = place_of_note(chat)
    entries = select_entries(books, _lore_context(context, names, speakers, chars))
    fill, called = names.together(), replace(names, char=card_lore.nickname or names.char)
    own, fill_own = {entry.id for entry in card_lore.book.entries if card_lore.nickname}, called.together()
    changed = scripting_lore(chat, character.id if character else "")
    for entry in entries:
        origin, is_own = f"Lorebook {entry.book}".strip(), entry.id in own
        if entry.insertion.outlet is not None:
            content = changed(spelled(entry.content), None)
            context.outlets.add(
                entry.insertion.outlet, called.fill_names(content) if is_own else content, f"{origin}: {entry.title}"
            )
            continue
        priority = LAST_TO_GO if entry.is_constant else FIRST_TO_GO if entry.is_first_to_go else entry.priority
        insertion = replace(note, is_before=entry.insertion.is_before) if entry.insertion.is_at_note else entry.insertion
        section = Section(entry.title, spelled(entry.content), origin, priority=priority)
        inserted = _inserted(insertion, count, section)
        yield Template(inserted, partial(_filled, fill_own if is_own else fill, changed, inserted.depth))


def _filled(fill: Callable[[str], str], changed: Callable[[str, int | None], str], depth: int | None, text: str) -> str:
    """Returns an entry with its placeholders filled in, as scripts then change it."""
    return changed(fill(text), depth)


def _lore_context(context: PromptContext, names: Names, speakers: Mapping[str, str], chars: int) -> LoreContext:
    return LoreContext(
        context.messages,
        cost=partial(estimate, share=share_of(chars)),
        now=time.thread_time,
        chance=SystemRandom(),
        seed=context.chat_id,
        speakers=speakers,
        fill=names.fill_names,
        character=names.char,
        triggers=TRIGGERS[context.occasion],
        most_tokens=min((model_named(context.model).context_length or 0) // SHARE, MOST_TOKENS) or USUAL_TOKENS,
    )


def _inserted(insertion: InsertionPoint, count: int, section: Section) -> Section:
    depth = insertion.depth if insertion.from_start is None else max(0, count - insertion.from_start)
    return replace(section, role=insertion.role, depth=depth, rank=LORE_BEFORE if insertion.is_before else LORE_AFTER)
