"""Exports characters as card files for other programs."""

from base64 import b64decode
from io import BytesIO
from threading import Lock
from typing import Literal

from webapp.base.db import db
from webapp.base.heavy import child
from webapp.base.heavy.threads import offload
from webapp.characters import queries
from webapp.characters.cards import card_writing, charx, png
from webapp.characters.cards.card_writing import Version, written
from webapp.characters.cards.cards import NAMES, BadCard
from webapp.characters.cards.pictures import PNG
from webapp.characters.tables import Character

Kind = Literal["json", "png", "charx"]
MEDIA: dict[Kind, str] = {"json": "application/json", "png": "image/png", "charx": "application/zip"}
# Width, height and shade of the grey picture for a character without one.
PLAIN = (400, 600, 0x8A)
# Named rather than imported: only a child process loads the image library.
AS_PNG = "webapp.characters.cards.as_png"
# A large card takes a third of a second and ten megabytes: a hundred concurrent exports would occupy both threads and all
# memory.
_packing = Lock()


def file_of(character: Character, kind: Kind, version: Version | None = None) -> bytes:
    """Returns a character's card file; a JSON file in `version` or the version it was imported in. Makes one file at a time."""
    # Releases the database connection and the loaded card before waiting for the lock.
    db.session.rollback()
    with _packing:
        return _file_of(character, kind, version)


def _file_of(character: Character, kind: Kind, version: Version | None) -> bytes:
    card, fields = character.card, {name: getattr(character, name) for name in NAMES}
    picture = b"" if kind == "json" else _picture(character)

    def packed() -> bytes:
        if kind == "json":
            return card_writing.as_bytes(written(fields, card, version))
        newest = written(fields, card, "3")
        if kind == "charx":
            return charx.written(newest, picture)
        # Older programs read `chara`, newer ones `ccv3`.
        return png.with_cards(picture or png.grey(*PLAIN), {b"chara": written(fields, card, "2"), b"ccv3": newest})

    return offload(packed)


def _picture(character: Character) -> bytes:
    """Returns the picture as a PNG, which all programs read."""
    avatar = queries.avatar(character.avatar_id)
    if not avatar:
        return b""
    try:
        return png.of(png.chunks(avatar.content)) if avatar.content.startswith(PNG) else _drawn(avatar.content)
    except BadCard:
        return _drawn(avatar.content)


def _drawn(content: bytes) -> bytes:
    with child.short(AS_PNG, BytesIO(content)) as found:
        try:
            return b64decode(next(found, ""))
        except child.Exceeded:
            return b""
