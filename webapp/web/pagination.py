"""Keyset pagination of long lists, by the id of the last row."""

from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

T = TypeVar("T")


class HasId(Protocol):
    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=HasId)


class Slice(NamedTuple, Generic[T]):
    rows: Sequence[T]
    next_cursor: str


def cut(rows: Sequence[R], size: int) -> Slice[R]:
    """Returns a page of rows; `rows` has one more than `size` if there is a next page, else the cursor is empty."""
    return Slice(rows[:size], rows[size - 1].id if len(rows) > size else "")
