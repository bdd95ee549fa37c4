"""What characters and personas are as things that people own, and what else they have in common: pictures, tags, copies."""

from base64 import b64decode
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from io import BytesIO
from typing import Any, TypeVar

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp.base.db import utc_now, write
from webapp.base.errors import Invalid
from webapp.base.heavy import child
from webapp.base.inputs import TEXT_CHARS
from webapp.base.words import number
from webapp.characters import queries
from webapp.characters.cards import card_files
from webapp.characters.cards.cards import GREETINGS_CHARS, MOST_GREETINGS, MOST_TAGS, TAG_CHARS
from webapp.characters.tables import Avatar, Character, Persona, Profile
from webapp.people.accounts import creation_limit
from webapp.people.accounts.fields import checked_name, checked_text
from webapp.people.accounts.tables import User
from webapp.people.things.thing import COPY_IT, Thing

F = TypeVar("F", bound=Profile)
__all__ = ["TEXT_CHARS", "checked_name", "checked_tags", "checked_text"]
PICTURE_BYTES = card_files.MOST_PICTURE_BYTES
# A picture within these limits stays as it is; any other is made smaller.
KEPT_BYTES, KEPT_PIXELS = 512 * 1024, 2_048
PICTURES = f"Choose a PNG, JPEG or WebP image of at most {PICTURE_BYTES // 1024 // 1024} MB."
# Named rather than imported: only a child process loads the image library.
AS_PORTRAIT, AS_FACE = "webapp.characters.cards.as_portrait", "webapp.characters.cards.as_face"


def picture(row: Profile, content: bytes, *, by: User) -> None:
    """Replaces the picture; empty bytes remove it."""
    kind = KINDS[type(row)]
    kind.refuse_unless_owner(row, by)
    content = fitted_picture(content)
    if content:
        creation_limit.count(by.id)
    id = row.id
    with write() as session:
        row = kind.existing(session, id)
        if isinstance(row, Character):
            row.changed_at = utc_now()
        put_picture(session, row, content)


def duplicate(row: F, copied: Callable[[F], dict[str, Any]], *, by: User) -> F:
    """Creates a copy that this person owns, regardless of who owns the original; `copied` returns the values to copy."""
    table, kind, id, owner_id = type(row), KINDS[type(row)], row.id, by.id
    kind.count_new(owner_id)
    with write() as session:
        source: Any = kind.existing(session, id)
        copy = table(owner_id=owner_id, **copied(source))
        session.add(copy)
        if face := session.get(Avatar, source.avatar_id) if source.avatar_id else None:
            copy.avatar_id = _added(session, face.media_type, face.content)
        session.flush()
    return copy


def put_picture(session: Session, row: Profile, content: bytes) -> None:
    """Replaces the picture of a row by one that fits; empty bytes remove it."""
    image = card_files.picture_of(content)
    before = session.get(Avatar, row.avatar_id) if row.avatar_id else None
    row.avatar_id = _added(session, image.media_type, content) if image else None
    session.flush()
    if before:
        session.delete(before)


def _added(session: Session, type: str, content: bytes) -> str:
    picture = Avatar(media_type=type, content=content)
    session.add(picture)
    session.flush()
    return picture.id


def checked_tags(typed: Iterable[str]) -> list[str]:
    """Returns the distinct tags in lower case; splits a tag that contains commas."""
    named = (" ".join(tag.split()).lower() for text in typed for tag in text.split(","))
    tags = list(dict.fromkeys(tag for tag in named if tag))
    if len(tags) > MOST_TAGS:
        raise Invalid(f"Use at most {MOST_TAGS} tags.", field="tags")
    if wrong := next((tag for tag in tags if len(tag) > TAG_CHARS or not tag.isprintable()), ""):
        raise Invalid(f"A tag can be at most {TAG_CHARS} characters long: {wrong[:TAG_CHARS]}", field="tags")
    return tags


def checked_greetings(texts: Sequence[str], field: str = "") -> list[str]:
    """Returns the alternate greetings without empty ones; raises Invalid above the limits on number and length."""
    if len(texts) > MOST_GREETINGS:
        raise Invalid(f"Use at most {MOST_GREETINGS} greetings.", field=field)
    greetings = [text for typed_text in texts if (text := checked_text(typed_text, field))]
    if sum(map(len, greetings)) > GREETINGS_CHARS:
        raise Invalid(f"Together, the greetings can have at most {number(GREETINGS_CHARS)} characters.", field=field)
    return greetings


def fitted_picture(content: bytes) -> bytes:
    """Returns a picture as it is stored: one that is large is made smaller. Raises Invalid for what isn't a picture.

    Waits for a child process, so it comes before the transaction that takes the write lock.
    """
    if not content:
        return b""
    if len(content) > PICTURE_BYTES:
        raise Invalid(f"That image is too large. {PICTURES}", field="avatar")
    if not (picture := card_files.picture_of(content)) or not (picture.width and picture.height):
        raise Invalid(f"That image format isn't supported. {PICTURES}", field="avatar")
    if len(content) <= KEPT_BYTES and max(picture.width, picture.height) <= KEPT_PIXELS:
        return content
    if not (drawn := _drawn(AS_PORTRAIT, content)):
        raise Invalid(f"That image is damaged or has too many pixels. {PICTURES}", field="avatar")
    return drawn


def face(content: bytes) -> bytes:
    """Returns a picture as it is shown next to a name; nothing for one that can't be drawn. Waits for a child process."""
    return _drawn(AS_FACE, content)


def _drawn(module: str, content: bytes) -> bytes:
    """Returns the WebP that a module draws in a child process, or nothing for a picture that can't be drawn."""
    with child.short(module, BytesIO(content)) as drawing:
        try:
            return b64decode(next(drawing, {"content": ""})["content"])
        except child.Exceeded:
            return b""


def _put_away(_session: Session, persona: Persona) -> None:
    persona.is_default = False


def _erase_pictures(table: type[Profile], session: Session, ids: Sequence[str]) -> None:
    pictures = select(table.avatar_id).where(table.id.in_(ids), table.avatar_id.is_not(None))
    session.execute(delete(Avatar).where(Avatar.id.in_(pictures)).execution_options(synchronize_session=False))


# What ships with Millrace stays in the trash, so that it isn't added again. Chats with those in the trash are unchanged.
CHARACTERS = Thing(
    kind=queries.KIND,
    table=Character,
    word="character",
    seen=queries.SEEN_CHARACTERS.one,
    requires="characters",
    most_own=500,
    instead=COPY_IT,
    stays=Character.origin != "",
    erase=partial(_erase_pictures, Character),
    heirs_name="characters",
)
PERSONAS = Thing(
    kind="persona",
    table=Persona,
    word="persona",
    seen=queries.SEEN_PERSONAS.one,
    requires="characters",
    most_own=100,
    instead=COPY_IT,
    put_away=_put_away,
    stays=Persona.origin != "",
    erase=partial(_erase_pictures, Persona),
)
KINDS: dict[type[Profile], Thing[Any]] = {Character: CHARACTERS, Persona: PERSONAS}
