"""The text scripts of characters in prompts. They are recorded with a prompt, so that what was sent can be shown later."""

import time
from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import bindparam, select

from webapp.base.database.statements import Prepared
from webapp.base.db import db
from webapp.characters import queries as character_queries
from webapp.characters.scripts.card_scripts import scripts_of
from webapp.characters.tables import Character
from webapp.characters.text_scripts import LORE, TextScript, applied, has_names, named
from webapp.chat.prompt.recorded_prompt import NO_SCRIPTS, PromptScripts
from webapp.chat.prompt.sections import names_in
from webapp.chat.record.paths import PathMessage
from webapp.chat.record.tables import Chat
from webapp.people.accounts.tables import User

# The time limit for all scripts of one prompt; older messages that have not been reached by then are sent as written.
MOST_SECONDS = 0.05


def scripted(chat: Chat, messages: Sequence[PathMessage]) -> tuple[list[PathMessage], PromptScripts]:
    """Returns the messages as the scripts of the chat's characters change them, and those scripts if they change anything."""
    if not (scripts_by_character := _scripts_of(chat, chat.cast_ids)):
        return list(messages), NO_SCRIPTS
    until = time.thread_time() + MOST_SECONDS
    changed = PromptScripts(scripts_by_character).applied_to(messages, lambda: time.thread_time() > until)
    result = [*messages[: len(messages) - len(changed)], *changed]
    return result, PromptScripts(scripts_by_character, len(changed)) if result != list(messages) else NO_SCRIPTS


def scripting_lore(chat: Chat, speaker_id: str) -> Callable[[str, int | None], str]:
    """Returns a function that changes a lorebook entry at a depth as the scripts of the answering character do."""
    scripts_by_character = _scripts_of(chat, [speaker_id] if speaker_id else [], lambda script: LORE in script.placements)
    scripts = next(iter(scripts_by_character.values()), ())
    until = time.thread_time() + MOST_SECONDS

    def changed(text: str, depth: int | None) -> str:
        is_late = time.thread_time() > until
        fitting = [] if is_late else [script for script in scripts if script.fits("lore", depth)]
        return applied(fitting, text, lambda: time.thread_time() > until) if fitting else text

    return changed


def _scripts_of(
    chat: Chat, ids: Iterable[str], is_wanted: Callable[[TextScript], bool] = lambda _: True
) -> dict[str, tuple[TextScript, ...]]:
    """Returns the wanted scripts of these characters that the chat's owner can see, by name in a group."""
    rows = [row for id in ids if (row := CHANGED.first(db.session(), {"id": id}))]
    scripts_by_character = {row.id: tuple(filter(is_wanted, scripts_of(row.id, row.changed_at).sent)) for row in rows}
    # Most characters have no scripts, so only the others are looked up as the chat's owner sees them.
    scripted = [id for id, scripts in scripts_by_character.items() if scripts]
    owner = db.session.get(User, chat.owner_id) if chat.owner_id and scripted else None
    characters = character_queries.named(owner, scripted) if owner else []
    return {
        character.name if chat.is_group else "": with_names(chat, scripts_by_character[character.id], character.id)
        for character in characters
    }


def with_names(chat: Chat, scripts: tuple[TextScript, ...], speaker_id: str) -> tuple[TextScript, ...]:
    """Returns the scripts with names filled in; the same ones if they have none."""
    return named(scripts, names_in(chat, speaker_id)) if has_names(scripts) else scripts


CHANGED = Prepared(select(Character.id, Character.changed_at).where(Character.id == bindparam("id")))
