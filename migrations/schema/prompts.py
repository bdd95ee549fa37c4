"""Prompts, their versions and experiments."""

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint, false

from migrations.schema.tables import MOMENT, optional, required, table, where

table(
    "prompts",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    optional("owner_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("key", String(80)),
    required("about", String(300), server_default=""),
    required("strategy", String(20), server_default="LATEST"),
    optional("version", Integer()),
    required("changed_at", MOMENT),
    required("collection_ids", JSON(), server_default="[]"),
    required("tools", JSON(), server_default="[]"),
    Index("uq_prompts_owner_id_key", "owner_id", "key", unique=True),
    Index("uq_prompts_key", "key", unique=True, **where("owner_id IS NULL")),
)

table(
    "prompt_versions",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("prompt_id", String(26), ForeignKey("prompts.id", ondelete="CASCADE")),
    required("number", Integer()),
    required("sections", JSON()),
    required("model", String(200), server_default=""),
    optional("temperature", Float()),
    optional("max_tokens", Integer()),
    required("note", Text(), server_default=""),
    optional("created_by", String(26), ForeignKey("users.id", ondelete="SET NULL")),
    UniqueConstraint("prompt_id", "number"),
)

table(
    "experiments",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("prompt_id", String(26), ForeignKey("prompts.id", ondelete="CASCADE")),
    required("method", String(20)),
    required("outcome", String(20)),
    required("min_samples", Integer()),
    optional("created_by", String(26), ForeignKey("users.id", ondelete="SET NULL")),
    optional("ended_at", MOMENT),
    optional("ended_by", String(26), ForeignKey("users.id", ondelete="SET NULL")),
    optional("winner", Integer()),
    required("weighed_at", MOMENT),
    required("is_example", Boolean(), server_default=false()),
    Index("ix_experiments_prompt_id", "prompt_id"),
    Index("uq_experiments_running", "prompt_id", unique=True, **where("ended_at IS NULL")),
)

table(
    "experiment_arms",
    Column("experiment_id", String(26), ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer(), primary_key=True),
    required("place", Integer()),
    required("weight", Float()),
    optional("paused_at", MOMENT),
    required("paused_words", String(300), server_default=""),
    required("exposures", Integer(), server_default="0"),
    required("judged", Integer(), server_default="0"),
    required("good", Integer(), server_default="0"),
)

table(
    "exposures",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("experiment_id", String(26), ForeignKey("experiments.id", ondelete="CASCADE")),
    required("version", Integer()),
    required("lane", String(40)),
    required("unit", String(40)),
    required("generation_id", String(26)),
    optional("is_good", Boolean()),
    optional("is_broken", Boolean()),
    optional("first_text_ms", Integer()),
    optional("cost", Float()),
    optional("settled_at", MOMENT),
    UniqueConstraint("experiment_id", "generation_id"),
    Index("ix_exposures_experiment_id_lane", "experiment_id", "lane"),
    Index("ix_exposures_unsettled", "experiment_id", "id", **where("settled_at IS NULL")),
)
