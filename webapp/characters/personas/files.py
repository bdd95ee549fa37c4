"""Personas as files of other programs: reads them, imports their personas, and writes one."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from webapp.base.db import db
from webapp.base.errors import Invalid
from webapp.base.heavy import child
from webapp.base.heavy.turns import queue_for_turn
from webapp.base.untrusted_json import UnfitJson, clean, dict_of, value_of
from webapp.characters import queries
from webapp.characters.cards.cards import BadCard
from webapp.characters.lore import queries as lore_queries
from webapp.characters.macros.macros import spelled
from webapp.characters.personas import service
from webapp.people.accounts.tables import User

MOST_BYTES = 2 * 1024 * 1024
MOST, NAME_CHARS = 100, 120
NO_PERSONAS = "It doesn't contain personas. Choose the backup of SillyTavern's persona management, or its settings.json."


def pieces(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Yields the personas of a file, or the reason why it cannot be read."""
    try:
        value = value_of(file.read(MOST_BYTES + 1), what="The file", otherwise=NO_PERSONAS, most_bytes=MOST_BYTES)
        yield {"personas": list(_personas(value))}
    except UnfitJson as error:
        yield {"trouble": str(error)}


def _personas(value: Any) -> Iterator[dict[str, Any]]:
    data = dict_of(value)
    data = data if "personas" in data else dict_of(data.get("power_user"))
    names, about = dict_of(data.get("personas")), dict_of(data.get("persona_descriptions"))
    if not names:
        raise BadCard(NO_PERSONAS)
    if len(names) > MOST:
        raise BadCard(f"It contains more than {MOST} personas.")
    for avatar, named in names.items():
        more, name = dict_of(about.get(avatar)), _line(named)
        if name:
            # A persona without a description gives the model only its name.
            description = spelled(clean(more.get("description"))).strip() or name
            is_default = data.get("default_persona") == avatar
            yield {"name": name, "description": description, "lorebook": _line(more.get("lorebook")), "is_default": is_default}


def _line(value: Any) -> str:
    return "".join(sign for sign in " ".join(clean(value).split()) if sign.isprintable())[:NAME_CHARS].strip()


@dataclass
class PersonaImportResult:
    """The result of an import: how many personas are new, how many already existed, and those that failed, with the reason.

    `lacking` are the lorebooks that new personas name and the person doesn't have.
    """

    new: int = 0
    known: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)


def import_personas(stream: IO[bytes], *, by: User) -> PersonaImportResult:
    """Creates a persona for each one in the file, except those that this person already has with the same texts."""
    values: list[dict[str, Any]] = child.read_one(__name__, stream)["personas"]
    result = PersonaImportResult()
    worlds = lore_queries.by_name(by.id, {persona["lorebook"] for persona in values if persona["lorebook"]})
    own = [persona for persona in queries.SEEN_PERSONAS.all(by) if persona.owner_id == by.id]
    # An existing default persona stays the default.
    existing, has_default = {(persona.name, persona.description) for persona in own}, any(persona.is_default for persona in own)
    db.session.rollback()
    for described in values:
        queue_for_turn()
        if (described["name"], described["description"]) in existing:
            result.known += 1
            continue
        try:
            ids = [worlds[described["lorebook"]]] if described["lorebook"] in worlds else []
            is_default = (described["is_default"] and not has_default) or None
            same = {name: described[name] for name in ("name", "description")}
            entered = service.PersonaInput.entered({**same, "is_default": is_default, "lorebook_ids": ids})
            service.create(entered, by=by)
            result.new += 1
            if described["lorebook"] and described["lorebook"] not in (*worlds, *result.lacking):
                result.lacking.append(described["lorebook"])
        except Invalid as refusal:
            result.failed.append((described["name"], refusal.message))
    return result
