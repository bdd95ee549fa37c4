"""A parsed YAML document with source positions, and the error for an invalid one. Pure."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

Path = tuple[str | int, ...]


class YamlSpan(NamedTuple):
    """Where a value is written, from its first character to its last; `key` is where its name begins, if it has one.

    `style` is the quotation mark or sign that a text begins with, and "[" or "{" for a list or mapping in brackets; else empty.
    """

    key: int
    start: int
    end: int
    style: str


class UnreadableYaml(ValueError):
    """The text was rejected as YAML; the message is the reason, `line` and `column` the position, `hint` how to fix it."""

    def __init__(self, message: str, line: int = 1, column: int = 1, *, hint: str = "Make it shorter.") -> None:
        super().__init__(message)
        self.line, self.column, self.hint = line, column, hint


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """A value, with the position of every part of it, and the names given twice, of which only the last counts."""

    value: Any
    positions: dict[Path, tuple[int, int]]
    repeated: tuple[tuple[str, int, int], ...] = ()
    spans: dict[Path, YamlSpan] = field(default_factory=dict)

    def position(self, path: Path) -> tuple[int, int]:
        """Returns the position of a path; for a missing one, that of its nearest existing parent."""
        while path not in self.positions and path:
            path = path[:-1]
        return self.positions.get(path, (1, 1))
