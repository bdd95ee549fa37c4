"""Imports characters from card files, each parsed in a child process."""

from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO

from webapp.base.errors import AppError, Invalid
from webapp.base.heavy import child
from webapp.characters import service
from webapp.characters.cards import card_files
from webapp.characters.exchange.duplicates import Existing, existing_like
from webapp.characters.fields import checked_picture
from webapp.characters.service import CharacterInput
from webapp.people.accounts.tables import User

MOST_FILES = 30
NAME_CHARS = 80
# The fields of a card that can exceed a length limit.
TEXTS = {
    "description": "Description",
    "greeting": "Greeting",
    "system_prompt": "System prompt",
    "post_history_prompt": "Post-history instructions",
}


@dataclass(frozen=True, slots=True)
class Imported:
    """An imported character, with notes about what was left out of its card, and one like it that existed already."""

    id: str
    name: str
    notes: tuple[str, ...] = ()
    existing: Existing | None = None


@dataclass
class ImportResult:
    """The result of an import: the new characters, and the files that failed, each with a reason."""

    characters: list[Imported] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)

    @property
    def has_existing(self) -> bool:
        return any(each.existing for each in self.characters)


def import_cards(files: Iterable[tuple[str | None, IO[bytes]]], *, by: User) -> ImportResult:
    """Creates a character from each card; a file that cannot be read does not stop the others."""
    named = [(name, stream) for name, stream in files if name]
    if not named:
        raise Invalid("Choose at least one file.", field="file")
    if len(named) > MOST_FILES:
        raise Invalid(f"Choose at most {MOST_FILES} files at once.", field="file")
    result = ImportResult()
    for name, stream in named:
        try:
            result.characters.append(_import_one(stream, by))
        except AppError as refusal:
            result.failed.append((" ".join(name.split())[:NAME_CHARS], _reason(refusal)))
    return result


def _import_one(stream: IO[bytes], by: User) -> Imported:
    found = child.read_one(card_files.__name__, stream)
    notes, picture = found.pop("notes"), b64decode(found.pop("picture", ""))
    try:
        checked_picture(picture, most_bytes=card_files.MOST_PICTURE_BYTES)
    except Invalid as refusal:
        notes.append(f"Its picture was left out. {refusal.message}")
        picture = b""
    entered = CharacterInput(**found, avatar=picture or None, most_avatar_bytes=card_files.MOST_PICTURE_BYTES)
    made = service.create(entered, by=by)
    return Imported(made.id, made.name, tuple(notes), existing_like(made))


def _reason(refusal: AppError) -> str:
    """Returns the error message, prefixed with the field of the card that it is about."""
    title = TEXTS.get(refusal.field)
    return f"{title}: {refusal.message}" if title else refusal.message
