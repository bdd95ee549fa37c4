"""What turns canonical events into the frames of a dialect, and frames into bytes. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from webapp.streaming.codec import encode
from webapp.streaming.topics import Entry

# Made once: `json.dumps` makes one for every value when it is told how to write.
as_json = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class DialectFrame:
    """One message on the wire. Text is sent as it is, everything else as one line of JSON in ASCII."""

    data: Mapping[str, Any] | str
    event: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """What a stream begins with. `seq` is the position after which entries follow.

    With `is_snapshot` the position asked for is gone: `text` and `reasoning` are then everything said up to `seq`. An
    encoder that does not take snapshots gets the same as entries instead, and `text` is empty.
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
    """A dialect: it sees canonical events only, in order, and may remember what it has seen of them.

    `opening` is called once and first, `encode` for each entry, `closing` once and last, when the answer has ended or
    another reader has taken the place of this one.
    """

    takes_snapshots: bool

    def opening(self, state: State) -> list[DialectFrame]: ...
    def encode(self, entry: Entry) -> list[DialectFrame]: ...
    def closing(self) -> list[DialectFrame]: ...


def wire(frames: list[DialectFrame], *, id: str = "") -> list[bytes]:
    """Each frame as the bytes of one write; only the last carries the position, which is reached when all have arrived."""
    last = len(frames) - 1
    return [encode(_line(frame.data), event=frame.event, id=id if place == last else "") for place, frame in enumerate(frames)]


def _line(data: Mapping[str, Any] | str) -> str:
    return data if isinstance(data, str) else as_json(data)
