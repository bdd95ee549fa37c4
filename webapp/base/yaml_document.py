"""A parsed YAML document with source positions, and the error for an invalid one. Pure."""

from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]


class UnreadableYaml(ValueError):
    """The text was rejected as YAML; the message is the reason, `line` and `column` the position, `hint` how to fix it."""

    def __init__(self, message: str, line: int = 1, column: int = 1, *, hint: str = "Make it shorter.") -> None:
        super().__init__(message)
        self.line, self.column, self.hint = line, column, hint


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """A value, with the line and column of every part of it, and the names given twice, of which only the last counts."""

    value: Any
    positions: dict[Path, tuple[int, int]]
    repeated: tuple[tuple[str, int, int], ...] = ()

    def position(self, path: Path) -> tuple[int, int]:
        """Returns the position of a path; for a missing one, that of its nearest existing parent."""
        while path not in self.positions and path:
            path = path[:-1]
        return self.positions.get(path, (1, 1))
