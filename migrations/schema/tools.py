"""Calls of tools, policies and tool servers."""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Text, false, true

from migrations.schema.tables import MOMENT, optional, required, table

table(
    "calls",
    Column("id", String(26), primary_key=True),
    required("message_id", String(26), ForeignKey("messages.id", ondelete="CASCADE")),
    optional("generation_id", String(26), ForeignKey("generations.id", ondelete="SET NULL")),
    required("round", Integer()),
    required("number", Integer()),
    required("upstream_id", String(200)),
    required("tool", String(200)),
    required("title", Text()),
    required("arguments", Text()),
    required("state", String(10)),
    required("policy", String(10)),
    required("why", Text(), server_default=""),
    required("decision", String(20), server_default=""),
    optional("decided_by", String(26), ForeignKey("users.id", ondelete="SET NULL")),
    required("note", Text(), server_default=""),
    required("text", Text(), server_default=""),
    required("is_cut", Boolean(), server_default=false()),
    required("error", Text(), server_default=""),
    required("sources", JSON(), server_default="[]"),
    required("outside", JSON(), server_default="[]"),
    required("file_ids", JSON(), server_default="[]"),
    required("text_at", Integer(), server_default="0"),
    required("kept", Text(), server_default=""),
    required("asked_at", MOMENT),
    optional("decided_at", MOMENT),
    optional("started_at", MOMENT),
    optional("ended_at", MOMENT),
    optional("question", JSON()),
    optional("private_to", String(26)),
    Index("uq_calls_message_id_round_number", "message_id", "round", "number", unique=True),
    Index("ix_calls_generation_id", "generation_id"),
    Index("ix_calls_decided_by", "decided_by"),
    Index("ix_calls_asked_at", "asked_at", "tool", "state", "started_at", "ended_at", "generation_id"),
)

table(
    "allowed_tools",
    Column("chat_id", String(26), ForeignKey("chats.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("tool", String(200), primary_key=True),
    required("allowed_at", MOMENT),
    required("tool_hash", String(64), server_default=""),
    Index("ix_allowed_tools_user_id", "user_id"),
)

table(
    "tool_policies",
    Column("tool", String(200), primary_key=True),
    Column("whose", String(26), primary_key=True),
    optional("group_id", String(26), ForeignKey("groups.id", ondelete="CASCADE")),
    optional("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("policy", String(10)),
    required("is_free", Boolean(), server_default=false()),
    Index("ix_tool_policies_group_id", "group_id"),
    Index("ix_tool_policies_user_id", "user_id"),
)

table(
    "program_rounds",
    Column("id", String(64), primary_key=True),
    required("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("kept", Text()),
    required("created_at", MOMENT),
    Index("ix_program_rounds_user_id", "user_id"),
    Index("ix_program_rounds_created_at", "created_at"),
)

table(
    "tool_servers",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("slug", String(40), unique=True),
    required("name", String(80)),
    required("address", String(300)),
    required("sign_in", String(10)),
    optional("owner_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("secrets", Text(), server_default=""),
    required("client", Text(), server_default=""),
    required("is_enabled", Boolean(), server_default=true()),
    required("version", String(20), server_default=""),
    required("trouble", Text(), server_default=""),
    required("left_out", JSON(), server_default="[]"),
    optional("listed_at", MOMENT),
    optional("fresh_until", MOMENT),
    required("tools_at", MOMENT),
    Index("ix_tool_servers_owner_id", "owner_id"),
)

table(
    "server_tools",
    Column("server_id", String(26), ForeignKey("tool_servers.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(200), primary_key=True),
    required("position", Integer(), server_default="0"),
    optional("accepted", JSON()),
    required("accepted_hash", String(64), server_default=""),
    optional("accepted_at", MOMENT),
    optional("listed", JSON()),
    required("listed_hash", String(64), server_default=""),
)

table(
    "tool_sign_ins",
    Column("server_id", String(26), ForeignKey("tool_servers.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    required("tokens", Text(), server_default=""),
    optional("expires_at", MOMENT),
    optional("signed_in_at", MOMENT),
    required("ended", Text(), server_default=""),
    required("challenge", Text(), server_default=""),
    required("attempt", Text(), server_default=""),
    required("attempt_state", String(64), server_default=""),
    optional("attempt_until", MOMENT),
    Index("ix_tool_sign_ins_user_id", "user_id"),
    Index("ix_tool_sign_ins_attempt_state", "attempt_state"),
)

table(
    "deleted_tool_servers",
    Column("slug", String(40), primary_key=True),
    required("origin", String(64)),
    required("deleted_at", MOMENT),
)

table(
    "fuses",
    Column("message_id", String(26), ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    required("limit", String(10)),
    required("decision", String(10), server_default=""),
    required("times", Integer(), server_default="0"),
    required("usd", String(30), server_default="0"),
    optional("decided_by", String(26), ForeignKey("users.id", ondelete="SET NULL")),
    required("blown_at", MOMENT),
    Index("ix_fuses_decided_by", "decided_by"),
)

table(
    "token_tools",
    Column("token_id", String(26), ForeignKey("api_tokens.id", ondelete="CASCADE"), primary_key=True),
    Column("tool", String(200), primary_key=True),
)
