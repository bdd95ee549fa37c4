"""Limits how many models all connections list together: cuts the longest lists, and stores how many models were cut."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.base.words import number, plural
from webapp.models.connections.keys import BUILT_IN
from webapp.models.connections.tables import Connection
from webapp.models.providers.base import ModelRecord
from webapp.settings.service import setting

# OpenRouter lists 500. A page with models costs as much as all lists together.
MOST_MODELS = 3_000
HINT = (
    "A model that is left out can be used by its name: as the default model of its connection, or added under Models. "
    "Deleting a connection and refreshing the list makes room."
)


def store(session: Session, row: Connection, listed: Sequence[ModelRecord]) -> None:
    """Stores the models that a connection lists, as far as they fit next to the others; cuts longer lists of other connections.

    The default model and those that the settings name are always kept.
    """
    sizes = _sizes(session, row.id)
    most = share([*sizes.values(), len(listed)])
    named = named_in_settings()
    row.models, row.left_out = cut(listed, most, _wanted(row, named)), max(0, len(listed) - most)
    _make_way(session, sizes, most, named)


def fit(session: Session) -> None:
    """Cuts lists that were stored by a release without a limit."""
    sizes = _sizes(session, "")
    _make_way(session, sizes, share(sizes.values()), named_in_settings())


def left_out_text(left_out: int) -> str:
    """Returns a sentence about how many models were left out; empty for none."""
    if not left_out:
        return ""
    return f"{plural(left_out, 'model')} left out: all connections together list at most {number(MOST_MODELS)}."


def share(sizes: Iterable[int], most: int = MOST_MODELS) -> int:
    """Returns the length to cut lists to so that together they have at most `most` items.

    Lists that are shorter than an even share leave the rest of it to the longer ones.
    """
    lengths, room = sorted(sizes), most
    for index, length in enumerate(lengths):
        if length > (even := room // (len(lengths) - index)):
            return even
        room -= length
    return most


def cut(listed: Sequence[ModelRecord], most: int, names_to_keep: Collection[str]) -> list[ModelRecord]:
    """Returns at most `most` models in their original order: the wanted ones, then the first."""
    if len(listed) <= most:
        return list(listed)
    indexes = sorted(range(len(listed)), key=lambda index: listed[index]["id"] not in names_to_keep)[:most]
    return [listed[index] for index in sorted(indexes)]


def _make_way(session: Session, sizes: Mapping[str, int], most: int, named: Iterable[str]) -> None:
    for id in (id for id, size in sizes.items() if size > most):
        row = session.get_one(Connection, id)
        row.left_out += len(row.models) - most
        row.models = cut(row.models, most, _wanted(row, named))
        # Each process caches a list by `models_at`, so another value makes them read the cut list.
        row.models_at = row.models_at and row.models_at + timedelta(microseconds=1)


def _sizes(session: Session, but: str) -> dict[str, int]:
    """Returns the number of models of each connection, without loading the lists."""
    query = select(Connection.id, func.json_array_length(Connection.models)).where(Connection.id != but)
    return {row[0]: row[1] for row in session.execute(query)}


def _wanted(row: Connection, named: Iterable[str]) -> set[str]:
    """Returns the connection's default model and those that the settings name, by the server's names."""
    prefix = "" if row.id == BUILT_IN else f"{row.slug}:"
    return {row.default_model, *(name.removeprefix(prefix) for name in named if name.startswith(prefix))}


def named_in_settings() -> tuple[str, ...]:
    """Returns the models that settings name, which are used without appearing in a picker."""
    return (setting("models.default"), *setting("models.fallbacks"), *setting("models.allowed"))
