"""The monthly quota of plans: a unit is reserved at the start and returned if no plan results."""

from datetime import UTC, datetime

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from webapp.base.db import utc_now
from webapp.base.errors import TooMany
from webapp.base.untrusted_json import JsonObject
from webapp.plans.tables import Plan, PlanQuota
from webapp.settings.service import setting

ADD = text("INSERT INTO plan_quotas (user_id, month, used) VALUES (:person, :month, 0) ON CONFLICT DO NOTHING")


class QuotaUsedUp(TooMany):
    """Raised when this month's quota is used up; its message includes the date of the reset."""

    code = "quota_used_up"

    def __init__(self, limit: int, resets_at: datetime, now: datetime) -> None:
        plans = "One plan" if limit == 1 else f"{limit} plans"
        words = f"{plans} per month: you've reached the limit. It resets on {resets_at.day} {resets_at:%B}."
        super().__init__(words, retry_after=max(1, int((resets_at - now).total_seconds())))
        self.resets_at = resets_at

    def details(self) -> JsonObject:
        return {"resetAt": self.resets_at.isoformat().replace("+00:00", "Z")}


def reserve(session: Session, plan: Plan) -> None:
    """Reserves a unit for a plan that has none; raises `QuotaUsedUp`. Continuing a plan costs no further unit."""
    if plan.unit_month:
        return
    now, limit = utc_now(), int(setting("limits.plans_per_month"))
    month = f"{now:%Y-%m}"
    session.execute(ADD, {"person": plan.owner_id, "month": month})
    taking = update(PlanQuota).where(PlanQuota.user_id == plan.owner_id, PlanQuota.month == month).values(used=PlanQuota.used + 1)
    if limit:
        taking = taking.where(PlanQuota.used < limit)
    if not session.execute(taking.returning(PlanQuota.used).execution_options(synchronize_session=False)).first():
        next_month = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)
        raise QuotaUsedUp(limit, next_month, now)
    plan.unit_month = month


def settle(session: Session, plan: Plan) -> None:
    """Returns the unit of a plan that ended without content, once."""
    if plan.unit_month and not any(plan.content.values()):
        conditions = (PlanQuota.user_id == plan.owner_id, PlanQuota.month == plan.unit_month, PlanQuota.used > 0)
        giving = update(PlanQuota).where(*conditions).values(used=PlanQuota.used - 1)
        session.execute(giving.execution_options(synchronize_session=False))
        plan.unit_month = ""
