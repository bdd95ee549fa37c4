"""/api/v1/insights and /api/v1/usage: number, quality, speed and cost of answers. Members see their own, admins everyone's."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from flask import Blueprint
from pydantic import AfterValidator, Field, StringConstraints

from webapp.api.access import caller, may
from webapp.api.operations import operation
from webapp.api.problems import InvalidFields
from webapp.api.schemas import Answer, Cursor, Money, Paged, Query
from webapp.base.db import utc_now
from webapp.base.errors import Forbidden
from webapp.engine.tables import Generation
from webapp.models.connections.models import the_models
from webapp.operations.insights.calls import CallFigures, calls_of_period
from webapp.operations.insights.days import known
from webapp.operations.insights.figures import METRICS, SERIES, over_time, summed
from webapp.operations.insights.queries import AnswerFilter, answered, is_fallback, ms_since_asked, newest
from webapp.operations.usage.queries import summed as usage_by, used

bp = Blueprint("api_insights", __name__, url_prefix="/api/v1/insights")
# Close to the first and last dates of `datetime`, a conversion to another time zone would overflow.
FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
USUAL, MOST = timedelta(days=7), timedelta(days=366)
MOST_HOURS = timedelta(days=31)
# A summary has these as whole numbers, texts or objects.
OF_OTHER_TYPES = ("answers", "cost", "tokens")


def _known_metric(name: str) -> str:
    if name not in SERIES:
        raise ValueError(f"must be one of: {', '.join(SERIES)}")
    return name


def _moment(read: datetime) -> datetime:
    moment = read if read.tzinfo else read.replace(tzinfo=UTC)
    if not FIRST <= moment <= LAST:
        raise ValueError(f"must be from {FIRST:%Y-%m-%d} to {LAST:%Y-%m-%d}")
    return moment


Moment = Annotated[datetime, AfterValidator(_moment)]


class InsightsQuery(Query):
    since: Moment | None = Field(
        None, alias="from", description="The first moment, or a day; a week ago. Without a time zone it is in UTC."
    )
    until: Moment | None = Field(None, alias="to", description="The moment at which it ends, in the same way; now.")
    kind: str = Field("", max_length=20, description="`chat`, `plan`, `workflow`, …; empty for all that people asked for.")
    model: str = Field("", max_length=200)
    prompt: str = Field("", max_length=200, description="The versions of prompts, as in `led_by` of a generation.")
    user: Cursor = Field("", description="For admins: only this person's.")


class SeriesQuery(InsightsQuery):
    metric: Annotated[str, AfterValidator(_known_metric)] = Field("answers", json_schema_extra={"enum": [*SERIES]})
    step: Literal["hour", "day"] = "day"


class AnswersQuery(InsightsQuery, Paged):
    outcome: Literal["", "broken", "fallback"] = Field("", description="Only those that failed, or that another model answered.")


class Tokens(Answer):
    input: int
    output: int


class Summary(Answer):
    """Rates are between 0 and 1; times are measured from the request. Null if there is nothing to count."""

    since: datetime = Field(serialization_alias="from")
    until: datetime = Field(serialization_alias="to")
    answers: int
    success_rate: float | None
    ttft_avg_ms: float | None
    ttft_p50_ms: float | None
    ttft_p95_ms: float | None
    duration_avg_ms: float | None
    fallback_rate: float | None
    error_rate: float | None
    cost: Money = Field(description="US dollars, as decimal text.")
    tokens: Tokens
    waiting_saved_ms: int = Field(description="In all answers together, the time between their first text and their end.")
    reading_ms: int | None = Field(description="How long all answers together were looked at. Null if unknown.")
    reading_avg_ms: float | None


class CallFiguresAnswer(Answer):
    calls: int
    states: dict[str, int] = Field(description="How many calls are in each state, such as `done`, `failed` or `denied`.")
    median_ms: float | None = Field(description="How long they ran; null if none did.")


class ToolCalls(CallFiguresAnswer):
    tool: str = Field(description="Its key; `others` for all beyond the 50 that were called most.")


class CallsOfDay(CallFiguresAnswer):
    at: datetime


class CallsSummary(Answer):
    """Calls of the answers that a summary counts, as far as their messages still exist."""

    tools: list[ToolCalls]
    days: list[CallsOfDay]


class Point(Answer):
    at: datetime
    answers: int
    value: float | None


class Series(Answer):
    metric: str
    step: str
    points: list[Point]


class OneAnswer(Answer):
    id: str
    kind: str
    chat_id: str
    user_id: str | None
    model: str
    model_name: str = Field(description="The name shown for it.")
    status: str
    reason: str
    asked_at: datetime
    ttft_ms: int | None
    duration_ms: int | None
    reading_ms: int | None
    is_fallback: bool
    input_tokens: int | None
    output_tokens: int | None
    cost: str | None


class AnswersPage(Answer):
    answers: list[OneAnswer]
    next_cursor: str | None


@bp.get("/summary")
@operation("Summarize answers", scope="read", query=InsightsQuery, answer=Summary)
def summary(query: InsightsQuery) -> Summary:
    answer_filter = _wanted(query)
    figures = summed(known(answer_filter))
    named: dict[str, Any] = {name: METRICS[name](figures) for name in METRICS if name not in OF_OTHER_TYPES}
    named["cost"] = figures.cost
    tokens = Tokens(input=figures.input_tokens, output=figures.output_tokens)
    return Summary(
        since=answer_filter.since,
        until=answer_filter.until,
        answers=figures.answers,
        tokens=tokens,
        waiting_saved_ms=figures.waiting_saved_ms,
        reading_ms=figures.reading_total_ms if figures.reading_count else None,
        **named,
    )


@bp.get("/calls")
@operation("Summarize the calls of tools", scope="read", query=InsightsQuery, answer=CallsSummary)
def calls(query: InsightsQuery) -> CallsSummary:
    tools, days = calls_of_period(_wanted(query))
    return CallsSummary(
        tools=[ToolCalls(tool=tool, **_call_figures(figures)) for tool, figures in tools.items()],
        days=[CallsOfDay(at=at, **_call_figures(figures)) for at, figures in days.items()],
    )


def _call_figures(figures: CallFigures) -> dict[str, Any]:
    return {"calls": figures.calls, "states": dict(figures.states), "median_ms": figures.median_ms}


@bp.get("/series")
@operation("Show one figure over time", scope="read", query=SeriesQuery, answer=Series)
def series(query: SeriesQuery) -> Series:
    answer_filter = _wanted(query)
    if query.step == "hour" and answer_filter.until - answer_filter.since > MOST_HOURS:
        raise InvalidFields({"step": f"By the hour at most {MOST_HOURS.days} days can be shown."})
    points = over_time(
        answered(answer_filter) if query.step == "hour" else known(answer_filter),
        answer_filter.since,
        answer_filter.until,
        query.step,
    )
    points_shown = [Point(at=at, answers=point.answers, value=SERIES[query.metric](point)) for at, point in points.items()]
    return Series(metric=query.metric, step=query.step, points=points_shown)


@bp.get("/answers")
@operation("List the answers behind the figures, newest first", scope="read", query=AnswersQuery, answer=AnswersPage)
def answers(query: AnswersQuery) -> AnswersPage:
    generations = newest(_wanted(query, outcome=query.outcome), before=query.cursor, limit=query.limit)
    return AnswersPage(
        answers=[_one(generation) for generation in generations],
        next_cursor=generations[-1].id if len(generations) == query.limit else None,
    )


def _wanted(query: InsightsQuery, *, outcome: str = "") -> AnswerFilter:
    until = (query.until or utc_now()).astimezone(UTC)
    since = query.since.astimezone(UTC) if query.since else until - USUAL
    if not timedelta() <= until - since <= MOST:
        raise InvalidFields({"from": f"It must be before `to`, and by at most {MOST.days} days."})
    return AnswerFilter(since, until, _whose(query.user), query.kind, [query.model] * bool(query.model), outcome, query.prompt)


def _whose(user: str) -> str:
    """Returns the id of the user whose answers count: for members their own, for admins any or, empty, everyone's."""
    me = caller().id
    if may("admin"):
        return user
    if user not in ("", me):
        raise Forbidden("Only admins can see other people's answers.")
    return me


