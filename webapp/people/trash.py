"""The trash: what people delete can be restored for some days, and is then deleted for good."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from webapp.base.heavy.turns import by_turns
from webapp.base.keeping_clock import keeping_now
from webapp.settings.service import setting
from webapp.web.feature import brought


@dataclass(frozen=True)
class Trash:
    """Tables whose rows with a `deleted_at` are in the trash; `empty` deletes for good those that are due."""

    tables: Sequence[Any]
    empty: Callable[[], object]


def due_until() -> datetime | None:
    """Returns until when something was deleted that is due now; None if the trash is never emptied."""
    days = int(setting("trash.days"))
    return keeping_now() - timedelta(days=days) if days else None


def empty_all() -> None:
    """Empties the trash of every feature, yielding to other greenlets in between."""
    for trash in by_turns(brought(Trash)):
        trash.empty()
