"""JSON as somebody else sent it, with a bound on its structure: bytes alone say little about the work. Pure."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

# A list of 1 000 models is a third of this; so many distinct names take 0.1 s and 30 MB.
MOST_PARTS = 100_000
# One message of a stream, which is parsed while other answers wait.
MOST_PARTS_OF_A_MESSAGE = 10_000
# What costs time and memory is objects, not text.
OPENERS = "[{,"
LONGEST_INTEGER = 20


class Unreadable(ValueError):
    """It is not JSON, or has too many parts."""


def load(content: str | bytes, *, most_parts: int = MOST_PARTS) -> Any:
    """The value; raises `Unreadable`."""
    try:
        text = content if isinstance(content, str) else content.decode(json.detect_encoding(content), "surrogatepass")
        if not exceeds(text, most_parts):
            return DECODER.decode(text)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise Unreadable("not JSON") from error
    raise Unreadable(f"more than {most_parts} parts")


def exceeds(text: str, most: int = MOST_PARTS) -> bool:
    """Whether a text of JSON has more parts than that."""
    if _parts(text) <= most:
        return False
    # Prose and code have commas and brackets as well: count again without what stands in strings.
    bare = text.replace("\\\\", "").replace('\\"', "")
    if bare.count('"') > 4 * most:
        return True
    return sum(_parts(outside) for outside in bare.split('"')[::2]) > most


def _parts(text: str) -> int:
    return sum(map(text.count, OPENERS))


def _integer(digits: str) -> int | Decimal:
    # Python reads long integers in quadratic time; nothing that is counted here has so many digits.
    return int(digits) if len(digits) <= LONGEST_INTEGER else Decimal(digits)


# Made once: `json.loads` makes one for every text when it is told how to read numbers.
DECODER = json.JSONDecoder(parse_float=Decimal, parse_int=_integer)
