"""The protocol of an encoder, which turns canonical events into a dialect's frames, and frames into bytes. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from webapp.streaming.codec import encode
from webapp.streaming.topics import Entry

# The most bytes of an event for clients that parse what each read of the socket returns and keep no half lines: they only work
# with events that arrive in one TCP segment, which holds 1 460 bytes on Ethernet and about 1 300 in tunnels.
PACKET_BYTES = 1_200
# How much of that a text can take: the rest is for the names of fields, ids, the time, and the framing of the event.
TEXT_BYTES = 1_000
# A character outside the basic plane: two escapes.
CHARACTER_BYTES = len(r"\ud83c\udf0a")
# One encoder for all: `json.dumps` creates a new one for every value if it gets any options.
as_json = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class DialectFrame:
    """One message on the wire. Text is sent unchanged, anything else as one line of ASCII JSON. An `id` of its own is kept."""

    data: Mapping[str, Any] | str
    event: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class StreamState:
    """The state at the beginning of a stream. `seq` is the position after which entries follow.

    `is_snapshot` means that the requested position is gone: `text` and `reasoning` then hold everything up to `seq`. An encoder
    that does not take snapshots gets the same as entries instead, and `text` is empty.
    """

    generation_id: str
    chat_id: str
    message_id: str
    model: str
    status: str
    seq: int = 0
    text: str = ""
    reasoning: str = ""
    is_snapshot: bool = False


class Encoder(Protocol):
    """The encoder of a dialect: it gets canonical events only, in order, and can keep state between them.

    `opening` is called once and first, `encode` for each entry, `closing` once and last, when the answer has ended or a newer
    reader has displaced this one. With `fits_packets`, clients keep no half lines: events are sent in packets of their own.
    With `takes_transient`, `encode` also gets the pieces of calls while they are written, at the position of the last entry.
    """

    takes_snapshots: bool
    fits_packets: bool
    takes_transient: bool

    def opening(self, state: StreamState) -> list[DialectFrame]: ...
    def encode(self, entry: Entry) -> list[DialectFrame]: ...
    def closing(self) -> list[DialectFrame]: ...


def end_id(generation_id: str) -> str:
    """Returns the event id of the end of a generation, on a stream that carries one after another; "" stands for none yet.

    It names the generation because the positions of two answers are often equal.
    """
    return f"end-{generation_id}"


def wire(frames: list[DialectFrame], *, id: str = "") -> list[bytes]:
    """Encodes each frame as the bytes of one write; only the last has the id: the position is reached once all have arrived."""
    last = len(frames) - 1
    ids = [frame.id or (id if index == last else "") for index, frame in enumerate(frames)]
    return [
        encode(frame.data if isinstance(frame.data, str) else as_json(frame.data), event=frame.event, id=id)
        for frame, id in zip(frames, ids, strict=True)
    ]


def json_bytes(value: Any) -> int:
    """Returns the length of a value as JSON, without the quotes around a text."""
    return len(as_json(value)) - (2 if isinstance(value, str) else 0)


def pieces(text: str, most_bytes: int = TEXT_BYTES) -> list[str]:
    """Cuts a text so that each piece takes at most so many bytes as JSON; characters stay whole."""
    if 0 < len(text) * CHARACTER_BYTES <= most_bytes:
        return [text]
    slices = [text[start : start + most_bytes] for start in range(0, len(text), most_bytes)]
    return [piece for part in slices for piece in _halved(part, most_bytes)]


def shortened(text: str, most_bytes: int) -> str:
    """Returns the beginning of a text that takes at most so many bytes as JSON."""
    return text if json_bytes(text) <= most_bytes else pieces(text, most_bytes - len("..."))[0] + "..."


def _halved(text: str, most_bytes: int) -> list[str]:
    if json_bytes(text) <= most_bytes:
        return [text]
    half = len(text) // 2
    return _halved(text[:half], most_bytes) + _halved(text[half:], most_bytes)
