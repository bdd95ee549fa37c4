"""The content of an alert message, for any channel. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class News:
    """An alert message; `state` is the rule's, or `test`."""

    rule: str
    state: str
    value: float | None
    words: str
