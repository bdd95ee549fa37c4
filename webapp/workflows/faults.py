"""An error in a definition, and its position. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """A sentence for the person and, if known, a hint how to fix it."""

    line: int
    column: int
    message: str
    hint: str = ""
