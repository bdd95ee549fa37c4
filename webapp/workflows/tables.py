"""The tables of workflows, their versions, their runs and each run's events."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Base, Record, utc_now
from webapp.base.ids import LENGTH
from webapp.workflows.state import RunState

# The events that began runs and came with an idempotency key.
BEGUN = text("seq = 1 AND sent_as IS NOT NULL")


class Workflow(Base):
    """A workflow written by an admin: its draft as YAML, and the number of the published version, or 0."""

    __tablename__ = "workflows"

    slug: Mapped[str] = mapped_column(String(40), primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    published: Mapped[int] = mapped_column(default=0)
    changed_by: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    changed_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class WorkflowVersion(Base):
    """A published version, which never changes, with a note on what is new."""

    __tablename__ = "workflow_versions"

    slug: Mapped[str] = mapped_column(ForeignKey("workflows.slug", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(String(300), default="")
    published_by: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    published_at: Mapped[datetime] = mapped_column(default=utc_now)


class WorkflowRun(Record):
    """A run in its chat. It has a copy of its text, so that a workflow can be changed or deleted during a run.

    `seq` counts its events. `message_id` is the answer that is being written or was cut, `plan_id` the same for a plan, and
    `plan_step` the step that waits for that plan. `collection_id` is the collection of the files given in the run. `refusal`
    holds why the last answer was invalid, and what was typed.
    """

    __tablename__ = "workflow_runs"

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    chat_id: Mapped[str] = mapped_column(ForeignKey("chats.id", ondelete="CASCADE"), unique=True)
    slug: Mapped[str] = mapped_column(String(40), index=True)
    version: Mapped[int]
    source: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(10), default="running")
    state: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    seq: Mapped[int] = mapped_column(default=0)
    message_id: Mapped[str | None] = mapped_column(String(26))
    plan_id: Mapped[str | None] = mapped_column(String(26))
    collection_id: Mapped[str | None] = mapped_column(String(26))
    plan_step: Mapped[str] = mapped_column(String(40), default="", server_default="")
    refusal: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)

    __table_args__ = (Index("ix_workflow_runs_owner_id_status", "owner_id", "status"),)

    @property
    def current_state(self) -> RunState:
        return RunState.from_stored(self.state)

    @property
    def is_due(self) -> bool:
        """Whether it is a model's turn."""
        return self.status == "running" and bool(self.state.get("due"))


class RunEvent(Base):
    """An event of a run; its state can be rebuilt by applying all of its events in order.

    `sent_as` identifies a request with an idempotency key, and `head_id` is the chat's last message before it.
    """

    __tablename__ = "workflow_run_events"

    run_id: Mapped[str] = mapped_column(ForeignKey("workflow_runs.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    name: Mapped[str] = mapped_column(String(40), default="")
    value: Mapped[str] = mapped_column(Text, default="")
    refusal: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime] = mapped_column(default=utc_now)
    sent_as: Mapped[str | None] = mapped_column(String(64))
    head_id: Mapped[str | None] = mapped_column(String(LENGTH))

    # A repeated request to begin a run finds the one that the first has begun.
    __table_args__ = (
        Index("uq_workflow_run_events_begun_as", "sent_as", unique=True, sqlite_where=BEGUN, info={"postgresql_where": BEGUN}),
    )
