"""Card files in and out: imports characters, notices those that already exist, and exports for other programs."""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from threading import Lock
from typing import IO, Any, Literal

from sqlalchemy import and_, or_, select

from webapp.base.db import db, utc_now, write
from webapp.base.errors import AppError, Invalid
from webapp.base.heavy import bounded, child
from webapp.base.heavy.threads import offload
from webapp.characters import profiles, queries, scenery, service
from webapp.characters.cards import card_files
from webapp.characters.cards.cards import NAMES, BadCard, notes_of
from webapp.characters.tables import Character
from webapp.people.accounts.tables import PersonAuthor, User

Kind = Literal["json", "png", "charx"]
MEDIA: dict[Kind, str] = {"json": "application/json", "png": "image/png", "charx": "application/zip"}
# Width, height and shade of the grey picture for a character without one.
PLAIN = (400, 600, 0x8A)
# Named rather than imported: only a child process loads the image library.
AS_PNG = "webapp.characters.cards.as_png"
# A large card takes a third of a second and ten megabytes: a hundred concurrent exports would occupy both threads and all
# memory.
_packing = Lock()
MOST_FILES = 30
NAME_CHARS = 80
# The fields of a card that can exceed a length limit.
FIELD_WORDS = {
    "description": "Description",
    "greeting": "Greeting",
    "system_prompt": "System prompt",
    "post_history_prompt": "Post-history instructions",
}
# Comparing loads the cards, which can have a megabyte each.
MOST_COMPARED = 5
REPLACED = (*service.TEXTS, "tags", "card")


@dataclass(frozen=True, slots=True)
class Existing:
    """A person's character that is like an imported one: it has the same content, or else the same name and creator."""

    id: str
    name: str
    has_same_content: bool


@dataclass(frozen=True, slots=True)
class DecidedImport:
    """What was done with an imported character: it stays, it was removed, or an existing one has its texts."""

    what: Literal["kept", "removed", "replaced"]
    imported_id: str
    id: str
    name: str


def existing_like(candidate: Character) -> Existing | None:
    """Returns the owner's other character that is most like this one; the oldest of equals, which has chats more likely."""
    has_texts = and_(*(getattr(Character, name) == getattr(candidate, name) for name in service.TEXTS))
    query = select(Character.id).where(Character.owner_id == candidate.owner_id, Character.deleted_at.is_(None))
    query = query.where(Character.id != candidate.id, or_(Character.name == candidate.name, has_texts))
    # Compares up to five hundred texts, each up to a hundred thousand characters.
    ids = bounded.column(query.order_by(Character.id).limit(MOST_COMPARED))
    characters = [character for id in ids if (character := db.session.get(Character, id))]
    alike = (
        character
        for character in characters
        if all(getattr(character, name) == getattr(candidate, name) for name in (*service.TEXTS, "card"))
    )
    if same := next(alike, None):
        return Existing(same.id, same.name, has_same_content=True)
    like = next((character for character in characters if _identity(character) == _identity(candidate)), None)
    return Existing(like.id, like.name, has_same_content=False) if like else None


def replace_texts(character: Character, new: Character, *, by: User) -> None:
    """Gives a character the texts of another one, which gets the old texts and moves to the trash.

    Name, chats, collections and sharing stay; the picture stays if the other one has none.
    """
    profiles.CHARACTERS.refuse_unless_owner(character, by)
    profiles.CHARACTERS.refuse_unless_owner(new, by)
    if character.id == new.id:
        raise Invalid("Choose two different characters.", field="character_id")
    id, new_id = character.id, new.id
    with write() as session:
        character, new = profiles.CHARACTERS.existing(session, id), profiles.CHARACTERS.existing(session, new_id)
        for name in (*REPLACED, *(["avatar_id"] if new.avatar_id else [])):
            before, after = getattr(character, name), getattr(new, name)
            setattr(character, name, after)
            setattr(new, name, before)
        scenery.swap(session, id, new_id)
        character.changed_at = new.changed_at = new.deleted_at = utc_now()


def decide(choices: Mapping[str, str], *, by: User) -> list[DecidedImport]:
    """Does what was chosen for imported characters, by id: `keep`, `remove`, or `replace` and an existing character's id."""
    return [done for id, choice in choices.items() if (done := _decided(id, choice, by))]


def _decided(id: str, choice: str, by: User) -> DecidedImport | None:
    verb, _, existing_id = choice.partition(" ")
    # Either can have been deleted since the page was opened.
    if not (imported := queries.SEEN_CHARACTERS.one(by, id)):
        return None
    if verb == "remove":
        profiles.CHARACTERS.trash(imported, by=by)
        return DecidedImport("removed", id, id, imported.name)
    if verb == "replace" and (existing := queries.SEEN_CHARACTERS.one(by, existing_id)):
        replace_texts(existing, imported, by=by)
        return DecidedImport("replaced", id, existing_id, existing.name)
    return DecidedImport("kept", id, id, imported.name)


