"""Decodes JSON from others with a limit on its structure, as its bytes alone say little about the cost. Pure."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

# A list of 1 000 models has a third of this; this many distinct names take 0.1 s and 30 MB.
MOST_PARTS = 100_000
# The limit for one message of a stream, which is decoded while other answers wait.
MOST_PARTS_OF_A_MESSAGE = 10_000
# Counted instead of bytes: objects take time and memory, text does not.
OPENERS = "[{,"
LONGEST_INTEGER = 20


class UnreadableJson(ValueError):
    """The text is not JSON, or has too many parts."""


def load(content: str | bytes, *, most_parts: int = MOST_PARTS) -> Any:
    """Decodes a JSON text; raises `UnreadableJson`."""
    try:
        text = content if isinstance(content, str) else content.decode(json.detect_encoding(content), "surrogatepass")
        if not exceeds(text, most_parts):
            return DECODER.decode(text)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise UnreadableJson("not JSON") from error
    raise UnreadableJson(f"more than {most_parts} parts")


def exceeds(text: str, most: int = MOST_PARTS) -> bool:
    """Returns whether a JSON text has more parts than `most`."""
    if _parts(text) <= most:
        return False
    # Prose and code have commas and brackets as well: count again without the content of strings.
    bare = text.replace("\\\\", "").replace('\\"', "")
    if bare.count('"') > 4 * most:
        return True
    return sum(_parts(outside) for outside in bare.split('"')[::2]) > most


def _parts(text: str) -> int:
    return sum(map(text.count, OPENERS))


def _integer(digits: str) -> int | Decimal:
    # Python parses long integers in quadratic time; no count in these replies has so many digits.
    return int(digits) if len(digits) <= LONGEST_INTEGER else Decimal(digits)


# One decoder for all: `json.loads` creates a new one for every text if it gets options for numbers.
DECODER = json.JSONDecoder(parse_float=Decimal, parse_int=_integer)
