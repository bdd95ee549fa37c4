"""YAML that somebody else wrote: bounded before it is read, without aliases, tags and dates, and with its places. Pure."""

from itertools import accumulate
from typing import Any

from webapp.yaml_document import Document, Path, Unreadable

__all__ = ["MOST_CHARS", "Document", "Path", "Unreadable", "read", "written"]

MOST_CHARS = 60_000
# What YAML makes values of. Reading it takes time for each.
MARKS = "[{,:-?!\n"
MOST_MARKS = 6_000
# The time for a bracket grows with how many are open.
MOST_OPEN = 60
DEEPER = {"[": 1, "{": 1, "]": -1, "}": -1}


def read(source: str, what: str) -> Document:
    """What the text says; raises `Unreadable`. `what` is the word for it in sentences."""
    if len(source) > MOST_CHARS:
        raise Unreadable(f"That is too long. The limit is {MOST_CHARS:,} characters.")
    if sum(map(source.count, MARKS)) > MOST_MARKS:
        raise Unreadable(f"That has too many parts for a {what}.")
    if max(accumulate(DEEPER.get(each, 0) for each in source), default=0) > MOST_OPEN:
        raise Unreadable("That has too many brackets within each other.")
    # Here, because a server that reads none need not hold it.
    from webapp.yaml_loading import loaded

    return loaded(source)


def written(value: Any) -> str:
    """A value as YAML, in the order in which its parts were put."""
    # Here for the same reason.
    import yaml

    return str(yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=120))
