"""What was used of which model on which day, from the records of its generations."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from sqlalchemy import select

from webapp.extensions import db
from webapp.generations.tables import Generation

BATCH = 1000
# They were run elsewhere.
NOT_HERE = "imported"
Figures = tuple[int | None, int | None, str | None]


@dataclass(slots=True)
class Used:
    """Sums of what is known; None while nothing is. `without_tokens` and `without_cost` count the answers of which it is not."""

    day: date
    model: str
    answers: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: Decimal | None = None
    without_tokens: int = 0
    without_cost: int = 0

    def add(self, input_tokens: int | None, output_tokens: int | None, cost: str | None) -> None:
        self.answers += 1
        self.without_tokens += input_tokens is None or output_tokens is None
        self.without_cost += cost is None
        if input_tokens is not None:
            self.input_tokens = (self.input_tokens or 0) + input_tokens
        if output_tokens is not None:
            self.output_tokens = (self.output_tokens or 0) + output_tokens
        if cost is not None:
            self.cost = (self.cost or Decimal(0)) + Decimal(cost)


def used(since: date, until: date, *, user_id: str | None = None) -> list[Used]:
    """Day by day and model by model in UTC, of one person or of everybody; both days count."""
    sums: dict[tuple[date, str], Used] = {}
    for created_at, model, figures in _rows(since, until, user_id):
        key = (created_at.date(), model)
        sums.setdefault(key, Used(*key)).add(*figures)
    return [sums[key] for key in sorted(sums)]


def _rows(since: date, until: date, user_id: str | None) -> Iterator[tuple[datetime, str, Figures]]:
    first, end = datetime.combine(since, time(), UTC), datetime.combine(until, time(), UTC) + timedelta(days=1)
    figures = Generation.input_tokens, Generation.output_tokens, Generation.cost
    query = select(Generation.created_at, Generation.model_used, Generation.model_asked, *figures)
    query = query.where(Generation.created_at >= first, Generation.created_at < end, Generation.kind != NOT_HERE)
    if user_id:
        query = query.where(Generation.user_id == user_id)
    for row in db.session.execute(query.execution_options(yield_per=BATCH)):
        yield row.created_at, row.model_used or row.model_asked, (row.input_tokens, row.output_tokens, row.cost)
