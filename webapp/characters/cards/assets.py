"""The pictures of a card: what it names, where in its file they are, and what a CHARX says about those that we put in. Pure."""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from webapp.base.untrusted_json import JsonObject
from webapp.characters.cards.cards import data_of

MOST_SCENES, MOST_SCENE_BYTES, SCENE_CHARS = 30, 8 * 1024 * 1024, 40
ICON = "assets/icon/image/main.png"
# The specification's spelling, the usual one, and where the text chunks of a PNG are.
INSIDE, ALSO_INSIDE, IN_PNG = "embeded://", "embedded://", "__asset:"
CHUNK = re.compile(rb"chara-ext-asset_:?([^\0]{1,200})\0")
ASSET_PATH = re.compile(r"assets/[\w .()/-]{1,200}")
# What the specification and other programs call the pictures of a chat, and what we do.
SCENES = {"background": "background", "emotion": "expression", "expression": "expression"}
TYPES = {"background": "background", "expression": "emotion"}
ELSEWHERE = ("http://", "https://", "ccdefault:")
NO_ICON = ("icon", "ccdefault:")
OURS = {"type": "icon", "uri": INSIDE + ICON, "name": "main", "ext": "png"}
# A picture in an asset of a JSON text. The backslashes are those that some programs put before slashes.
PACKED_IN = re.compile(rb'("uri"\s{0,9}:\s{0,9}")data:[\w.+/\\-]{0,100}(?:;[\w=.-]{1,60}){0,3};base64,([\w+/=\\]+)(?=")')
LIFTED = "data:,"

# The files beside a card by URI; each reads at most one byte past a limit, which is enough to detect that it is too large.
Files = Mapping[str, Callable[[int], bytes]]


class SceneAsset(NamedTuple):
    """A background or an expression of a card."""

    purpose: str
    name: str
    uri: str


def lifted(text: bytes) -> tuple[bytes, Files]:
    """Returns a card's JSON without the pictures in its assets, which would exceed its limits, and these pictures."""
    packed = list[bytes]()

    def lift(match: re.Match[bytes]) -> bytes:
        packed.append(match[2])
        return b"%s%s%d" % (match[1], LIFTED.encode(), len(packed) - 1)

    return PACKED_IN.sub(lift, text), {f"{LIFTED}{at}": partial(_unpacked, content) for at, content in enumerate(packed)}


def without_lifted(card: Any) -> Any:
    """Returns the card without the assets whose pictures were lifted from it, as these are stored separately."""
    if not any(_is_lifted(asset) for asset in _assets(card)):
        return card
    data = data_of(card)
    left = {"assets": [asset for asset in data["assets"] if not _is_lifted(asset)]}
    return {**card, **left} if data is card else {**card, "data": {**data, **left}}


def in_chunks(texts: Sequence[bytes]) -> Files:
    """Returns the files in the text chunks of a PNG."""
    named = ((match, text) for text in texts if (match := CHUNK.match(text)))
    return {f"{IN_PNG}{match[1].decode('latin-1')}": partial(_unpacked, text[match.end() :]) for match, text in named}


def is_safe(path: str) -> bool:
    """Returns whether a file of an archive is at a path that is safe to unpack."""
    return bool(ASSET_PATH.fullmatch(path)) and ".." not in path


def icon_in(card: Mapping[str, Any], files: Files) -> str:
    """Returns the URI of a card's icon, the main one first; empty if the file doesn't hold it."""
    return next((uri for uri in _icons(card) if uri in files), "")


def scenery_in(card: Mapping[str, Any], files: Files) -> list[SceneAsset]:
    """Returns the first background and the expressions that a card names and its file holds."""
    scenes = dict[tuple[str, str], SceneAsset]()
    for type, title, uri in _named(card):
        purpose = SCENES.get(type, "")
        name = expression_name(title) if purpose == "expression" else ""
        if purpose and (name or purpose == "background") and uri in files and len(scenes) < MOST_SCENES:
            scenes.setdefault((purpose, name), SceneAsset(purpose, name, uri))
    return list(scenes.values())


def expression_name(text: str) -> str:
    """Returns the name of an expression as it is stored: in lower case, without what can't be printed."""
    return " ".join("".join(filter(str.isprintable, text)).lower().split())[:SCENE_CHARS].strip()


def with_scenery(card: JsonObject, scenes: Sequence[tuple[str, str]]) -> tuple[JsonObject, list[str]]:
    """Returns a card that names these scenes, by purpose and name, instead of those it came with, and the path of each."""
    ours, paths = list[JsonObject](), list[str]()
    for at, (purpose, name) in enumerate(scenes, 1):
        paths.append(f"assets/{TYPES[purpose]}/image/{at}.webp")
        ours.append({"type": TYPES[purpose], "uri": INSIDE + paths[-1], "name": name or "main", "ext": "webp"})
    left = [asset for asset in _assets(card) if asset.get("type") not in SCENES or _uri(asset).startswith(ELSEWHERE)]
    return (_with_assets(card, [*left, *ours]) if ours or len(left) < len(_assets(card)) else card), paths


def with_icon(card: JsonObject, taken: Sequence[str] = ()) -> tuple[JsonObject, str]:
    """Returns a card that names an icon, and its path: the one that the card names unless it is taken, or else ours."""
    inside = (uri.removeprefix(INSIDE) for uri in _icons(card) if uri.startswith(INSIDE))
    if path := next((path for path in inside if is_safe(path) and path not in taken), ""):
        return card, path
    others = [asset for asset in _assets(card) if (asset.get("type"), asset.get("uri")) != NO_ICON]
    return _with_assets(card, [OURS, *others]), ICON


def _with_assets(card: JsonObject, assets: list[JsonObject]) -> JsonObject:
    return {**card, "data": {**card["data"], "assets": assets}}


def _icons(card: Mapping[str, Any]) -> list[str]:
    icons = [(title != "main", uri) for type, title, uri in _named(card) if type == "icon"]
    return [uri for _, uri in sorted(icons, key=lambda icon: icon[0])]


def _named(card: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yields type, name and URI of each file that a card names, also as RisuAI's older cards name expressions."""
    for asset in _assets(card):
        yield str(asset.get("type")), str(asset.get("name", "")), _uri(asset)
    extensions = data_of(card).get("extensions")
    risu = extensions.get("risuai") if isinstance(extensions, dict) else None
    pairs = risu.get("emotions") if isinstance(risu, dict) else None
    for pair in pairs if isinstance(pairs, list) else ():
        if isinstance(pair, list) and len(pair) == 2:
            yield "emotion", str(pair[0]), str(pair[1])


def _uri(asset: Mapping[str, Any]) -> str:
    uri = str(asset.get("uri", ""))
    return INSIDE + uri.removeprefix(ALSO_INSIDE) if uri.startswith(ALSO_INSIDE) else uri


def _is_lifted(asset: Mapping[str, Any]) -> bool:
    return str(asset.get("uri", "")).startswith(LIFTED)


def _assets(card: Any) -> list[JsonObject]:
    values = data_of(card).get("assets")
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _unpacked(text: bytes, most_bytes: int) -> bytes:
    try:
        # Four characters hold three bytes.
        return b64decode(text.replace(b"\\", b"")[: most_bytes // 3 * 4 + 8])[: most_bytes + 1]
    except binascii.Error:
        return b""
