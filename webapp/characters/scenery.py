"""What surrounds a character in chats: a background, and a picture for each expression."""

from base64 import b64decode
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import PurePath
from typing import IO, Any, Literal, NamedTuple

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from webapp.base.db import db, utc_now, write
from webapp.base.errors import Invalid
from webapp.base.heavy import child
from webapp.base.ids import new_id
from webapp.base.words import plural
from webapp.characters import profiles
from webapp.characters.cards.assets import MOST_SCENE_BYTES, MOST_SCENES, expression_name
from webapp.characters.cards.card_files import ZIP, picture_of
from webapp.characters.tables import Character, CharacterPicture
from webapp.people.accounts import creation_limit
from webapp.people.accounts.tables import User

Purpose = Literal["background", "expression"]
# Named rather than imported: only a child process loads the image library.
AS_SCENE, AS_SCENERY = "webapp.characters.cards.as_scene", "webapp.characters.cards.as_scenery"
AS_SPRITES = "webapp.characters.cards.as_sprites"
WEBP = "image/webp"
PICTURES = f"Choose PNG, JPEG or WebP images of at most {MOST_SCENE_BYTES // 1024 // 1024} MB."

NO_SPRITES = "There are no pictures named after their expressions in this zip, such as joy.png."


class Scene(NamedTuple):
    """A picture of a character without its bytes."""

    id: str
    character_id: str
    purpose: str
    name: str


def of_characters(ids: Iterable[str]) -> list[Scene]:
    """Returns the pictures of these characters, by name."""
    columns = CharacterPicture.id, CharacterPicture.character_id, CharacterPicture.purpose, CharacterPicture.name
    query = select(*columns).where(CharacterPicture.character_id.in_(list(ids)))
    return [Scene(*row) for row in db.session.execute(query.order_by(CharacterPicture.name, CharacterPicture.id))]


def picture(id: str) -> CharacterPicture | None:
    return db.session.get(CharacterPicture, id)


def files_of(character_id: str) -> list[tuple[str, str, bytes]]:
    """Returns purpose, name and content of a character's pictures, the background first."""
    columns = CharacterPicture.purpose, CharacterPicture.name, CharacterPicture.content
    query = select(*columns).where(CharacterPicture.character_id == character_id)
    query = query.order_by(CharacterPicture.purpose, CharacterPicture.name, CharacterPicture.id)
    return [(purpose, name, content) for purpose, name, content in db.session.execute(query)]


def set_background(character: Character, stream: IO[bytes], *, by: User) -> None:
    """Replaces the background of a character's chats."""
    profiles.CHARACTERS.refuse_unless_owner(character, by)
    id, content = character.id, _drawn(stream, "background")
    creation_limit.count(by.id)
    with write() as session:
        profiles.CHARACTERS.existing(session, id)
        _remove(session, id, "background")
        session.add(CharacterPicture(character_id=id, purpose="background", name="", media_type=WEBP, content=content))


def add_expressions(character: Character, files: Sequence[tuple[str, IO[bytes]]], *, by: User) -> None:
    """Adds expressions, each named after its file; one of a name that exists is replaced."""
    profiles.CHARACTERS.refuse_unless_owner(character, by)
    id, user_id = character.id, by.id
    for file_name, stream in files[:MOST_SCENES]:
        if is_zip(stream):
            creation_limit.count(user_id)
            _add_sprites(id, stream)
            continue
        if not (name := expression_name(PurePath(file_name).stem)):
            raise Invalid("Name each file after its expression, such as joy.png.", field="expressions")
        content = _drawn(stream, "expressions")
        creation_limit.count(user_id)
        with write() as session:
            profiles.CHARACTERS.existing(session, id)
            _remove(session, id, "expression", name)
            if len([scene for scene in of_characters([id]) if scene.purpose == "expression"]) >= MOST_SCENES:
                raise Invalid(f"A character can have {MOST_SCENES} expressions. Remove one first.", field="expressions")
            session.add(CharacterPicture(character_id=id, purpose="expression", name=name, media_type=WEBP, content=content))


