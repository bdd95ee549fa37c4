"""Request bodies, responses and events of dialect 5."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from webapp.api.schemas import Grammar, Query, register, shape
from webapp.base.untrusted_json import JsonObject
from webapp.guests.dialects.schemas import DialectNotice, DialectRequest, DialectResponse, Id, Reason

PlanStatus = Literal["generating", "partial", "completed", "failed"]

USUAL_TYPE = "monthly"
# One request can start this many plans: they are written at the same time, each with its own model request.
MOST_PLANS = 8


Warnings = Annotated[list[str], Field(description="What was sent but isn't used, or not as a field.")]


def _all_different(ids: list[str]) -> list[str]:
    if len({*ids}) < len(ids):
        raise ValueError("Each can appear only once.")
    return ids


class PlanWishes(DialectRequest):
    planType: Annotated[str | None, Field(max_length=40, description="The slug of a plan type; null: `monthly`.")] = USUAL_TYPE
    goals: Annotated[
        list[Annotated[str, StringConstraints(strip_whitespace=True)]],
        Field(description="1 to 7, as defined by the type's schema."),
    ]
    preferences: Annotated[JsonObject | None, Field(description="Each has a default, also for null; null: all of them.")] = {}


class PlanWishesQuery(Query):
    generate: bool = Field(False, description="Starts the plan as well; its events are at `streamUrl`.")


class PlanWishesKept(DialectResponse):
    preferenceId: str
    planId: str | None = Field(description="With `generate`; otherwise null.")
    streamUrl: str | None = Field(description="With `generate`: the plan's events; otherwise null.")
    warnings: Warnings


class PlanCaller(DialectRequest):
    userId: Annotated[Any, Field(description="Not used: a plan is its caller's.")] = None


class PlanOrder(PlanCaller):
    preferenceId: Id


class PlanOrders(PlanCaller):
    preferenceIds: Annotated[
        list[Id],
        Field(min_length=1, max_length=MOST_PLANS, json_schema_extra={"uniqueItems": True}),
        AfterValidator(_all_different),
    ]


class PlanMade(DialectResponse):
    success: bool
    planId: str
    status: PlanStatus
    reason: Reason
    notices: list[DialectNotice]
    warnings: Warnings


class PlanBegun(DialectResponse):
    planId: str
    status: PlanStatus
    streamUrl: str = Field(description="The plan's events.")


class PlanProgress(DialectResponse):
    weeksCompleted: int
    weeksTotal: int
    chars: int = Field(description="Characters that models have written for this plan.")
    tokens: int = Field(description="Estimated from `chars`.")
    seconds: int = Field(description="How long the last run took, or the current one has taken.")
    percent: int | None = Field(description="Of the parts that the plan type requires; null if it requires none.")
    secondsLeft: int | None = Field(description="Estimated from finished plans of this type; null if unknown or not generating.")


class PlanEventsQuery(Query):
    ticket: str = Field("", description="From a `streamUrl`, instead of a header.", max_length=200)


class PlanTrouble(DialectResponse):
    code: str
    message: str


class PlanState(DialectResponse):
    planId: str
    status: PlanStatus
    progress: PlanProgress
    partial: JsonObject
    error: PlanTrouble | None
    startedAt: datetime | None


class PlanCancelled(DialectResponse):
    planId: str
    status: PlanStatus


class Progress(DialectResponse):
    """Progress of a plan. Only the first event has `connected`, and none of the fields below `warnings`."""

    planId: str
    status: str
    connected: bool | None = None
    warnings: list[str] | None = None
    monthly_summary: str | None = None
    weeksCompleted: int | None = None
    weeksTotal: int | None = None
    partial: JsonObject | None = None
    chars: int | None = None
    tokens: int | None = None
    seconds: int | None = None
    percent: int | None = None
    secondsLeft: int | None = None
    warning: str | None = None


PlanUsage = shape("PlanUsage", inputTokens=int | None, outputTokens=int | None, cost=str | None)
PlanComplete = shape("PlanComplete", planId=str, plan=JsonObject, usage=PlanUsage | None)
PlanError = shape("PlanError", planId=str, code=str, message=str, retryable=bool, partialSaved=bool)

PROGRESS = "Progress is sent at most ten times a second and always contains everything so far."
EVENT_TYPES: dict[str, type[BaseModel]] = {"progress": Progress, "complete": PlanComplete, "error": PlanError}

PLANS = register(
    "plans",
    Grammar(
        order="progress (progress)* (complete|error)",
        events=EVENT_TYPES,
        sentence=PROGRESS,
    ),
)
SEVERAL_PLANS = register(
    "several plans",
    Grammar(
        order="progress (progress|complete|error)*",
        events=EVENT_TYPES,
        sentence=f"{PROGRESS} The events of several plans are told apart by `planId`; each plan has one `complete` or `error`.",
    ),
)
