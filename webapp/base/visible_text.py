"""Text of others without characters that hide something: no control characters, and none that change its direction. Pure."""

import re
from typing import Any

from webapp.base.words import shortened

CONTROL = re.compile(r"[\0-\x08\x0e-\x1f\x7f\ufffe\uffff]")
# Invisible characters that reverse the direction of the text around them.
BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
# Further control characters, halves of characters, and the invisible copies of ASCII, in which a page can hide what only a model
# reads.
INVISIBLE = re.compile("[\x80-\x9f\u200b\u2060-\u2064\ud800-\udfff\ufeff\U000e0000-\U000e007f]")


def clean(text: str) -> str:
    """Removes control characters and normalizes line endings."""
    return CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def visible(text: str) -> str:
    """Removes control characters, and those that hide text or change its direction."""
    return INVISIBLE.sub("", clean(text).translate(BIDI))


def one_line(text: str, most: int) -> str:
    """Returns a text as one line of at most `most` characters."""
    return shortened(" ".join(visible(text[: 20 * most]).split()), most)


def line_of(value: Any, most: int) -> str:
    """Returns what a server says as one line that hides nothing, or nothing if it is no text."""
    return one_line(value, most) if isinstance(value, str) else ""