def _one(generation: Generation) -> OneAnswer:
    times = {
        "ttft_ms": ms_since_asked(generation, generation.first_text_at),
        "duration_ms": ms_since_asked(generation, generation.ended_at),
    }
    name = the_models().display_name(generation.model, generation.connection)
    about = {"model_name": name, "asked_at": generation.created_at, "is_fallback": is_fallback(generation)}
    return OneAnswer.of(generation, **about, **times)


usage_bp = Blueprint("api_usage", __name__, url_prefix="/api/v1/usage")
USUAL_DAYS, MOST_DAYS = 30, 366
Day = Annotated[str, StringConstraints(pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]


class UsageQuery(Query):
    since: Day | None = Field(None, description="The first day, in UTC; defaults to 30 days ago.")
    until: Day | None = Field(None, description="The last day, in UTC; defaults to today.")


class UsedAnswer(Answer):
    """Sums of the known values, null if all are unknown; `without_tokens` and `without_cost` count the unknown ones."""

    day: date
    model: str
    model_name: str = Field(description="The name shown for it.")
    is_own: bool = Field(description="Whether it was paid with a connection of one's own, which no budget counts.")
    answers: int
    input_tokens: int | None
    output_tokens: int | None
    cost: Money = Field(description="US dollars, as decimal text.")
    without_tokens: int
    without_cost: int


class UsageAnswer(Answer):
    since: date
    until: date
    usage: list[UsedAnswer]


@usage_bp.get("", endpoint="own")
@operation("Summarize your usage", scope="read", query=UsageQuery, answer=UsageAnswer)
def own_usage(query: UsageQuery) -> UsageAnswer:
    return _usage(query, caller().id)


@usage_bp.get("/everybody", endpoint="everybody")
@operation("Summarize everyone's usage", scope="admin", query=UsageQuery, answer=UsageAnswer)
def usage_of_everybody(query: UsageQuery) -> UsageAnswer:
    return _usage(query, None)


def _usage(query: UsageQuery, user_id: str | None) -> UsageAnswer:
    until = _day("until", query.until) or utc_now().date()
    since = _day("since", query.since) or until - timedelta(days=min(USUAL_DAYS, (until - date.min).days))
    if not 0 <= (until - since).days <= MOST_DAYS:
        raise InvalidFields({"since": f"The first day must be at most {MOST_DAYS} days before the last day, and not after it."})
    sums = usage_by(used(since, until, user_id=user_id), by=lambda row: (row.day, row.model, row.is_own))
    rows = [
        UsedAnswer.of(usage, day=day, model=model, model_name=the_models().display_name(model), is_own=is_own)
        for (day, model, is_own), usage in sorted(sums.items(), key=lambda entry: entry[0])
    ]
    return UsageAnswer(since=since, until=until, usage=rows)


def _day(name: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise InvalidFields({name: "That isn't a valid date."}) from error
