"""The characters and the persona that a first run finds: the team's, to chat with, to change, and to delete for good."""

from sqlalchemy import select

from webapp.characters.shipped_texts import CHARACTERS, PERSONAS
from webapp.characters.tables import Character, Persona
from webapp.db import write


def ship() -> int:
    """Puts in what has never been here, and says how many; what was deleted is remembered and does not come again."""
    with write() as session:
        known = set(session.scalars(select(Character.origin).union(select(Persona.origin))))
        missing: list[Character | Persona] = [Character(**each) for each in CHARACTERS if each["origin"] not in known]
        missing += [Persona(**each) for each in PERSONAS if each["origin"] not in known]
        session.add_all(missing)
    return len(missing)
