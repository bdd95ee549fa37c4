"""What notices and alerts have in common: a message is posted, tried again while that can help, and its end is stored."""

import logging
import time
from collections.abc import Mapping, Sequence

from sqlalchemy import Update
from sqlalchemy.exc import SQLAlchemyError

from webapp.base.db import db, write
from webapp.base.errors import Unavailable
from webapp.models.connections.providers import providers
from webapp.models.providers.base import ProviderError
from webapp.models.providers.error_mapping import wait_seconds
from webapp.models.upstream import Trust
from webapp.streaming.stop import Stop

log = logging.getLogger("delivery")

SECONDS, LONGEST_WAIT_SECONDS = 10.0, 3600.0


def posted(url: str, headers: Mapping[str, str], content: bytes, *, stop: Stop, trust: Trust) -> tuple[int, float | None]:
    """Returns the status of the reply, whose body is never read, and how long it asks to wait.

    No connection to the database is held while the other server is waited for.
    """
    db.session.rollback()
    with providers().upstream.open(
        "POST",
        url,
        stop=stop,
        headers=headers,
        content=content,
        first_byte_seconds=SECONDS,
        trust=trust,
        takes_detours=True,
    ) as reply:
        lower = {name.lower(): value for name, value in reply.headers.items()}
        return reply.status, wait_seconds(lower, {}, time.time())


def refuse_status(who: str, status: int, wait: float | None) -> None:
    """Raises `ProviderError` unless the message was taken; it says whether to try again."""
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise ProviderError("invalid", f"{who} redirects to another address, which is not followed.")
    is_retryable = status in (408, 425, 429) or status >= 500
    wait = min(wait, LONGEST_WAIT_SECONDS) if wait is not None else None
    raise ProviderError("error", f"{who} answered with status {status}.", retryable=is_retryable, retry_after=wait)


def seconds_to_next(error: ProviderError, attempts: int, again_seconds: Sequence[float]) -> float | None:
    """Returns how long after this many attempts the next one follows; None if it can't help, or was the last."""
    if not error.retryable or attempts > len(again_seconds):
        return None
    return max(again_seconds[attempts - 1], error.retry_after or 0)


def store(whose: str, *statements: Update) -> None:
    """Stores what became of a delivery; a failure is only logged, as what was to be sent was sent, or is tried again."""
    try:
        with write() as session:
            for statement in statements:
                session.execute(statement.execution_options(synchronize_session=False))
    except (Unavailable, SQLAlchemyError) as error:
        log.warning("delivery_not_stored", extra={"fields": {"id": whose, "error": type(error).__name__}})