def _identity(character: Character) -> tuple[str, str]:
    return character.name, notes_of(character.card)[1]


def file_of(character: Character, kind: Kind, version: card_files.Version | None = None) -> bytes:
    """Returns a character's card file; a JSON file in `version` or the version it was imported in. Makes one file at a time."""
    # Releases the database connection and the loaded card before waiting for the lock.
    db.session.rollback()
    with _packing:
        card, fields = character.card, {name: getattr(character, name) for name in NAMES}
        if kind == "json":
            return offload(_as_json, fields, card, version)
        picture = _picture(character)
        if kind == "png":
            return offload(_as_png, fields, card, picture)
        return offload(_as_charx, fields, card, picture, scenery.files_of(character.id))


def _as_json(fields: dict[str, Any], card: dict[str, Any], version: card_files.Version | None) -> bytes:
    return card_files.as_bytes(card_files.card_of(fields, card, version))


def _as_charx(fields: dict[str, Any], card: dict[str, Any], picture: bytes, scenes: list[tuple[str, str, bytes]]) -> bytes:
    return card_files.as_charx(card_files.card_of(fields, card, "3"), picture, scenes)


def _as_png(fields: dict[str, Any], card: dict[str, Any], picture: bytes) -> bytes:
    newest = card_files.card_of(fields, card, "3")
    # Older programs read `chara`, newer ones `ccv3`.
    return card_files.with_cards(
        picture or card_files.grey_png(*PLAIN), {b"chara": card_files.card_of(fields, card, "2"), b"ccv3": newest}
    )


def _picture(character: Character) -> bytes:
    """Returns the picture as a PNG, which all programs read."""
    avatar = queries.avatar(character.avatar_id)
    if not avatar:
        return b""
    try:
        return (
            card_files.png_of(card_files.png_chunks(avatar.content))
            if avatar.content.startswith(card_files.PNG)
            else _drawn(avatar.content)
        )
    except BadCard:
        return _drawn(avatar.content)


def _drawn(content: bytes) -> bytes:
    with child.short(AS_PNG, BytesIO(content)) as drawing:
        try:
            return b64decode(next(drawing, ""))
        except child.Exceeded:
            return b""


@dataclass(frozen=True, slots=True)
class ImportedCard:
    """An imported character, with notes about what was left out of its card, and one like it that existed already."""

    id: str
    name: str
    notes: tuple[str, ...] = ()
    existing: Existing | None = None


@dataclass
class CharacterImportResult:
    """The result of an import: the new characters, and the files that failed, each with a reason."""

    characters: list[ImportedCard] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)

    @property
    def has_existing(self) -> bool:
        return any(character.existing for character in self.characters)


def import_cards(files: Iterable[tuple[str | None, IO[bytes]]], *, by: User) -> CharacterImportResult:
    """Creates a character from each card; a file that cannot be read does not stop the others."""
    named = [(name, stream) for name, stream in files if name]
    if not named:
        raise Invalid("Choose at least one file.", field="file")
    if len(named) > MOST_FILES:
        raise Invalid(f"Choose at most {MOST_FILES} files at once.", field="file")
    result = CharacterImportResult()
    for name, stream in named:
        try:
            result.characters.append(_import_one(stream, by))
        except AppError as refusal:
            title = FIELD_WORDS.get(refusal.field)
            reason = f"{title}: {refusal.message}" if title else refusal.message
            result.failed.append((" ".join(name.split())[:NAME_CHARS], reason))
    return result


def _import_one(stream: IO[bytes], by: User) -> ImportedCard:
    card_fields = child.read_one(card_files.__name__, stream)
    notes, picture = card_fields.pop("notes"), b64decode(card_fields.pop("picture", ""))
    scenes = card_fields.pop("scenes", 0)
    try:
        picture = profiles.fitted_picture(picture)
    except Invalid as refusal:
        notes.append(f"Its picture was left out. {refusal.message}")
        picture = b""
    entered = service.CharacterInput.entered(card_fields)
    character = service.create(entered, picture=picture, author=PersonAuthor(by))
    id, name = character.id, character.name
    if scenes and scenery.unpack(id, stream) < scenes:
        notes.append("Some of its backgrounds or expressions couldn't be read and were left out.")
    return ImportedCard(id, name, tuple(notes), existing_like(db.session.get_one(Character, id)))
