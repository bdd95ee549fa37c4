"""Pictures in OpenAI's format: the request for one, and where its reply has the picture and what it used. Pure."""

from binascii import a2b_base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from webapp.base.untrusted_json import JsonObject, dict_of
from webapp.models.providers.base import PictureRequest
from webapp.models.providers.values import cost_of, count_of, dicts_of, openai_usage
from webapp.streaming.events import Usage

PATH, EDITS = "/images/generations", "/images/edits"
# A picture of four megapixels has about 10 MB.
MOST_BYTES = 16 * 1024 * 1024
MOST_URL = 4_000
# About two milliseconds' work; four characters are three bytes.
PIECE_CHARS = 256 * 1024


@dataclass(frozen=True, slots=True)
class DrawnPicture:
    """A reply: the picture as base64 or, without it, its address."""

    packed: str
    url: str
    usage: Usage


def payload(request: PictureRequest) -> JsonObject:
    # Not its format: OpenAI's own models of today refuse to be told.
    return {"model": request.model, "prompt": request.prompt, "n": 1, **({"size": request.size} if request.size else {})}


def ending(media_type: str) -> str:
    """Returns the ending of a file of this type: some servers judge by it."""
    return media_type.removeprefix("image/").replace("jpeg", "jpg")


def picture_in(value: Mapping[str, Any]) -> DrawnPicture | None:
    """Parses a reply; returns None if it has no picture."""
    row = next(iter(dicts_of(value.get("data"))), {})
    packed, url = row.get("b64_json"), row.get("url")
    if isinstance(url, str) and url.startswith("data:image/"):
        packed, url = url.partition(";base64,")[2], ""
    packed = packed if isinstance(packed, str) else ""
    address = url if isinstance(url, str) and url.startswith(("https://", "http://")) and len(url) <= MOST_URL else ""
    if not (packed or address):
        return None
    return DrawnPicture(packed, address, _usage(value.get("usage")))


def _usage(value: Any) -> Usage:
    """Returns what was used, by the names that requests for pictures have, or by those of answers."""
    reported = dict_of(value)
    tokens = count_of(reported.get("input_tokens")), count_of(reported.get("output_tokens"))
    return Usage(*tokens, cost_of(reported.get("cost"))) if any(tokens) else openai_usage(reported) or Usage()


def pieces(packed: str) -> Iterator[bytes]:
    """Yields a picture from its base64; nothing more after what is none."""
    for start in range(0, len(packed), PIECE_CHARS):
        try:
            yield a2b_base64(packed[start : start + PIECE_CHARS], strict_mode=True)
        except ValueError:
            return
