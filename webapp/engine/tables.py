"""The table of generations, which is the only record of model usage, and the table of the journal."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, ForeignKey, Index, String, Text, func, text
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base import topic_names
from webapp.base.db import Base, Record, utc_now
from webapp.streaming.events import AttemptRecord, NoticeRecord

# Those that a worker runs; one that is parked, as a person must decide first, keeps its lane and nothing else.
RUNNING, WAITING = ("queued", "running"), "waiting"
ACTIVE = (*RUNNING, WAITING)
WHILE_ACTIVE = text("status IN ('queued', 'running', 'waiting')")
# The kind of imported generations: they ran on another server and are not usage on this one.
NOT_HERE = "imported"
# The kind of example data: no model wrote it, and no budget counts it.
EXAMPLE = "example"


class Generation(Record):
    """One run of a model. Of each column of a `lane` at most one can be active; `owner` is the worker that runs it.

    `column_number` is that of its answer among those that stand side by side, from 1 on; 0 for any other.
    `text_offset` is the length of the message's text that this generation continues; `led_by` names the prompt versions that
    were used; `gateway_id` is the token of the gateway towards whose limits it counts, or empty.
    """

    __tablename__ = "generations"

    kind: Mapped[str] = mapped_column(String(20))
    lane: Mapped[str] = mapped_column(String(40))
    column_number: Mapped[int] = mapped_column(default=0, server_default="0")
    message_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), index=True)
    continues_id: Mapped[str | None] = mapped_column(ForeignKey("generations.id", ondelete="SET NULL"), index=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    gateway_id: Mapped[str] = mapped_column(String(26), default="", server_default="")
    status: Mapped[str] = mapped_column(String(12), default="queued")
    reason: Mapped[str] = mapped_column(String(30), default="")
    error: Mapped[str] = mapped_column(Text, default="")
    when_unwatched: Mapped[str] = mapped_column(String(12), default="detach")
    provider: Mapped[str] = mapped_column(String(40), default="")
    model_asked: Mapped[str] = mapped_column(String(200))
    model_used: Mapped[str] = mapped_column(String(200), default="")
    is_demo: Mapped[bool] = mapped_column(default=False)
    notices: Mapped[list[NoticeRecord]] = mapped_column(JSON, default=list)
    attempts: Mapped[list[AttemptRecord]] = mapped_column(JSON, default=list, server_default="[]")
    connection: Mapped[str] = mapped_column(String(40), default="", server_default="")
    prompt: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    led_by: Mapped[str] = mapped_column(String(200), default="", server_default="")
    # Which rule chose the model, or was skipped, in words; see `webapp/models/rules`.
    rule: Mapped[str] = mapped_column(String(1_000), default="", server_default="")
    upstream_id: Mapped[str] = mapped_column(String(120), default="", server_default="")
    text_offset: Mapped[int] = mapped_column(default=0)
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    cost: Mapped[str | None] = mapped_column(String(30))
    # About how long the person looked at the answer; None if unknown.
    reading_ms: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    started_at: Mapped[datetime | None]
    first_text_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime] = mapped_column(default=utc_now)
    owner: Mapped[str] = mapped_column(String(26), index=True)
    stop_requested_at: Mapped[datetime | None]
    sent_as: Mapped[str | None] = mapped_column(String(64), unique=True)

    __table_args__ = (
        Index(
            "uq_generations_active_lane",
            "lane",
            "column_number",
            unique=True,
            sqlite_where=WHILE_ACTIVE,
            info={"postgresql_where": WHILE_ACTIVE},
        ),
        Index("ix_generations_user_id_created_at", "user_id", "created_at"),
        Index("ix_generations_active", "status", sqlite_where=WHILE_ACTIVE, info={"postgresql_where": WHILE_ACTIVE}),
    )

    @hybrid_property
    def model(self) -> str:
        """The model that answered or, until that is known, the requested one."""
        return self.model_used or self.model_asked

    @model.inplace.expression
    @classmethod
    def _model(cls) -> ColumnElement[str]:
        return func.coalesce(func.nullif(cls.model_used, ""), cls.model_asked)

    @property
    def is_active(self) -> bool:
        return self.status in ACTIVE

    @property
    def is_parked(self) -> bool:
        return self.status == WAITING

    @property
    def chat_id(self) -> str:
        """The id of its chat; empty for a generation of a plan."""
        return topic_names.chat_in(self.lane)


class JournalRow(Base):
    """Entries of a running generation since the row before; deleted when it ends."""

    __tablename__ = "generation_journal"

    generation_id: Mapped[str] = mapped_column(ForeignKey("generations.id", ondelete="CASCADE"), primary_key=True)
    first_seq: Mapped[int] = mapped_column(primary_key=True)
    entries: Mapped[str] = mapped_column(Text)

    __table_args__ = {"sqlite_with_rowid": False}


def among_active(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Wraps a column in a condition on active generations, as SQLite would use its index and read all that have ended."""
    return func.coalesce(column, "")
