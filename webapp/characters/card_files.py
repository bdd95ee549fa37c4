"""Card files as they are brought: the JSON in a PNG or by itself, and the picture without it. Pure."""

import binascii
import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import IO, Any

from webapp.characters import cards
from webapp.characters.cards import BadCard
from webapp.characters.pictures import PNG

MOST_BYTES = 20 * 1024 * 1024
MOST_CARD_BYTES = 1024 * 1024
MOST_PICTURE_BYTES = 4 * 1024 * 1024
MOST_CHUNKS = 20_000
# Objects, lists and their values: what costs time and memory is they, not text.
MARKS, MOST_MARKS = (b"[", b"{", b","), 100_000
NO_JSON = "It isn't a character card: choose a PNG with a card in it, or a JSON file."
# The newer one first: the other is a copy for older programs.
KEYWORDS = (b"ccv3", b"chara")
# What a picture is shown without.
TEXT_CHUNKS = {b"tEXt", b"zTXt", b"iTXt", b"eXIf"}


def pieces(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """The one card of a file, in the fields of a character, or why there is none."""
    try:
        yield _card(file.read(MOST_BYTES + 1))
    except BadCard as error:
        yield {"trouble": str(error)}


def _card(content: bytes) -> dict[str, Any]:
    if len(content) > MOST_BYTES:
        raise BadCard(f"It is larger than {MOST_BYTES // 1024 // 1024} MB.")
    if not content.startswith(PNG):
        return cards.mapped(_value(content))
    chunks = list(_chunks(content))
    card = cards.mapped(_value(_text_of(chunks)))
    picture = PNG + b"".join(whole for kind, _, whole in chunks if kind not in TEXT_CHUNKS)
    if len(picture) > MOST_PICTURE_BYTES:
        card["notes"].append(f"Its picture is larger than {MOST_PICTURE_BYTES // 1024 // 1024} MB and was left out.")
        return card
    return {**card, "picture": b64encode(picture).decode()}


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Each chunk up to the end of the picture: its kind, what it holds, and all of it."""
    at = len(PNG)
    for _ in range(MOST_CHUNKS):
        length, kind = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(content):
            raise BadCard("The picture is incomplete.")
        yield kind, content[at + 8 : end - 4], content[at:end]
        if kind == b"IEND":
            return
        at = end
    raise BadCard("The picture has too many parts.")


def _text_of(chunks: list[tuple[bytes, bytes, bytes]]) -> bytes:
    """The JSON of the card in a picture."""
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
    if len(text) > MOST_CARD_BYTES:
        raise BadCard("The card has more than 1 MB of text.")
    if sum(map(text.count, MARKS)) > MOST_MARKS:
        raise BadCard("The card has too many values.")
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise BadCard("The card is nested too deeply.") from error
    except ValueError as error:
        raise BadCard(NO_JSON) from error


def _refuse(name: str) -> None:
    raise ValueError(name)
