"""A scripted answer, independent of any server's format: its text, its pace, and its faults. Pure."""

from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Speech:
    """How a text is sent; `seed` lets a dialect add its server's quirks at random.

    Before each token whose number is in `holds`, it waits until it is released.

    `calls` follow the text, if the request offers tools: each with its `tool`, its `arguments` as an object or as text, and
    perhaps its `id`, without which it gets one, or none if not `call_ids`. `call_pieces` are the characters of arguments in a
    piece; by default, a dialect decides. For faults and `holds`, each call counts as a token.
    """

    dialect: str = ""
    seed: int | None = None
    reasoning: str = ""
    tokens: list[str] | None = None
    calls: tuple[dict[str, Any], ...] = ()
    call_ids: bool = True
    call_pieces: int = 0
    delay: float = 0
    pace: float = 0
    newline: str = "\n"
    space: str = " "
    comments: int = 0
    role_first: bool = True
    finish: str | None = "stop"
    done: bool = True
    usage: dict[str, Any] | None = None
    sends_usage: bool = True
    cost: float | None = None
    model: str = ""
    cut_after: int | None = None
    cut: str = "fin"
    holds: tuple[int, ...] = ()
    stall_after: int | None = None
    stall_comments: float = 0
    error_after: int | None = None
    error: Any = None


NAMES = {field.name for field in fields(Speech)}


@dataclass(frozen=True, slots=True)
class Frame:
    """One part of a stream: a message or a comment. `decides` marks the frame that settles how the answer ends."""

    data: str = ""
    event: str = ""
    comment: str | None = None
    field: str = "data"
    decides: bool = False


def text_of(frame: Frame, speech: Speech) -> str:
    if frame.comment is not None:
        return f":{frame.comment}{speech.newline * 2}"
    head = f"event:{speech.space}{frame.event}{speech.newline}" if frame.event else ""
    return f"{head}{frame.field}:{speech.space}{frame.data}{speech.newline * 2}"
