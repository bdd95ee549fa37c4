"""Reads the lists of models of the team's connections at the start and every day, without a request of a person."""

import logging
import time
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from webapp.base.audit import AuditAuthor
from webapp.base.current import PerApp, the_config
from webapp.base.db import utc_now
from webapp.base.errors import AppError
from webapp.engine.chores import Chore
from webapp.models.connections import service as connections
from webapp.models.connections.cache import the_connections
from webapp.models.connections.effective import LiveConnection
from webapp.models.connections.providers import providers

SOON_SECONDS, HOUR_SECONDS = 2.0, 3_600.0
A_DAY = timedelta(days=1)
# Another worker, or this one before it was started again, has just read it.
JUST_NOW = timedelta(minutes=10)
# A server that doesn't answer is asked again after a minute, then after twice as long each time.
FIRST_SECONDS, MOST_SECONDS = 60.0, 3_600.0
READER = AuditAuthor("The daily reading of lists")
log = logging.getLogger("generation:models")


@dataclass(slots=True)
class Readings:
    """What this worker has read since its start, and for which servers it waits until when, after so many failures."""

    read: set[str] = field(default_factory=set)
    waits: dict[str, tuple[float, int]] = field(default_factory=dict)


READINGS = PerApp[Readings](Readings)


def read_due() -> bool:
    """Reads the lists that are due, one after the other; returns whether a server is to be asked again."""
    readings = READINGS.get()
    for connection in the_connections().team():
        if connection.is_usable and not connection.key.trouble and _is_due(connection, readings):
            _read(connection, readings)
    return bool(readings.waits)


def _is_due(connection: LiveConnection, readings: Readings) -> bool:
    until, _ = readings.waits.get(connection.slug, (0.0, 0))
    age = utc_now() - connection.models_at if connection.models_at else None
    if age is not None and age <= JUST_NOW:
        readings.read.add(connection.slug)
        return False
    return time.monotonic() >= until and (age is None or age > A_DAY or connection.slug not in readings.read)


def _read(connection: LiveConnection, readings: Readings) -> None:
    slug = connection.slug
    try:
        connections.refresh(slug, partial(providers().provider, slug), author=READER)
    except AppError as error:
        failures = readings.waits.get(slug, (0.0, 0))[1] + 1
        seconds = min(FIRST_SECONDS * 2 ** (failures - 1), MOST_SECONDS)
        readings.waits[slug] = (time.monotonic() + seconds, failures)
        log.info("list_not_read", extra={"fields": {"connection": slug, "error": type(error).__name__, "failures": failures}})
    else:
        readings.waits.pop(slug, None)
        readings.read.add(slug)
        the_connections().forget()


def _every_hour() -> bool:
    _soon.wake()
    return True


_soon = Chore("new lists of models", read_due, every_seconds=SOON_SECONDS, most_seconds=FIRST_SECONDS)
_daily = Chore("lists of models", _every_hour, every_seconds=HOUR_SECONDS, most_seconds=HOUR_SECONDS)


def wake() -> None:
    if the_config().read_model_lists:
        _soon.wake()
        _daily.wake()
