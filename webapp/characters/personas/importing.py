"""Imports personas from another program's file, which is parsed in a child process."""

from dataclasses import dataclass, field
from typing import IO, Any

from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.base.heavy import child
from webapp.base.heavy.turns import queue_for_turn
from webapp.characters import queries
from webapp.characters.lore import queries as lorebooks
from webapp.characters.personas import files as persona_files
from webapp.characters.personas import personas
from webapp.characters.personas.personas import PersonaInput
from webapp.people.accounts.tables import User


@dataclass
class ImportResult:
    """The result of an import: how many personas are new, how many already existed, and those that failed, with the reason.

    `lacking` are the lorebooks that new personas name and the person doesn't have.
    """

    new: int = 0
    known: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)


def import_personas(stream: IO[bytes], *, by: User) -> ImportResult:
    """Creates a persona for each one in the file, except those that this person already has with the same texts."""
    found: list[dict[str, Any]] = child.read_one(persona_files.__name__, stream)["personas"]
    result = ImportResult()
    worlds = lorebooks.by_name(by.id, {each["lorebook"] for each in found if each["lorebook"]})
    own = [each for each in queries.personas(by) if each.owner_id == by.id]
    # An existing default persona stays the default.
    known, has_default = {(each.name, each.description) for each in own}, any(each.is_default for each in own)
    db.session.rollback()
    for each in found:
        queue_for_turn()
        if (each["name"], each["description"]) in known:
            result.known += 1
            continue
        try:
            personas.create(_input(each, worlds, has_default=has_default), by=by)
            result.new += 1
            if each["lorebook"] and each["lorebook"] not in (*worlds, *result.lacking):
                result.lacking.append(each["lorebook"])
        except Invalid as refusal:
            result.failed.append((each["name"], refusal.message))
    return result


def _input(persona: dict[str, Any], worlds: dict[str, str], *, has_default: bool) -> PersonaInput:
    ids = [worlds[persona["lorebook"]]] if persona["lorebook"] in worlds else []
    is_default = persona["is_default"] and not has_default
    return PersonaInput(persona["name"], persona["description"], is_default=is_default or None, lorebook_ids=ids)
