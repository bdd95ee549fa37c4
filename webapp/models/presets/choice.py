"""The word by which a preset is chosen where a model could be. Pure."""

import re

PREFIX = "preset:"
# No model is called so, even of a connection with this name.
WORD = re.compile(rf"{PREFIX}([0-9a-z]{{26}})")


def choice_of(id: str) -> str:
    return PREFIX + id


def id_in(choice: str) -> str:
    """Returns the id of the preset that is chosen; empty for a model."""
    match = WORD.fullmatch(choice)
    return match[1] if match else ""
