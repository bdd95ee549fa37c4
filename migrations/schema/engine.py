"""Generations and their journals."""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Text

from migrations.schema.tables import MOMENT, optional, required, table, where

table(
    "generations",
    Column("id", String(26), primary_key=True),
    required("kind", String(20)),
    required("lane", String(40)),
    optional("message_id", String(26), ForeignKey("messages.id", ondelete="CASCADE")),
    optional("continues_id", String(26), ForeignKey("generations.id", ondelete="SET NULL")),
    optional("user_id", String(26), ForeignKey("users.id", ondelete="SET NULL")),
    required("status", String(12)),
    required("reason", String(30)),
    required("error", Text()),
    required("when_unwatched", String(12)),
    required("provider", String(40)),
    required("model_asked", String(200)),
    required("model_used", String(200)),
    required("is_demo", Boolean()),
    required("notices", JSON()),
    required("text_offset", Integer()),
    optional("input_tokens", Integer()),
    optional("output_tokens", Integer()),
    optional("cost", String(30)),
    required("created_at", MOMENT),
    optional("started_at", MOMENT),
    optional("first_text_at", MOMENT),
    optional("ended_at", MOMENT),
    required("heartbeat_at", MOMENT),
    required("owner", String(26)),
    optional("stop_requested_at", MOMENT),
    optional("sent_as", String(64), unique=True),
    required("attempts", JSON(), server_default="[]"),
    required("connection", String(40), server_default=""),
    required("upstream_id", String(120), server_default=""),
    required("prompt", JSON(), server_default="{}"),
    required("led_by", String(200), server_default=""),
    optional("reading_ms", Integer()),
    required("gateway_id", String(26), server_default=""),
    required("rule", String(1000), server_default=""),
    required("column_number", Integer(), server_default="0"),
    Index("ix_generations_message_id", "message_id"),
    Index("ix_generations_continues_id", "continues_id"),
    Index("ix_generations_owner", "owner"),
    Index("ix_generations_created_at", "created_at"),
    Index("ix_generations_user_id_created_at", "user_id", "created_at"),
    Index("ix_generations_active", "status", **where("status IN ('queued', 'running', 'waiting')")),
    Index(
        "uq_generations_active_lane", "lane", "column_number", unique=True, **where("status IN ('queued', 'running', 'waiting')")
    ),
)

table(
    "generation_journal",
    Column("generation_id", String(26), ForeignKey("generations.id", ondelete="CASCADE"), primary_key=True),
    Column("first_seq", Integer(), primary_key=True),
    required("entries", Text()),
    # Rows are only appended and read in this order, so on SQLite the table is clustered by its primary key.
    sqlite_with_rowid=False,
)
