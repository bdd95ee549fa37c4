"""How results stand in a request whose context is full: by handles with which the model opens them again. Pure."""

import re
from collections.abc import Mapping
from typing import Any, TypedDict

# The tool that opens a fold.
RECALL = "recall"
# Stands for the number of a fold that is being made.
NEW = -1
HANDLE = re.compile(r"(?:fold-)?(\d{1,9})")
# A line of a fence, of which a text that is cut can lack the second.
FENCE_LINE = re.compile(r"^`{3,}$", re.MULTILINE)


class Fold(TypedDict):
    """How a result stands in requests: by the handle with this number, with so many characters in place, and in parts of so many.

    `rounds` is the number of the fold that has the call's whole round in it; 0 if the round stands for itself. What recall has
    returned has the number of the fold that it opened, and no parts of its own.
    """

    number: int
    sent: int
    part: int
    rounds: int
    made_at: str


def handle(number: int) -> str:
    return f"fold-{number}"


def is_handle(text: str) -> bool:
    return text.startswith("fold-") and bool(HANDLE.fullmatch(text))


def number_in(arguments: Mapping[str, Any]) -> int:
    """Returns the number of the handle in the arguments of recall, which can be anything; 0 if there is none."""
    match = HANDLE.fullmatch(str(arguments.get("handle", "")).strip("[] "))
    return int(match[1]) if match else 0


def folded_text(text: str, fold: Fold, said: str, chars: int) -> str:
    """Returns what is sent in the place of a result of so many characters: its line, below as much of its text as is sent."""
    name, sent = handle(fold["number"]), fold["sent"]
    if not sent:
        return f"[{name}: {said}, {counted(chars)} characters. recall opens it]"
    shown = f"{counted(sent)} of {counted(chars)} characters"
    if not fold["part"]:
        return f"{closed(text[:sent])}\n[{name}: {shown}; recall opens it]"
    return f'{closed(text[:sent])}\n[{name}: {shown}; recall("{name}", part={sent // fold["part"] + 1}) goes on]'


def counted(value: int) -> str:
    """Formats a number like `12 345`, as all lines of folds have it."""
    return f"{value:,}".replace(",", " ")


def closed(text: str) -> str:
    """Returns a text with the end of the fence that it was cut in, so that what follows isn't quoted with it."""
    open_fence = ""
    for fence in FENCE_LINE.findall(text):
        open_fence = "" if fence == open_fence else open_fence or fence
    return f"{text}\n{open_fence}" if open_fence else text
