"""Workflows and their runs."""

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, String, Text

from migrations.schema.tables import MOMENT, optional, required, table, where

table(
    "workflows",
    Column("slug", String(40), primary_key=True),
    required("source", Text()),
    required("published", Integer()),
    optional("changed_by", String(26), ForeignKey("users.id", ondelete="SET NULL")),
    required("changed_at", MOMENT),
)

table(
    "workflow_versions",
    Column("slug", String(40), ForeignKey("workflows.slug", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer(), primary_key=True),
    required("source", Text()),
    required("note", String(300)),
    optional("published_by", String(26), ForeignKey("users.id", ondelete="SET NULL")),
    required("published_at", MOMENT),
)

table(
    "workflow_runs",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("owner_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("chat_id", String(26), ForeignKey("chats.id", ondelete="CASCADE"), unique=True),
    required("slug", String(40)),
    required("version", Integer()),
    required("source", Text()),
    required("status", String(10)),
    required("state", JSON()),
    required("seq", Integer()),
    optional("message_id", String(26)),
    required("refusal", JSON()),
    required("changed_at", MOMENT),
    optional("plan_id", String(26)),
    required("plan_step", String(40), server_default=""),
    optional("collection_id", String(26)),
    Index("ix_workflow_runs_owner_id_status", "owner_id", "status"),
    Index("ix_workflow_runs_slug", "slug"),
)

table(
    "workflow_run_events",
    Column("run_id", String(26), ForeignKey("workflow_runs.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer(), primary_key=True),
    required("kind", String(10)),
    required("name", String(40)),
    required("value", Text()),
    required("refusal", Text()),
    required("at", MOMENT),
    optional("sent_as", String(64)),
    optional("head_id", String(26)),
    Index("uq_workflow_run_events_begun_as", "sent_as", unique=True, **where("seq = 1 AND sent_as IS NOT NULL")),
)
