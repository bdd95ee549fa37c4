"""Keyset pagination: a page of a long list, by the id it continues after. Pure."""

from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar


class Row(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=Row)


class Slice(NamedTuple, Generic[T]):
    rows: Sequence[T]
    next_cursor: str


def cut(rows: Sequence[T], size: int) -> Slice[T]:
    """The page of rows of which one too many was asked for; without a cursor it is the last."""
    return Slice(rows[:size], rows[size - 1].id if len(rows) > size else "")
