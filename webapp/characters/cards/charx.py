"""Reads and writes CHARX, a zip of a card and its pictures, within size limits. Pure."""

import re
from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any
from zipfile import ZipFile

from webapp.base.heavy import zips
from webapp.characters.cards.card_writing import as_bytes
from webapp.characters.cards.cards import BadCard, data_of

ZIP = b"PK\x03\x04"
MOST_ENTRIES = 5_000
CARD, ICON = "card.json", "assets/icon/image/main.png"
# The specification's spelling.
INSIDE = "embeded://"
OURS = {"type": "icon", "uri": INSIDE + ICON, "name": "main", "ext": "png"}
DAMAGED = "The file is damaged, encrypted or no CHARX."
PLACE = re.compile(r"assets/[\w .()/-]{1,200}")


def opened(file: IO[bytes]) -> ZipFile:
    try:
        return zips.opened(file, MOST_ENTRIES)
    except zips.TooMany as error:
        raise BadCard("The file holds too many files.") from error
    except zips.FAULTS as error:
        raise BadCard(DAMAGED) from error


def entry(packed: ZipFile, name: str, most_bytes: int) -> bytes:
    """Reads a file of the archive, but at most one byte past the limit, which is enough to detect that it is too large."""
    try:
        with zips.entry(packed, name) as file:
            return file.read(most_bytes + 1)
    except zips.FAULTS as error:
        raise BadCard(DAMAGED) from error


def picture_in(packed: ZipFile, card: Mapping[str, Any], most_bytes: int) -> bytes:
    """Returns the card's icon if the archive contains it."""
    name = next((each for each in _places(card) if each in packed.NameToInfo), "")
    return entry(packed, name, most_bytes) if name else b""


def written(card: Mapping[str, Any], picture: bytes) -> bytes:
    """Packs the card and its picture, at the path that the card names; a card without one gets an icon entry."""
    file = BytesIO()
    with ZipFile(file, "w") as packed:
        if picture:
            place = next(iter(_places(card)), "")
            card, place = (card, place) if place else (_with_icon(card), ICON)
            packed.writestr(place, picture)
        packed.writestr(CARD, as_bytes(card))
    return file.getvalue()


def _places(card: Mapping[str, Any]) -> list[str]:
    """Returns the paths in the archive where the icon can be, the main one first; only paths that are safe to unpack."""
    icons = sorted((each for each in _assets(card) if each.get("type") == "icon"), key=lambda each: each.get("name") != "main")
    names = [str(each.get("uri", "")).removeprefix(INSIDE) for each in icons if str(each.get("uri", "")).startswith(INSIDE)]
    return [each for each in names if PLACE.fullmatch(each) and ".." not in each]


def _with_icon(card: Mapping[str, Any]) -> dict[str, Any]:
    others = [each for each in _assets(card) if (each.get("type"), each.get("uri")) != ("icon", "ccdefault:")]
    return {**card, "data": {**card["data"], "assets": [OURS, *others]}}


def _assets(card: Mapping[str, Any]) -> list[dict[str, Any]]:
    values = data_of(card).get("assets")
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []
