"""Request bodies, responses and events of dialect 5."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from webapp.api.dialects.schemas import DialectRequest, DialectResponse, Id, Notice, Reason
from webapp.api.grammars import Grammar, register

PlanStatus = Literal["generating", "partial", "completed", "failed"]

USUAL_TYPE = "monthly"


class PlanWishes(DialectRequest):
    planType: Annotated[str | None, Field(max_length=40, description="The slug of a plan type; null: `monthly`.")] = USUAL_TYPE
    goals: Annotated[
        list[Annotated[str, StringConstraints(strip_whitespace=True)]],
        Field(description="1 to 7, as defined by the type's schema."),
    ]
    preferences: Annotated[dict[str, Any] | None, Field(description="Each has a default, also for null; null: all of them.")] = {}


class PlanWishesKept(DialectResponse):
    preferenceId: str


class PlanOrder(DialectRequest):
    preferenceId: Id


class StreamedPlanOrder(PlanOrder):
    userId: Id | None = None


class PlanMade(DialectResponse):
    success: bool
    planId: str
    status: PlanStatus
    reason: Reason
    notices: list[Notice]


class PlanProgress(DialectResponse):
    weeksCompleted: int
    weeksTotal: int
    chars: int


class PlanTrouble(DialectResponse):
    code: str
    message: str


class PlanState(DialectResponse):
    planId: str
    status: PlanStatus
    progress: PlanProgress
    partial: dict[str, Any]
    error: PlanTrouble | None
    startedAt: datetime | None


class PlanCancelled(DialectResponse):
    planId: str
    status: PlanStatus


class Progress(BaseModel):
    """Progress of a plan. Only the first event has `connected`, and it has none of the fields below it."""

    planId: str
    status: str
    connected: bool | None = None
    monthly_summary: str | None = None
    weeksCompleted: int | None = None
    weeksTotal: int | None = None
    partial: dict[str, Any] | None = None
    warning: str | None = None


class PlanUsage(BaseModel):
    inputTokens: int | None
    outputTokens: int | None
    cost: str | None


class PlanComplete(BaseModel):
    planId: str
    plan: dict[str, Any]
    usage: PlanUsage | None


class PlanError(BaseModel):
    planId: str
    code: str
    message: str
    retryable: bool
    partialSaved: bool


PLANS = register(
    "plans",
    Grammar(
        order="progress (progress)* (complete|error)",
        events={"progress": Progress, "complete": PlanComplete, "error": PlanError},
        sentence="Progress is sent at most ten times a second and always contains everything so far.",
    ),
)
