"""Looks up characters for pages; what a person has no right to see is reported as not found."""

from webapp.characters import profiles, queries
from webapp.characters.tables import Character
from webapp.people.accounts.guards import current_user, found


def visible_character(id: str) -> Character:
    return found(queries.character(current_user(), id))


def own_character(id: str) -> Character:
    """Returns the character to edit; raises Forbidden for someone who can only see it, with what they can do instead."""
    character = visible_character(id)
    profiles.refuse_unless_theirs(character, current_user())
    return character
