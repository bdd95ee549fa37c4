"""A generated month of example answers, so that insights have something to show; marked, and removed as a whole."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import CursorResult, delete, insert, select

from webapp.base.db import db, utc_now, write
from webapp.base.ids import new_id
from webapp.engine.kinds import Kind
from webapp.engine.tables import EXAMPLE, Generation
from webapp.operations.insights import days

KIND = Kind(EXAMPLE, "Example history")
DAYS = 30
# The last hours are left out, because alerts evaluate them.
ENDS_BEFORE = timedelta(hours=2)
MOST_A_DAY = 60
# Name, weight, seconds to the first text, tokens per second, dollars per million tokens.
MODELS = (("example/alder", 5, 0.7, 60, 3.0), ("example/birch", 3, 0.35, 120, 0.4), ("example/cedar", 1, 1.6, 35, 15.0))
ENDS = (
    ("completed", "stop", 93),
    ("completed", "length", 2),
    ("stopped", "user", 2),
    ("failed", "rate", 2),
    ("interrupted", "cut", 1),
)
FALLBACK = {"code": "fallback", "message": "Another model answered.", "detail": {}}
ROWS_AT_ONCE = 200


def exists() -> bool:
    return db.session.scalar(select(Generation.id).where(Generation.kind == EXAMPLE).limit(1)) is not None


def make(people: Sequence[str], luck: Random) -> int:
    """Creates a month of answers for these people; returns their number."""
    rows = list(_rows(people, luck, utc_now() - ENDS_BEFORE))
    for start in range(0, len(rows), ROWS_AT_ONCE):
        with write() as session:
            session.execute(insert(Generation), rows[start : start + ROWS_AT_ONCE])
    days.sum_up_all()
    return len(rows)


def remove() -> int:
    """Removes all example answers, also from the sums; returns their number."""
    with write() as session:
        gone = session.execute(delete(Generation).where(Generation.kind == EXAMPLE))
        count = gone.rowcount if isinstance(gone, CursorResult) else 0
    if count:
        days.sum_up_all()
    return count


def _rows(people: Sequence[str], luck: Random, until: datetime) -> Iterator[dict[str, Any]]:
    """Yields rows, oldest first, because ids are ordered by time; a few more each day, fewer at weekends."""
    for day in range(DAYS, 0, -1):
        begins = until - timedelta(days=day)
        count = luck.randrange(MOST_A_DAY // 3, MOST_A_DAY) * (2 * DAYS - day) // (2 * DAYS)
        count = count // 4 if begins.weekday() >= 5 else count
        for second in sorted(luck.randrange(86_400) for _ in range(count)):
            yield _row(luck, luck.choice(people), begins + timedelta(seconds=second))


def _row(luck: Random, user_id: str, asked_at: datetime) -> dict[str, Any]:
    model, _, first, speed, price = luck.choices(MODELS, [example[1] for example in MODELS])[0]
    status, reason, _ = luck.choices(ENDS, [end[2] for end in ENDS])[0]
    tokens, read = int(luck.lognormvariate(5.6, 0.8)), int(luck.lognormvariate(7.0, 0.9))
    begins_after = timedelta(seconds=luck.lognormvariate(0, 0.4) * first)
    is_failed, is_fallback = status == "failed", luck.random() < 0.03
    ended_at = asked_at + begins_after + timedelta(seconds=0 if is_failed else tokens / speed)
    return {
        "id": new_id(),
        "kind": EXAMPLE,
        "lane": "example",
        "user_id": user_id,
        "status": status,
        "reason": reason,
        "error": "The example provider asks for a pause." if is_failed else "",
        "provider": EXAMPLE,
        "owner": "",
        "is_demo": True,
        "model_asked": model,
        "model_used": "example/birch" if is_fallback else model,
        "notices": [FALLBACK] if is_fallback else [],
        "input_tokens": read,
        "output_tokens": 0 if is_failed else tokens,
        "cost": None if is_failed else f"{(read + tokens) * price / 1e6:.6f}",
        "created_at": asked_at,
        "started_at": asked_at,
        "first_text_at": None if is_failed else asked_at + begins_after,
        "ended_at": ended_at,
        "heartbeat_at": ended_at,
    }
