"""Card files: reads JSON, PNG and CHARX with the picture in them, and writes characters as cards in each version. Pure."""

import binascii
import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import IO, Any, Literal
from zipfile import ZipFile

from webapp.base.heavy import zips
from webapp.base.untrusted_json import JsonObject, UnfitJson, value_of
from webapp.characters.cards import assets, cards
from webapp.characters.cards.cards import NAMES, PARTS, V1_FIELDS, BadCard, data_of, fields_of, is_description_of, is_tags_in

MOST_BYTES = 20 * 1024 * 1024
MOST_CARD_BYTES = 1024 * 1024
MOST_PICTURE_BYTES = 8 * 1024 * 1024
# Of the card in a CHARX, whose assets can be in its text.
MOST_ENTRY_BYTES = MOST_BYTES
NO_JSON = "It isn't a character card: choose a PNG with a card in it, a CHARX or a JSON file."
# The newer keyword first: `chara` holds a copy for older programs.
KEYWORDS = (b"ccv3", b"chara")
ZIP = b"PK\x03\x04"
MOST_ENTRIES = 5_000
CARD = "card.json"
DAMAGED = "The file is damaged, encrypted or not a CHARX file."
PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
# JPEG markers without a segment, and the start-of-frame markers, whose segment holds the size.
ALONE = {0x01, *range(0xD0, 0xD9)}
MOST_MARKS = 2_000
FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
MOST_CHUNKS = 20_000
END = b"IEND"
# Metadata, which is removed from pictures.
TEXT_CHUNKS = {b"tEXt", b"zTXt", b"iTXt", b"eXIf"}
Version = Literal["1", "2", "3"]
# For characters that were created in Millrace: every program reads version 2.
USUAL: Version = "2"
SPECS: dict[Version, str] = {"2": "chara_card_v2", "3": "chara_card_v3"}
TEXTS = (*V1_FIELDS, "creator_notes", "system_prompt", "post_history_instructions", "creator", "character_version")
# Fields that a card must have.
IN_BOTH: JsonObject = {**dict.fromkeys(TEXTS, ""), "alternate_greetings": [], "tags": [], "extensions": {}}
LEAST: dict[Version, JsonObject] = {"2": IN_BOTH, "3": {**IN_BOTH, "group_only_greetings": []}}


