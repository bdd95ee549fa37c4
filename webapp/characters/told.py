"""What a character and a persona say of themselves, where a text asks for it by a macro."""

from collections.abc import Callable

from webapp.characters.cards import asked_of
from webapp.characters.tables import Character, Persona

OWN = {"charprompt": "system_prompt", "charinstruction": "post_history_prompt", "charfirstmessage": "greeting"}


def told_by(character: Character, persona: Persona | None) -> Callable[[str], str | None]:
    """Looks them up by the names of macros; the card, which can be large, is read for those alone that need it."""
    of_card: dict[str, str] = {}

    def text(name: str) -> str | None:
        if name == "persona":
            return persona.description if persona else ""
        if name in OWN:
            return str(getattr(character, OWN[name]))
        if not of_card:
            of_card.update(asked_of(character.card, character.description))
        return of_card.get(name)

    return text
