"""What each kind of database indexes in its own way: never copied, made anew."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Index:
    """`table` holds it on one kind of database at least; `fill` makes it from the rows that are there."""

    table: str
    fill: Callable[[Connection], None]
