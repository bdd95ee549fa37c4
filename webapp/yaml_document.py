"""What a text in YAML holds, with its places, or why it can't be read. Pure."""

from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]


class Unreadable(ValueError):
    """Why a text is no YAML of ours, in a sentence, and where."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line, self.column = line, column


@dataclass(frozen=True, slots=True)
class Document:
    """A value, and the line and column of everything in it."""

    value: Any
    places: dict[Path, tuple[int, int]]

    def place(self, path: Path) -> tuple[int, int]:
        """Where that stands; of what is missing, where it would."""
        while path not in self.places and path:
            path = path[:-1]
        return self.places.get(path, (1, 1))
