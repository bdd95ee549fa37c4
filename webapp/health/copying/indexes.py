"""Indexes that each database implements in its own way, which are rebuilt instead of copied."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Index:
    """An index; `table` contains it on at least one kind of database, `fill` rebuilds it from the existing rows."""

    table: str
    fill: Callable[[Connection], None]
