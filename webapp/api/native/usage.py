"""/api/v1/usage: number of answers, tokens and cost in dollars, by day and model."""

from datetime import date, timedelta
from typing import Annotated

from flask import Blueprint
from pydantic import Field, StringConstraints

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.problems import Refused
from webapp.api.schemas import Answer, Query
from webapp.base.db import utc_now
from webapp.operations.usage.queries import summed, used

bp = Blueprint("api_usage", __name__, url_prefix="/api/v1/usage")
USUAL_DAYS, MOST_DAYS = 30, 366
Day = Annotated[str, StringConstraints(pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]


class UsageQuery(Query):
    since: Day | None = Field(None, description="The first day, in UTC; defaults to 30 days ago.")
    until: Day | None = Field(None, description="The last day, in UTC; defaults to today.")


class UsedAnswer(Answer):
    """Sums of the known values, null if all are unknown; `without_tokens` and `without_cost` count the unknown ones."""

    day: date
    model: str
    answers: int
    input_tokens: int | None
    output_tokens: int | None
    cost: str | None = Field(description="US dollars, as decimal text.")
    without_tokens: int
    without_cost: int


class UsageAnswer(Answer):
    since: date
    until: date
    usage: list[UsedAnswer]


@bp.get("")
@operation("Summarize your usage", scope="read", query=UsageQuery, answer=UsageAnswer)
def own(query: UsageQuery) -> UsageAnswer:
    return _answer(query, caller().id)


@bp.get("/everybody")
@operation("Summarize everyone's usage", scope="admin", query=UsageQuery, answer=UsageAnswer)
def everybody(query: UsageQuery) -> UsageAnswer:
    return _answer(query, None)


def _answer(query: UsageQuery, user_id: str | None) -> UsageAnswer:
    until = _day("until", query.until) or utc_now().date()
    since = _day("since", query.since) or until - timedelta(days=min(USUAL_DAYS, (until - date.min).days))
    if not 0 <= (until - since).days <= MOST_DAYS:
        raise Refused({"since": f"The first day must be at most {MOST_DAYS} days before the last day, and not after it."})
    sums = summed(used(since, until, user_id=user_id), by=lambda each: (each.day, each.model))
    rows = [
        UsedAnswer.of(each, day=day, model=model, cost=None if each.cost is None else f"{each.cost:f}")
        for (day, model), each in sorted(sums.items(), key=lambda each: each[0])
    ]
    return UsageAnswer(since=since, until=until, usage=rows)


def _day(name: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Refused({name: "That isn't a valid date."}) from error
