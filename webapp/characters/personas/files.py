"""Parses SillyTavern's files with personas: a backup of them, or its settings, which contain them. Pure."""

from collections.abc import Iterator, Mapping
from typing import IO, Any

from webapp.base.untrusted_json import Unfit, clean, value_of
from webapp.characters.cards.cards import BadCard
from webapp.characters.macros.macros import spelled

MOST_BYTES = 2 * 1024 * 1024
MOST, NAME_CHARS = 100, 120
NO_PERSONAS = "It doesn't contain personas. Choose the backup of SillyTavern's persona management, or its settings.json."


def pieces(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Yields the personas of a file, or the reason why it cannot be read."""
    try:
        value = value_of(file.read(MOST_BYTES + 1), what="The file", otherwise=NO_PERSONAS, most_bytes=MOST_BYTES)
        yield {"personas": list(_personas(value))}
    except Unfit as error:
        yield {"trouble": str(error)}


def _personas(value: Any) -> Iterator[dict[str, Any]]:
    data = _mapping(value)
    data = data if "personas" in data else _mapping(data.get("power_user"))
    names, about = _mapping(data.get("personas")), _mapping(data.get("persona_descriptions"))
    if not names:
        raise BadCard(NO_PERSONAS)
    if len(names) > MOST:
        raise BadCard(f"It contains more than {MOST} personas.")
    for avatar, named in names.items():
        more, name = _mapping(about.get(avatar)), _line(named)
        if name:
            # A persona without a description gives the model only its name.
            description = spelled(clean(more.get("description"))).strip() or name
            is_default = data.get("default_persona") == avatar
            yield {"name": name, "description": description, "lorebook": _line(more.get("lorebook")), "is_default": is_default}


def _line(value: Any) -> str:
    return "".join(each for each in " ".join(clean(value).split()) if each.isprintable())[:NAME_CHARS].strip()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
