"""Database queries for presets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any
from zlib import crc32

from sqlalchemy import select

from webapp.base.db import db
from webapp.models.makers import HUES, Maker
from webapp.models.presets.tables import Preset
from webapp.people.accounts.tables import User
from webapp.people.things.seen import Seen

KIND = "preset"
SEEN_PRESETS = Seen(kind=KIND, table=Preset, searched=(Preset.about,), beside=Preset.about)
# The presets that this session knows, or knows to be none.
KNOWN = "presets"


@dataclass(frozen=True, slots=True)
class KnownPreset:
    """A preset as chats use it."""

    id: str
    name: str
    icon: str = ""
    owner_id: str = ""
    model: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    collection_ids: Sequence[str] = ()
    tools: Sequence[str] = ()
    section_order: Sequence[str] = ()

    @property
    def mark(self) -> Maker:
        """Its mark, drawn as those of models' makers are."""
        return mark_of(self.name, self.icon)


def mark_of(name: str, icon: str) -> Maker:
    """Returns the mark of a preset: its icon or first letter, on a colour derived from its name."""
    letter = next((sign for sign in name if sign.isalnum()), "·").upper()
    return Maker(name, icon or letter, HUES[crc32(name.encode("utf-8", "replace")) % len(HUES)])


def by_name(user: User, name: str) -> Preset | None:
    """Returns the preset with this name: the person's own, or one shared with them."""
    query = select(Preset).where(SEEN_PRESETS.sees(user), Preset.name == name, Preset.deleted_at.is_(None))
    return db.session.scalar(query.order_by((Preset.owner_id == user.id).desc(), Preset.id.desc()).limit(1))


def known(person_id: str | None, id: str | None) -> KnownPreset | None:
    """Returns the preset with this id if the person can use it, asking the database once in a session."""
    return known_among(person_id, [id]).get(id or "")


def known_among(person_id: str | None, ids: Iterable[str | None]) -> dict[str, KnownPreset]:
    """Returns, by id, those of these presets that the person can use; without an id there is no query."""
    wanted = {id for id in ids if id} if person_id else set()
    remembered: dict[tuple[str, str], KnownPreset | None] = db.session().info.setdefault(KNOWN, {})
    missing = {id for id in wanted if (person_id or "", id) not in remembered}
    person = db.session.get(User, person_id) if missing else None
    if person:
        query = select(Preset).where(Preset.id.in_(missing), SEEN_PRESETS.sees(person), Preset.deleted_at.is_(None))
        rows = {row.id: row for row in db.session.scalars(query)}
        remembered |= {(person.id, id): _known(rows[id]) if id in rows else None for id in missing}
    return {id: preset for id in wanted if (preset := remembered.get((person_id or "", id)))}


def forget() -> None:
    """Lets this session ask again, after a change."""
    db.session().info.pop(KNOWN, None)


def _known(row: Preset) -> KnownPreset:
    return KnownPreset(**{name.name: getattr(row, name.name) for name in fields(KnownPreset)})
