"""The grammar of the event stream of dialect 5."""

from typing import Any

from pydantic import BaseModel

from webapp.api.grammars import Grammar, register


class Progress(BaseModel):
    """Only the first is `connected`, and has none of the rest."""

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
        sentence="Progress comes at most ten times a second and always holds everything that is there.",
    ),
)