def _add_sprites(id: str, stream: IO[bytes]) -> None:
    """Adds the expressions in a zip; raises Invalid if it has none, or more than a character can have."""
    rows, is_whole = _unpacked(AS_SPRITES, id, stream)
    if not rows:
        raise Invalid(NO_SPRITES, field="expressions")
    with write() as session:
        profiles.CHARACTERS.existing(session, id)
        for row in rows:
            _remove(session, id, "expression", row["name"])
        if len(rows) + len([scene for scene in of_characters([id]) if scene.purpose == "expression"]) > MOST_SCENES:
            raise Invalid(f"A character can have {MOST_SCENES} expressions. Remove some first.", field="expressions")
        session.execute(insert(CharacterPicture), rows)
    if not is_whole:
        raise Invalid(f"Reading all of the zip takes too long. {plural(len(rows), 'expression')} added.", field="expressions")


def remove(character: Character, picture_id: str, *, by: User) -> None:
    """Removes one of a character's pictures."""
    profiles.CHARACTERS.refuse_unless_owner(character, by)
    id = character.id
    with write() as session:
        is_it = CharacterPicture.id == picture_id, CharacterPicture.character_id == id
        session.execute(delete(CharacterPicture).where(*is_it))


def unpack(character_id: str, stream: IO[bytes]) -> int:
    """Stores the pictures of a card file with a character that was imported from it; returns how many."""
    rows, _ = _unpacked(AS_SCENERY, character_id, stream)
    if rows:
        with write() as session:
            session.execute(insert(CharacterPicture), rows)
    return len(rows)


def _unpacked(module: str, character_id: str, stream: IO[bytes]) -> tuple[list[dict[str, Any]], bool]:
    """Returns the rows of the pictures that a child process reads from a file, and whether it got to the end in time."""
    stream.seek(0)
    rows = list[dict[str, Any]]()
    with child.short(module, stream) as pieces:
        try:
            for piece in pieces:
                content = b64decode(piece["content"])
                about = {"character_id": character_id, "purpose": piece["purpose"], "name": piece["name"]}
                rows.append({**about, "id": new_id(), "created_at": utc_now(), "media_type": WEBP, "content": content})
        except child.Exceeded:
            # What was read in time stays.
            return rows, False
    return rows, True


def copy(session: Session, source_id: str, target_id: str) -> None:
    """Gives a copy of a character the pictures of the original."""
    for row in _rows(session, source_id):
        same = {name: getattr(row, name) for name in ("purpose", "name", "media_type", "content")}
        session.add(CharacterPicture(character_id=target_id, **same))


def swap(session: Session, one_id: str, other_id: str) -> None:
    """Exchanges the pictures of two characters, unless the other one has none."""
    ids = {id: [row.id for row in of_characters([id])] for id in (one_id, other_id)}
    if ids[other_id]:
        for id, target_id in ((one_id, other_id), (other_id, one_id)):
            session.execute(update(CharacterPicture).where(CharacterPicture.id.in_(ids[id])).values(character_id=target_id))


def _rows(session: Session, character_id: str) -> Iterator[CharacterPicture]:
    yield from session.scalars(select(CharacterPicture).where(CharacterPicture.character_id == character_id))


def _remove(session: Session, character_id: str, purpose: Purpose, name: str = "") -> None:
    is_it = CharacterPicture.purpose == purpose, CharacterPicture.name == name
    session.execute(delete(CharacterPicture).where(CharacterPicture.character_id == character_id, *is_it))


def is_zip(stream: IO[bytes]) -> bool:
    start = stream.read(len(ZIP))
    stream.seek(0)
    return start == ZIP


def _drawn(stream: IO[bytes], field: str) -> bytes:
    """Returns an uploaded picture re-encoded, without metadata."""
    content = stream.read(MOST_SCENE_BYTES + 1)
    if len(content) > MOST_SCENE_BYTES or not picture_of(content):
        raise Invalid(PICTURES, field=field)
    with child.short(AS_SCENE, BytesIO(content)) as pieces:
        try:
            piece = next(pieces, None)
        except child.Exceeded:
            piece = None
    if not piece:
        raise Invalid(PICTURES, field=field)
    return b64decode(piece["content"])
