"""The team's characters and persona that ship with Millrace; admins can edit and delete them."""

from sqlalchemy import select

from webapp.base.db import write
from webapp.characters.shipped_texts import CHARACTERS, PERSONAS
from webapp.characters.tables import Character, Persona


def ship() -> int:
    """Adds the shipped rows that were never added before and returns how many; rows deleted since are not added again."""
    with write() as session:
        known = set(session.scalars(select(Character.origin).union(select(Persona.origin))))
        missing: list[Character | Persona] = [Character(**each) for each in CHARACTERS if each["origin"] not in known]
        missing += [Persona(**each) for each in PERSONAS if each["origin"] not in known]
        session.add_all(missing)
    return len(missing)
