"""Tables of prompts, their immutable versions, the experiments that compare versions, and the answers in them."""

from datetime import datetime

from sqlalchemy import JSON, Float, ForeignKey, Index, String, Text, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Base, Record, utc_now

FIXED, LATEST = "FIXED", "LATEST"
# Strategies of experiments: fixed shares, or a bandit that uses the better versions more and more often.
A_B_TEST, BEST_PERFORMANCE = "A_B_TEST", "BEST_PERFORMANCE"
RUNNING, UNSETTLED = text("ended_at IS NULL"), text("settled_at IS NULL")


class Prompt(Record):
    """A key with versions. It belongs to a person or, without an owner, to the team.

    `version` is the one in use with the strategy FIXED; in an experiment, it is the control. Answers that use the prompt read
    from its collections and can use its tools. A built-in prompt can have these but no versions.
    """

    __tablename__ = "prompts"

    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(80))
    about: Mapped[str] = mapped_column(String(300), default="", server_default="")
    strategy: Mapped[str] = mapped_column(String(20), default=LATEST, server_default=LATEST)
    version: Mapped[int | None]
    collection_ids: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    # The keys of the tools that are on where it is used.
    tools: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)

    __table_args__ = (
        Index("uq_prompts_owner_id_key", "owner_id", "key", unique=True),
        # The index above does not cover the team's prompts: NULL owners count as distinct.
        Index(
            "uq_prompts_key",
            "key",
            unique=True,
            sqlite_where=text("owner_id IS NULL"),
            info={"postgresql_where": text("owner_id IS NULL")},
        ),
    )


class PromptVersion(Record):
    """An immutable version of a prompt; `number` counts from 1 within the prompt."""

    __tablename__ = "prompt_versions"

    prompt_id: Mapped[str] = mapped_column(ForeignKey("prompts.id", ondelete="CASCADE"))
    number: Mapped[int]
    sections: Mapped[list[dict[str, str]]] = mapped_column(JSON)
    model: Mapped[str] = mapped_column(String(200), default="", server_default="")
    temperature: Mapped[float | None] = mapped_column(Float)
    max_tokens: Mapped[int | None]
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    created_by: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))

    __table_args__ = (UniqueConstraint("prompt_id", "number"),)


class Experiment(Record):
    """A comparison of versions of a prompt; `method` is the strategy while it runs, `outcome` what counts as success.

    Only one can run per prompt. The current weights have applied since `weighed_at`. An example has sample data instead of real
    answers.
    """

    __tablename__ = "experiments"

    prompt_id: Mapped[str] = mapped_column(ForeignKey("prompts.id", ondelete="CASCADE"))
    method: Mapped[str] = mapped_column(String(20), default=A_B_TEST)
    outcome: Mapped[str] = mapped_column(String(20))
    min_samples: Mapped[int]
    created_by: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    winner: Mapped[int | None]
    weighed_at: Mapped[datetime] = mapped_column(default=utc_now)
    is_example: Mapped[bool] = mapped_column(default=False, server_default=false())

    __table_args__ = (
        Index("ix_experiments_prompt_id", "prompt_id"),
        Index("uq_experiments_running", "prompt_id", unique=True, sqlite_where=RUNNING, info={"postgresql_where": RUNNING}),
    )


class ExperimentArm(Base):
    """A version in an experiment. `place` 0 is the control; the counts are as of the last update."""

    __tablename__ = "experiment_arms"

    experiment_id: Mapped[str] = mapped_column(ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[int]
    weight: Mapped[float] = mapped_column(Float)
    paused_at: Mapped[datetime | None]
    paused_words: Mapped[str] = mapped_column(String(300), default="", server_default="")
    exposures: Mapped[int] = mapped_column(default=0, server_default="0")
    judged: Mapped[int] = mapped_column(default=0, server_default="0")
    good: Mapped[int] = mapped_column(default=0, server_default="0")


class Exposure(Record):
    """An answer generated with an arm, and its outcome; it outlives the chat.

    `lane` is the chat or other lane of the answer, and `unit` the person. `is_good` is null while the outcome is unknown, or if
    it does not count.
    """

    __tablename__ = "exposures"

    experiment_id: Mapped[str] = mapped_column(ForeignKey("experiments.id", ondelete="CASCADE"))
    version: Mapped[int]
    lane: Mapped[str] = mapped_column(String(40))
    unit: Mapped[str] = mapped_column(String(40))
    generation_id: Mapped[str] = mapped_column(String(26))
    is_good: Mapped[bool | None]
    is_broken: Mapped[bool | None]
    first_text_ms: Mapped[int | None]
    cost: Mapped[float | None] = mapped_column(Float)
    settled_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_exposures_experiment_id_lane", "experiment_id", "lane"),
        UniqueConstraint("experiment_id", "generation_id"),
        Index("ix_exposures_unsettled", "experiment_id", "id", sqlite_where=UNSETTLED, info={"postgresql_where": UNSETTLED}),
    )
