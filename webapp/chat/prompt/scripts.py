"""The text scripts of characters in prompts. They are recorded with a prompt, so that what was sent can be shown later."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sqlalchemy import bindparam, select

from webapp.base.database.statements import Prepared
from webapp.base.db import db
from webapp.characters import queries as character_queries
from webapp.characters.scripts.card_scripts import scripts_of
from webapp.characters.tables import Character
from webapp.characters.text_scripts import LORE, TextScript, applied, has_names, named
from webapp.chat.prompt.sections import names_in
from webapp.chat.record.paths import PathMessage
from webapp.chat.record.tables import Chat
from webapp.people.accounts.tables import User

# The time limit for all scripts of one prompt; older messages that have not been reached by then are sent as written.
MOST_SECONDS = 0.05
KNOWN = {field.name for field in fields(TextScript)}


@dataclass(frozen=True, slots=True)
class PromptScripts:
    """Scripts by the name of the speaker in a group, under an empty name in any other chat.

    `count` is how many of the newest messages they apply to; None for all.
    """

    by_speaker: Mapping[str, tuple[TextScript, ...]] = field(default_factory=dict)
    count: int | None = None

    @classmethod
    def from_record(cls, prompt: Mapping[str, Any]) -> "PromptScripts":
        """Restores the scripts recorded in a prompt."""
        scripts_by_name = {name: tuple(map(_restored, scripts)) for name, scripts in prompt.get("scripts", {}).items()}
        return cls(scripts_by_name, prompt.get("scripted"))

    @property
    def recorded(self) -> dict[str, Any]:
        scripts = {name: [asdict(script) for script in scripts] for name, scripts in self.by_speaker.items()}
        return {"scripts": scripts, "scripted": self.count} if scripts else {}

    def applied_to(self, messages: Sequence[PathMessage], is_late: Callable[[], bool] = lambda: False) -> list[PathMessage]:
        """Returns the messages as the scripts change them, newest last; those left when time is up are not in it."""
        changed_messages = list[PathMessage]()
        for depth, message in enumerate(reversed(messages)):
            changed = self._changed(message, depth, is_late) if self.count is None or depth < self.count else message
            # A message that was changed by some of the scripts only could not be shown again.
            if is_late():
                break
            changed_messages.append(changed)
        return changed_messages[::-1]

    def _changed(self, message: PathMessage, depth: int, is_late: Callable[[], bool]) -> PathMessage:
        # In a group, the scripts of a character apply to its own messages only.
        scripts = self.by_speaker.get(message.speaker if message.role == "assistant" else "", ())
        fitting = [script for script in scripts if script.fits(message.role, depth)]
        return message._replace(content=applied(fitting, message.content, is_late)) if fitting else message


NONE = PromptScripts()


def scripted(chat: Chat, messages: Sequence[PathMessage]) -> tuple[list[PathMessage], PromptScripts]:
    """Returns the messages as the scripts of the chat's characters change them, and those scripts if they change anything."""
    if not (scripts_by_character := _scripts_of(chat, chat.cast_ids)):
        return list(messages), NONE
    until = time.thread_time() + MOST_SECONDS
    changed = PromptScripts(scripts_by_character).applied_to(messages, lambda: time.thread_time() > until)
    result = [*messages[: len(messages) - len(changed)], *changed]
    return result, PromptScripts(scripts_by_character, len(changed)) if result != list(messages) else NONE


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


def _restored(record: Mapping[str, Any]) -> TextScript:
    lists: dict[str, Any] = {name: tuple(record.get(name, ())) for name in ("trims", "placements")}
    return TextScript(**{name: value for name, value in record.items() if name in KNOWN} | lists)


CHANGED = Prepared(select(Character.id, Character.changed_at).where(Character.id == bindparam("id")))
