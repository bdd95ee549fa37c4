"""Brings personas in from a file of another program, which is read in a process of its own."""

from dataclasses import dataclass, field
from typing import IO, Any

from webapp.accounts.tables import User
from webapp.characters import persona_files, personas, queries
from webapp.characters.personas import PersonaInput
from webapp.db import db
from webapp.errors import Invalid
from webapp.heavy import child
from webapp.heavy.turns import stand_in_line
from webapp.lore import queries as lorebooks


@dataclass
class Brought:
    """What became of them: how many are new, how many were here already, and those that could not be taken, with the reason.

    `lacking` are the lorebooks that new ones name, and this person does not have.
    """

    new: int = 0
    known: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)


def bring_in(stream: IO[bytes], *, by: User) -> Brought:
    """Make a persona of each; one that this person has already, in the same words, stays as it is."""
    found: list[dict[str, Any]] = child.told(persona_files.__name__, stream)["personas"]
    brought = Brought()
    worlds = lorebooks.by_name(by.id, {each["lorebook"] for each in found if each["lorebook"]})
    own = [each for each in queries.personas(by) if each.owner_id == by.id]
    # Who has chosen somebody already stays who they are.
    known, has_default = {(each.name, each.description) for each in own}, any(each.is_default for each in own)
    db.session.rollback()
    for each in found:
        stand_in_line()
        if (each["name"], each["description"]) in known:
            brought.known += 1
            continue
        try:
            personas.create(_input(each, worlds, has_default=has_default), by=by)
            brought.new += 1
            if each["lorebook"] and each["lorebook"] not in (*worlds, *brought.lacking):
                brought.lacking.append(each["lorebook"])
        except Invalid as refusal:
            brought.failed.append((each["name"], refusal.message))
    return brought


def _input(said: dict[str, Any], worlds: dict[str, str], *, has_default: bool) -> PersonaInput:
    ids = [worlds[said["lorebook"]]] if said["lorebook"] in worlds else []
    is_default = said["is_default"] and not has_default
    return PersonaInput(said["name"], said["description"], is_default=is_default or None, lorebook_ids=ids)