def png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yields each chunk up to the end of the picture: its type, its data, and all of its bytes."""
    at = len(PNG)
    for _ in range(MOST_CHUNKS):
        length, kind = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        end = at + 12 + length
        if end > len(content):
            raise BadCard("The picture is incomplete.")
        yield kind, content[at + 8 : end - 4], content[at:end]
        if kind == END:
            return
        at = end
    raise BadCard("The picture has too many parts.")


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def png_of(parts: Iterable[tuple[bytes, bytes, bytes]]) -> bytes:
    """Builds a PNG of these chunks, without its metadata."""
    return PNG + b"".join(whole for kind, _, whole in parts if kind not in TEXT_CHUNKS)


def with_cards(picture: bytes, cards: Mapping[bytes, Mapping[str, Any]]) -> bytes:
    """Returns the PNG with these cards as text chunks, each under its keyword."""
    texts = (png_chunk(b"tEXt", keyword + b"\0" + b64encode(as_bytes(card))) for keyword, card in cards.items())
    return b"".join([picture[: -len(LAST)], *texts, LAST])


LAST = png_chunk(END, b"")


def grey_png(width: int, height: int, shade: int) -> bytes:
    """Returns a PNG of a single shade of grey."""
    header = png_chunk(b"IHDR", width.to_bytes(4) + height.to_bytes(4) + bytes([8, 0, 0, 0, 0]))
    return PNG + header + png_chunk(b"IDAT", zlib.compress((b"\0" + bytes([shade]) * width) * height)) + LAST


def pieces(file: IO[bytes]) -> Iterator[JsonObject]:
    """Yields the card of a file as the fields of a character, or the reason why it cannot be read."""
    try:
        yield _card(file)
    except UnfitJson as error:
        yield {"trouble": str(error)}


@dataclass(frozen=True, slots=True)
class CardFile:
    """A file: its card, its own picture, the files beside the card, and how many these are."""

    card: Any
    picture: bytes
    files: assets.Files
    count: int


def parts_of(file: IO[bytes]) -> CardFile:
    """Reads a file up to its card; raises `UnfitJson`."""
    if file.read(len(ZIP)) == ZIP:
        return _parts_of_zip(opened(file))
    file.seek(0)
    content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise BadCard(f"It is larger than {MOST_BYTES // 1024 // 1024} MB.")
    if not content.startswith(PNG):
        text, files = assets.lifted(content)
        return CardFile(_value(text), b"", files, len(files))
    chunks = list(png_chunks(content))
    text, files = assets.lifted(_text_of(chunks))
    files = {**files, **assets.in_chunks([data for kind, data, _ in chunks if kind == b"tEXt"])}
    return CardFile(_value(text), png_of(chunks), files, len(files))


def _parts_of_zip(packed: ZipFile) -> CardFile:
    text, files = assets.lifted(entry(packed, CARD, MOST_ENTRY_BYTES))
    inside = {f"{assets.INSIDE}{name}": partial(entry, packed, name) for name in packed.NameToInfo if assets.is_safe(name)}
    count = sum(not file.is_dir() for file in packed.infolist()) - 1 + len(files)
    return CardFile(_value(text), b"", {**files, **inside}, count)


def _card(file: IO[bytes]) -> JsonObject:
    """Reads a card and, of its pictures, only the character's icon."""
    parts = parts_of(file)
    card = cards.mapped(parts.card)
    picture, icon = parts.picture, ""
    if not picture and (icon := assets.icon_in(card["card"], parts.files)):
        picture = parts.files[icon](MOST_PICTURE_BYTES)
    scenes = assets.scenery_in(card["card"], parts.files)
    others = parts.count - len({icon, *(scene.uri for scene in scenes)} - {""})
    if others > 0:
        card["notes"].append(f"Its other files ({others}), such as sounds, were left out.")
    card |= {"card": assets.without_lifted(card["card"]), "scenes": len(scenes)}
    is_whole = icon and picture.startswith(PNG) and len(picture) <= MOST_PICTURE_BYTES
    return _with_picture(card, png_of(png_chunks(picture)) if is_whole else picture)


def _with_picture(card: JsonObject, picture: bytes) -> JsonObject:
    if len(picture) > MOST_PICTURE_BYTES:
        card["notes"].append(f"Its picture is larger than {MOST_PICTURE_BYTES // 1024 // 1024} MB and was left out.")
        return card
    return {**card, "picture": b64encode(picture).decode()}


def _text_of(chunks: list[tuple[bytes, bytes, bytes]]) -> bytes:
    """Returns the card's JSON from the text chunks of a PNG."""
    texts = {data.partition(b"\0")[0].lower(): (data, whole) for kind, data, whole in chunks if kind == b"tEXt"}
    keyword = next((keyword for keyword in KEYWORDS if keyword in texts), b"")
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


def opened(file: IO[bytes]) -> ZipFile:
    try:
        return zips.opened(file, MOST_ENTRIES)
    except zips.TooManyFiles as error:
        raise BadCard("It contains too many files.") from error
    except zips.FAULTS as error:
        raise BadCard(DAMAGED) from error


def entry(packed: ZipFile, name: str, most_bytes: int) -> bytes:
    """Reads a file of the archive, but at most one byte past the limit, which is enough to detect that it is too large."""
    try:
        with zips.entry(packed, name) as file:
            return file.read(most_bytes + 1)
    except zips.FAULTS as error:
        raise BadCard(DAMAGED) from error


