"""Reads single values of untrusted files: each has the right type or is the default. Pure."""

import hashlib
import math
import re
from datetime import UTC, datetime
from typing import Any

ORIGIN_CHARS = 120
EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
MOST_COUNT = 2**31 - 1
TICKS = re.compile("`+")


def text(value: Any, limit: int = 0) -> str:
    """Returns a text without characters that a database rejects; empty for any other type."""
    if not isinstance(value, str):
        return ""
    kept = value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    return kept[:limit] if limit else kept


def line(value: Any, limit: int) -> str:
    """Returns a text with all whitespace collapsed, on one line."""
    return " ".join(text(value).split())[:limit]


def count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_COUNT
    return value if is_count else None


def amount(value: Any) -> float | None:
    number = number_of(value)
    return number if number is not None and number >= 0 else None


def number_of(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None


def moment(value: Any) -> datetime | None:
    """Returns a time given as a Unix timestamp or in ISO format; None if it is neither, or before 1990 or after 2200."""
    try:
        found = _moment(value)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found and EARLIEST <= found <= LATEST else None


def origin(program: str, id: str) -> str:
    """Returns the origin of a chat or message imported from another program, which identifies it."""
    name = f"{program}:{id}"
    return name if len(name) <= ORIGIN_CHARS else f"{program}:{hashlib.sha256(id.encode()).hexdigest()}"


def fenced(words: str, language: str = "") -> str:
    """Returns the words as a fenced code block; the fence is longer than any run of backticks in them."""
    longest = max(map(len, TICKS.findall(words)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{language if language.isalnum() else ''}\n{words}\n{ticks}"


def _moment(value: Any) -> datetime | None:
    if isinstance(value, str):
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        # Some programs write milliseconds.
        return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
    return None
