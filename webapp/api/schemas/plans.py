"""What the clients of dialect 5 send and get, field by field."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from webapp.api.schemas.dialects import Given, Id, Taken

PlanStatus = Literal["generating", "partial", "completed", "failed"]


class PlanWishes(Taken):
    planType: Annotated[str, Field(max_length=40)] = "monthly"
    goals: Annotated[list[str], Field(description="1 to 7, as the type's schema says.")]
    preferences: Annotated[dict[str, Any], Field(description="Every one has a default.")] = {}


class PlanWishesKept(Given):
    preferenceId: str


class PlanOrder(Taken):
    preferenceId: Id


class StreamedPlanOrder(PlanOrder):
    userId: Id | None = None


class PlanMade(Given):
    success: bool
    planId: str
    status: PlanStatus


class PlanProgress(Given):
    weeksCompleted: int
    weeksTotal: int
    chars: int


class PlanTrouble(Given):
    code: str
    message: str


class PlanState(Given):
    planId: str
    status: PlanStatus
    progress: PlanProgress
    partial: dict[str, Any]
    error: PlanTrouble | None
    startedAt: datetime | None


class PlanCancelled(Given):
    planId: str
    status: PlanStatus