def as_charx(card: JsonObject, picture: bytes, scenes: Sequence[tuple[str, str, bytes]] = ()) -> bytes:
    """Packs the card, its picture and the scenes of its chats, each with its purpose and name, at the paths that it names."""
    file = BytesIO()
    card, paths = assets.with_scenery(card, [(purpose, name) for purpose, name, _ in scenes])
    card, icon = assets.with_icon(card, paths) if picture else (card, "")
    with ZipFile(file, "w") as packed:
        if picture:
            packed.writestr(icon, picture)
        for path, (_, _, content) in zip(paths, scenes, strict=True):
            packed.writestr(path, content)
        packed.writestr(CARD, as_bytes(card))
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class CardImage:
    """A picture's media type, and its size in pixels."""

    media_type: str
    width: int
    height: int


def picture_of(content: bytes) -> CardImage | None:
    """Reads the format and size from a picture's header; None for anything but a PNG, JPEG or WebP."""
    return _png_picture(content) or _jpeg_picture(content) or _webp_picture(content)


def _png_picture(content: bytes) -> CardImage | None:
    if not content.startswith(PNG) or content[12:16] != b"IHDR" or len(content) < 24:
        return None
    return CardImage("image/png", int.from_bytes(content[16:20]), int.from_bytes(content[20:24]))


def _jpeg_picture(content: bytes) -> CardImage | None:
    at = 2 if content.startswith(JPEG) else len(content)
    for _ in range(MOST_MARKS):
        if at + 9 > len(content) or content[at] != 0xFF:
            break
        mark = content[at + 1]
        if mark in FRAMES:
            return CardImage("image/jpeg", int.from_bytes(content[at + 7 : at + 9]), int.from_bytes(content[at + 5 : at + 7]))
        # A fill byte, a marker without a segment, or a segment with its length.
        at += 1 if mark == 0xFF else 2 if mark in ALONE else 2 + max(2, int.from_bytes(content[at + 2 : at + 4]))
    return None


def _webp_picture(content: bytes) -> CardImage | None:
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP" or len(content) < 30:
        return None
    width = height = 0
    match content[12:16]:
        case b"VP8 ":
            width, height = (int.from_bytes(content[at : at + 2], "little") & 0x3FFF for at in (26, 28))
        case b"VP8L":
            bits = int.from_bytes(content[21:25], "little")
            width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X":
            width, height = (int.from_bytes(content[at : at + 3], "little") + 1 for at in (24, 27))
    return CardImage("image/webp", width, height)


def card_of(fields: Mapping[str, Any], card: Mapping[str, Any], version: Version | None = None) -> JsonObject:
    """Returns the card of a character with these fields, in the version of `card` unless another is requested.

    A field that was not edited keeps the card's original text, because importing normalizes texts; unknown fields are kept.
    """
    data, came_in = {**data_of(card), **_changed_fields(fields, card)}, _version_of(card)
    version = version or came_in or USUAL
    if version == came_in:
        return {**card, "data": data} if "spec" in card else data
    if version == "1":
        return {name: data.get(name, "") for name in V1_FIELDS}
    around = {name: value for name, value in card.items() if "spec" in card and name != "data"}
    return {**around, "spec": SPECS[version], "spec_version": f"{version}.0", "data": {**LEAST[version], **data}}


def as_bytes(card: Mapping[str, Any]) -> bytes:
    return json.dumps(card, ensure_ascii=False, indent=2).encode()


def _changed_fields(fields: Mapping[str, Any], card: Mapping[str, Any]) -> JsonObject:
    """Returns the fields in which the character differs from its card, by the card's names."""
    before = fields_of(card)
    if is_description_of(data_of(card), fields["description"]):
        before["description"] = fields["description"]
    if is_tags_in(data_of(card).get("tags"), fields["tags"]):
        before["tags"] = fields["tags"]
    changed = {theirs: fields[ours] for ours, theirs in NAMES.items() if fields[ours] != before[ours]}
    # An edited description already contains these parts, so the card would state them twice.
    return changed | (dict.fromkeys((name for name, _ in PARTS), "") if "description" in changed else {})


def _version_of(card: Mapping[str, Any]) -> Version | None:
    """Returns the version of a card: the first one has no `spec`, and a character created in Millrace has no version."""
    if "spec" in card:
        return "2" if card["spec"] == SPECS["2"] else "3"
    return "1" if any(name in card for name in V1_FIELDS) else None
