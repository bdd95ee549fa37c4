"""What is wrong with a definition, and where. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """A sentence for the person, and how it is put right, where that is known."""

    line: int
    column: int
    message: str
    hint: str = ""
