"""Parses uploaded card files: a JSON file, or a PNG or CHARX that contains the JSON and the picture. Pure."""

import binascii
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import IO, Any

from webapp.base.untrusted_json import Unfit, value_of
from webapp.characters.cards import cards, charx, png
from webapp.characters.cards.cards import BadCard
from webapp.characters.cards.pictures import PNG

MOST_BYTES = 20 * 1024 * 1024
MOST_CARD_BYTES = 1024 * 1024
MOST_PICTURE_BYTES = 4 * 1024 * 1024
NO_JSON = "It isn't a character card: choose a PNG with a card in it, a CHARX or a JSON file."
# The newer keyword first: `chara` holds a copy for older programs.
KEYWORDS = (b"ccv3", b"chara")


def pieces(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Yields the card of a file as the fields of a character, or the reason why it cannot be read."""
    try:
        yield _card(file)
    except Unfit as error:
        yield {"trouble": str(error)}


def _card(file: IO[bytes]) -> dict[str, Any]:
    if file.read(len(charx.ZIP)) == charx.ZIP:
        return _packed(file)
    file.seek(0)
    content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise BadCard(f"It is larger than {MOST_BYTES // 1024 // 1024} MB.")
    if not content.startswith(PNG):
        return cards.mapped(_value(content))
    parts = list(png.chunks(content))
    return _with_picture(cards.mapped(_value(_text_of(parts))), png.of(parts))


def _packed(file: IO[bytes]) -> dict[str, Any]:
    """Reads a CHARX: the card and, of its pictures, only the character's icon."""
    packed = charx.opened(file)
    card = cards.mapped(_value(charx.entry(packed, charx.CARD, MOST_CARD_BYTES)))
    picture = charx.picture_in(packed, card["card"], MOST_PICTURE_BYTES)
    others = sum(not each.is_dir() for each in packed.infolist()) - 1 - bool(picture)
    if others > 0:
        card["notes"].append(f"Its other files ({others}), such as expressions, were left out.")
    is_whole = picture.startswith(PNG) and len(picture) <= MOST_PICTURE_BYTES
    return _with_picture(card, png.of(png.chunks(picture)) if is_whole else picture)


def _with_picture(card: dict[str, Any], picture: bytes) -> dict[str, Any]:
    if len(picture) > MOST_PICTURE_BYTES:
        card["notes"].append(f"Its picture is larger than {MOST_PICTURE_BYTES // 1024 // 1024} MB and was left out.")
        return card
    return {**card, "picture": b64encode(picture).decode()}


def _text_of(chunks: list[tuple[bytes, bytes, bytes]]) -> bytes:
    """Returns the card's JSON from the text chunks of a PNG."""
    texts = {data.partition(b"\0")[0].lower(): (data, whole) for kind, data, whole in chunks if kind == b"tEXt"}
    keyword = next((each for each in KEYWORDS if each in texts), b"")
    if not keyword:
        raise BadCard("This picture has no character card in it.")
    data, whole = texts[keyword]
    if zlib.crc32(whole[4:-4]) != int.from_bytes(whole[-4:]):
        raise BadCard("The card in this picture is damaged.")
    try:
        return b64decode(data.partition(b"\0")[2])
    except binascii.Error as error:
        raise BadCard("The card in this picture is damaged.") from error


def _value(text: bytes) -> Any:
    return value_of(text, what="The card", otherwise=NO_JSON, most_bytes=MOST_CARD_BYTES)
