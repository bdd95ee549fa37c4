"""Connections, models and presets."""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Text, false

from migrations.schema.tables import MOMENT, optional, required, table

table(
    "connections",
    Column("id", String(26), primary_key=True),
    required("slug", String(40), unique=True),
    required("name", String(80)),
    required("kind", String(20)),
    required("base_url", String(300)),
    required("key_ciphertext", Text()),
    required("key_last_four", String(4)),
    required("default_model", String(200)),
    required("continuation", String(10)),
    required("is_enabled", Boolean()),
    required("models", JSON()),
    optional("models_at", MOMENT),
    optional("checked_at", MOMENT),
    required("check_result", String(300)),
    optional("is_working", Boolean()),
    required("created_at", MOMENT),
    optional("refused_at", MOMENT),
    required("reasoning_tags", String(10), server_default="auto"),
    required("left_out", Integer(), server_default="0"),
    required("refused_for", String(10), server_default=""),
    required("is_offered", Boolean(), server_default=false()),
)

table(
    "model_marks",
    Column("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("model", String(200), primary_key=True),
    required("is_favorite", Boolean(), server_default=false()),
    optional("used_at", MOMENT),
)

table(
    "deleted_connections",
    Column("slug", String(40), primary_key=True),
    required("kind", String(20)),
    required("base_url", String(300)),
    required("deleted_at", MOMENT),
)

table(
    "named_models",
    Column("model", String(200), primary_key=True),
    required("name", String(80)),
    required("changed_at", MOMENT),
)

table(
    "own_connections",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("owner_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    optional("offered_id", String(26), ForeignKey("connections.id", ondelete="CASCADE")),
    required("slug", String(40), unique=True),
    required("name", String(80)),
    required("kind", String(20)),
    required("base_url", String(300)),
    required("key_ciphertext", Text()),
    required("key_last_four", String(4)),
    required("default_model", String(200)),
    required("continuation", String(10)),
    required("reasoning_tags", String(10), server_default="auto"),
    required("is_enabled", Boolean()),
    required("models", JSON()),
    optional("models_at", MOMENT),
    required("left_out", Integer(), server_default="0"),
    optional("checked_at", MOMENT),
    required("check_result", String(300)),
    optional("is_working", Boolean()),
    optional("refused_at", MOMENT),
    required("refused_for", String(10), server_default=""),
    Index("ix_own_connections_owner_id", "owner_id"),
    Index("ix_own_connections_offered_id", "offered_id"),
)

table(
    "presets",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("owner_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("name", String(120)),
    required("icon", String(20), server_default=""),
    required("about", String(300), server_default=""),
    required("model", String(200), server_default=""),
    required("settings", JSON(), server_default="{}"),
    required("collection_ids", JSON(), server_default="[]"),
    required("tools", JSON(), server_default="[]"),
    required("section_order", JSON(), server_default="[]"),
    required("changed_at", MOMENT),
    optional("deleted_at", MOMENT),
    Index("ix_presets_owner_id", "owner_id"),
    Index("ix_presets_deleted_at", "deleted_at"),
)

table(
    "model_contexts",
    Column("model", String(200), primary_key=True),
    required("connection", String(40)),
    optional("own_id", String(26), ForeignKey("own_connections.id", ondelete="CASCADE")),
    optional("given", Integer()),
    optional("learned", Integer()),
    optional("listed", Integer()),
    required("changed_at", MOMENT),
    Index("ix_model_contexts_own_id", "own_id"),
)
