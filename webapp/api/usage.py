"""/api/v1/usage: how many answers, tokens and dollars, day by day and model by model."""

from datetime import date, timedelta

from flask import Blueprint

from webapp.api.access import caller
from webapp.api.operations import operation
from webapp.api.problems import Refused
from webapp.api.schemas.people import UsageAnswer, UsageQuery, UsedAnswer
from webapp.extensions import utc_now
from webapp.generations.usage import summed, used

bp = Blueprint("api_usage", __name__, url_prefix="/api/v1/usage")
USUAL_DAYS, MOST_DAYS = 30, 366


@bp.get("")
@operation("Sum up what you have used", scope="read", query=UsageQuery, answer=UsageAnswer)
def own(query: UsageQuery) -> UsageAnswer:
    return _answer(query, caller().id)


@bp.get("/everybody")
@operation("Sum up what everybody has used", scope="admin", query=UsageQuery, answer=UsageAnswer)
def everybody(query: UsageQuery) -> UsageAnswer:
    return _answer(query, None)


def _answer(query: UsageQuery, user_id: str | None) -> UsageAnswer:
    until = _day("until", query.until) or utc_now().date()
    since = _day("since", query.since) or until - timedelta(days=min(USUAL_DAYS, (until - date.min).days))
    if not 0 <= (until - since).days <= MOST_DAYS:
        raise Refused({"since": f"At most {MOST_DAYS} days before the last one, and not after it."})
    sums = summed(used(since, until, user_id=user_id), by=lambda each: (each.day, each.model))
    told = [
        UsedAnswer.of(each, day=day, model=model, cost=None if each.cost is None else f"{each.cost:f}")
        for (day, model), each in sorted(sums.items(), key=lambda each: each[0])
    ]
    return UsageAnswer(since=since, until=until, usage=told)


def _day(name: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Refused({name: "There is no such day."}) from error
