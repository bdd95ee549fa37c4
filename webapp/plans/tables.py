"""The tables of plans, their inputs, the plan types that admins have added, and the monthly quota."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base import topic_names
from webapp.base.db import Base, Record, utc_now
from webapp.plans.plan_about import PlanAbout

# The status of a plan that is being written.
RUNNING = "generating"


class PlanType(Base):
    """A plan type that an admin has added, as YAML."""

    __tablename__ = "plan_types"

    slug: Mapped[str] = mapped_column(String(40), primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    changed_by: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    changed_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class PlanInputs(Record):
    """The inputs of a plan; the successor of `user_goals_and_preferences`.

    `sent_as` identifies a request with an idempotency key.
    """

    __tablename__ = "plan_inputs"

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    type: Mapped[str] = mapped_column(String(40))
    values: Mapped[dict[str, Any]] = mapped_column(JSON)
    sent_as: Mapped[str | None] = mapped_column(String(64), index=True, unique=True)


class Plan(Record):
    """A plan; the successor of `monthly_plans`.

    `content` is the valid part of it, `partial_content` the model's text while the plan is being written or is incomplete.
    `chars` counts the characters that models had written for it by the end of its last generation. `about` is a copy of its
    type at the time. It costs one unit of the quota, in the month `unit_month`; if that is empty, it has cost none.
    """

    __tablename__ = "plans"

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    inputs_id: Mapped[str] = mapped_column(ForeignKey("plan_inputs.id", ondelete="CASCADE"), index=True)
    again_of_id: Mapped[str | None] = mapped_column(ForeignKey("plans.id", ondelete="SET NULL"), index=True)
    generation_id: Mapped[str | None] = mapped_column(ForeignKey("generations.id", ondelete="SET NULL"), index=True)
    type: Mapped[str] = mapped_column(String(40))
    about: Mapped[PlanAbout] = mapped_column(JSON)
    title: Mapped[str] = mapped_column(String(200), default="")
    status: Mapped[str] = mapped_column(Text, default="completed", server_default="completed")
    partial_content: Mapped[str | None] = mapped_column(Text)
    chars: Mapped[int] = mapped_column(default=0, server_default="0")
    generation_started_at: Mapped[datetime | None]
    content: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    ticked: Mapped[list[str]] = mapped_column(JSON, default=list)
    is_kept: Mapped[bool] = mapped_column(default=False, server_default=false())
    error_code: Mapped[str] = mapped_column(String(40), default="", server_default="")
    error: Mapped[str] = mapped_column(Text, default="", server_default="")
    is_good: Mapped[bool | None]
    unit_month: Mapped[str] = mapped_column(String(7), default="", server_default="")
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)

    __table_args__ = (
        Index("ix_plans_owner_id_created_at", "owner_id", "created_at"),
        Index("ix_plans_type_status_id", "type", "status", "id"),
    )

    @property
    def lane(self) -> str:
        return topic_names.of_plan(self.id)

    @property
    def schema(self) -> dict[str, Any]:
        return self.about.get("plan", {})

    @property
    def is_running(self) -> bool:
        return self.status == RUNNING


class PlanQuota(Base):
    """The number of units a person has used in a month, including those of plans being written."""

    __tablename__ = "plan_quotas"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    used: Mapped[int] = mapped_column(default=0)
