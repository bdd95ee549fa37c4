"""Tables of schedules and of their runs."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Record, utc_now
from webapp.base.ids import LENGTH

# The states of a schedule, and those of a run.
ACTIVE, PAUSED, STOPPED, OVER = "active", "paused", "stopped", "over"
STARTING, RUNNING, WAITING, DONE, FAILED = "starting", "running", "waiting", "done", "failed"
OPEN = (STARTING, RUNNING, WAITING)


class Schedule(Record):
    """What runs at a time: a prompt, a workflow, or a plan type with its inputs.

    With `chat_id` a prompt is the next message of that chat, otherwise the first of a new one. The chat and the project can be
    gone: nothing refers to them, so that the schedule can say so. `tools` are those of new chats; None for the person's usual
    ones. `next_at` is None unless the state is active; `reason` says why it is not.
    """

    __tablename__ = "schedules"

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(String(120))
    prompt: Mapped[str] = mapped_column(Text, default="", server_default="")
    workflow: Mapped[str] = mapped_column(String(40), default="", server_default="")
    plan_type: Mapped[str] = mapped_column(String(40), default="", server_default="")
    plan_inputs: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    rule: Mapped[dict[str, str]] = mapped_column(JSON)
    time_zone: Mapped[str] = mapped_column(String(64))
    chat_id: Mapped[str] = mapped_column(String(LENGTH), default="", server_default="")
    project_id: Mapped[str] = mapped_column(String(LENGTH), default="", server_default="")
    model: Mapped[str] = mapped_column(String(200), default="", server_default="")
    tools: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    ends_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(String(10), default=ACTIVE, server_default=ACTIVE)
    reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    next_at: Mapped[datetime | None] = mapped_column(index=True)
    changed_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class ScheduleRun(Record):
    """A run of a schedule: the one for a time at which it was due, which the constraint guarantees, or one by hand.

    `late` says in words why it began late, and for how many times it stands; `note`, what happened then.
    """

    __tablename__ = "schedule_runs"

    schedule_id: Mapped[str] = mapped_column(ForeignKey("schedules.id", ondelete="CASCADE"))
    due_at: Mapped[datetime]
    is_by_hand: Mapped[bool] = mapped_column(default=False, server_default=false())
    status: Mapped[str] = mapped_column(String(10), default=STARTING, index=True)
    late: Mapped[str] = mapped_column(Text, default="", server_default="")
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    tried_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    # What it has begun, which can have been deleted since.
    chat_id: Mapped[str] = mapped_column(String(LENGTH), default="", server_default="")
    plan_id: Mapped[str] = mapped_column(String(LENGTH), default="", server_default="")
    message_id: Mapped[str] = mapped_column(String(LENGTH), default="", server_default="")

    __table_args__ = (UniqueConstraint("schedule_id", "due_at", name="uq_schedule_runs_schedule_id_due_at"),)

    @property
    def path(self) -> str:
        """The page of what it has begun; empty if that is nothing."""
        return f"/chats/{self.chat_id}#end" if self.chat_id else f"/plans/{self.plan_id}" if self.plan_id else ""

    @property
    def is_open(self) -> bool:
        return self.status in OPEN
