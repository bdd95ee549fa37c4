"""What is told of an alert, in whatever way. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class News:
    """`state` is the rule's, or `test`."""

    rule: str
    state: str
    value: float | None
    words: str
