"""Validates and normalizes the fields of characters and personas."""

from collections.abc import Iterable, Sequence

from webapp.base.errors import Invalid
from webapp.base.words import number
from webapp.characters.cards import pictures
from webapp.characters.cards.card_tags import MOST_TAGS, TAG_CHARS
from webapp.characters.cards.cards import GREETINGS_CHARS, MOST_GREETINGS
from webapp.people.accounts.fields import TEXT_CHARS, checked_name, checked_text

__all__ = ["TEXT_CHARS", "checked_name", "checked_picture", "checked_tags", "checked_text"]
PICTURE_BYTES = 512 * 1024
PICTURE_PIXELS = 4_096
PICTURES = "Choose a PNG, JPEG or WebP image of at most 512 KB."


def checked_tags(typed: Iterable[str]) -> list[str]:
    """Returns the distinct tags in lower case; splits a tag that contains commas."""
    named = (" ".join(tag.split()).lower() for each in typed for tag in each.split(","))
    tags = list(dict.fromkeys(each for each in named if each))
    if len(tags) > MOST_TAGS:
        raise Invalid(f"Use at most {MOST_TAGS} tags.", field="tags")
    if wrong := next((each for each in tags if len(each) > TAG_CHARS or not each.isprintable()), ""):
        raise Invalid(f"A tag can be at most {TAG_CHARS} characters long: {wrong[:TAG_CHARS]}", field="tags")
    return tags


def checked_greetings(texts: Sequence[str], field: str) -> list[str]:
    """Returns the alternate greetings without empty ones; raises Invalid above the limits on number and length."""
    if len(texts) > MOST_GREETINGS:
        raise Invalid(f"Use at most {MOST_GREETINGS} greetings.", field=field)
    found = [text for each in texts if (text := checked_text(each, field))]
    if sum(map(len, found)) > GREETINGS_CHARS:
        raise Invalid(f"Together, the greetings can have at most {number(GREETINGS_CHARS)} characters.", field=field)
    return found


def checked_picture(content: bytes | None, *, most_bytes: int = PICTURE_BYTES) -> str:
    """Returns a picture's media type, empty for none; raises Invalid for an unsupported format or too many bytes or pixels."""
    if not content:
        return ""
    if len(content) > most_bytes:
        raise Invalid(f"That image is {len(content) // 1024} KB. {PICTURES}", field="avatar")
    if not (picture := pictures.read(content)):
        raise Invalid(f"That image format isn't supported. {PICTURES}", field="avatar")
    if not (0 < picture.width <= PICTURE_PIXELS and 0 < picture.height <= PICTURE_PIXELS):
        raise Invalid(f"That image is too large. The limit is {PICTURE_PIXELS} pixels in each direction.", field="avatar")
    return picture.media_type
