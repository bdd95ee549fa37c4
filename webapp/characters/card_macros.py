"""The texts of a character and a persona that macros can insert."""

from collections.abc import Callable

from webapp.characters.card_lore import lore_of
from webapp.characters.cards.cards import other_greetings, texts_for_macros
from webapp.characters.tables import Character, Persona

OWN = {"charprompt": "system_prompt", "charinstruction": "post_history_prompt", "charfirstmessage": "greeting"}
NUMBERED = "charfirstmessage::"


def macro_texts(character: Character, persona: Persona | None) -> Callable[[str], str | None]:
    """Returns a lookup of these texts by macro name; loads the card, which can be large, only for macros that need it."""
    of_card: dict[str, str] = {}

    def text(name: str) -> str | None:
        if name == "persona":
            return persona.description if persona else ""
        if name in OWN:
            return str(getattr(character, OWN[name]))
        if name == "chardepthprompt":
            return lore_of(character).note
        if name.startswith(NUMBERED):
            return _greeting(character, int(name.removeprefix(NUMBERED)))
        if not of_card:
            of_card.update(texts_for_macros(character.card, character.description))
        return of_card.get(name)

    return text


def _greeting(character: Character, number: int) -> str:
    """Returns the first message for 0, else an alternate greeting; empty if there are not so many."""
    others = other_greetings(character.card) if number and character.greeting else []
    return character.greeting if not number else others[number - 1] if number <= len(others) else ""
