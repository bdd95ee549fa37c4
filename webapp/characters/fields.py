"""What may stand in the fields of a character and a persona, in one spelling."""

from collections.abc import Iterable

from webapp.accounts.fields import checked_name
from webapp.characters import pictures
from webapp.counts import number, plural
from webapp.errors import Invalid

__all__ = ["checked_name", "checked_picture", "checked_tags", "checked_text"]
TEXT_CHARS = 20_000
TAG_CHARS = 40
MOST_TAGS = 12
PICTURE_BYTES = 512 * 1024
PICTURE_PIXELS = 4_096
PICTURES = "Choose a PNG, JPEG or WebP picture of at most 512 KB."


def checked_text(text: str, field: str) -> str:
    """A text fit to be stored, with the line ends that were typed: forms send CRLF."""
    text = text.replace("\r\n", "\n").replace("\0", "\ufffd").encode("utf-8", "replace").decode().strip()
    if len(text) > TEXT_CHARS:
        over = plural(len(text) - TEXT_CHARS, "character")
        raise Invalid(f"That is {over} too long. {number(TEXT_CHARS)} fit in here.", field=field)
    return text


def checked_tags(typed: Iterable[str]) -> list[str]:
    """Each tag once, in small letters; one that holds commas is several."""
    named = (" ".join(tag.split()).lower() for each in typed for tag in each.split(","))
    tags = list(dict.fromkeys(each for each in named if each))
    if len(tags) > MOST_TAGS:
        raise Invalid(f"At most {MOST_TAGS} tags.", field="tags")
    if wrong := next((each for each in tags if len(each) > TAG_CHARS or not each.isprintable()), ""):
        raise Invalid(f"A tag has at most {TAG_CHARS} characters: {wrong[:TAG_CHARS]}", field="tags")
    return tags


def checked_picture(content: bytes | None) -> str:
    """The type to serve the picture with, empty for none; refuses what is no picture, too heavy, or too large to draw."""
    if not content:
        return ""
    if len(content) > PICTURE_BYTES:
        raise Invalid(f"That picture has {len(content) // 1024} KB. {PICTURES}", field="avatar")
    if not (picture := pictures.read(content)):
        raise Invalid(f"That is no picture we know. {PICTURES}", field="avatar")
    if not (0 < picture.width <= PICTURE_PIXELS and 0 < picture.height <= PICTURE_PIXELS):
        raise Invalid(f"That picture is too large: at most {PICTURE_PIXELS} pixels each way.", field="avatar")
    return picture.media_type
