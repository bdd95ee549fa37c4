"""People, groups, sessions, rights, second factors and notices."""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Text, false, true

from migrations.schema.tables import MOMENT, optional, required, table, where

table(
    "users",
    Column("id", String(26), primary_key=True),
    required("email", String(254), unique=True),
    required("name", String(120)),
    required("role", String(10)),
    required("password_hash", Text()),
    required("created_at", MOMENT),
    optional("disabled_at", MOMENT),
    required("theme", String(10), server_default=""),
    required("default_model", String(200), server_default=""),
    required("instructions", Text(), server_default=""),
    required("cut_seen_id", String(26), server_default=""),
    required("send_key", String(10), server_default="enter"),
    required("text_size", String(10), server_default=""),
    required("density", String(10), server_default=""),
    required("clearance", Integer(), server_default="0"),
    optional("remembers_since", MOMENT),
    required("is_reading_counted", Boolean(), server_default=true()),
    required("speech", String(10), server_default=""),
    required("hidden_links", Text(), server_default=""),
    required("accent", String(10), server_default=""),
    required("contrast", String(10), server_default=""),
    required("font", String(10), server_default=""),
    required("dismissed", String(200), server_default=""),
    required("has_portraits", Boolean(), server_default=false()),
    required("has_backgrounds", Boolean(), server_default=true()),
    required("tools", JSON(), server_default="[]"),
    required("has_password", Boolean(), server_default=true()),
    required("default_preset_id", String(26), server_default=""),
    required("width", String(10), server_default=""),
    required("scrolling", String(10), server_default=""),
    required("keys", JSON(), server_default="{}"),
    required("language", String(35), server_default=""),
    required("offline", String(10), server_default=""),
    required("voice", String(10), server_default=""),
)

table(
    "user_sessions",
    Column("id", String(26), primary_key=True),
    required("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("token_hash", String(64), unique=True),
    required("agent", String(200)),
    required("created_at", MOMENT),
    required("seen_at", MOMENT),
    required("expires_at", MOMENT),
    required("provider_id", String(26), server_default=""),
    required("provider_subject", String(255), server_default=""),
    required("provider_session", String(255), server_default=""),
    required("id_token", Text(), server_default=""),
    optional("confirmed_at", MOMENT),
    Index("ix_user_sessions_user_id", "user_id"),
)

table(
    "groups",
    Column("id", String(26), primary_key=True),
    required("name", String(120), unique=True),
    required("created_at", MOMENT),
    optional("chat_days", Integer()),
)

table(
    "api_tokens",
    Column("id", String(26), primary_key=True),
    required("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("name", String(120)),
    required("token_hash", String(64), unique=True),
    required("last_four", String(4)),
    required("scopes", String(200)),
    required("created_at", MOMENT),
    optional("expires_at", MOMENT),
    optional("used_at", MOMENT),
    required("is_gateway", Boolean(), server_default=false()),
    optional("answers_per_minute", Integer()),
    optional("answers_at_once", Integer()),
    optional("answer_streams", Integer()),
    Index("ix_api_tokens_user_id", "user_id"),
)

table(
    "memberships",
    Column("group_id", String(26), ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_memberships_user_id", "user_id"),
)

table(
    "invites",
    Column("id", String(26), primary_key=True),
    required("token_hash", String(64), unique=True),
    required("role", String(10)),
    required("created_at", MOMENT),
    required("expires_at", MOMENT),
    optional("used_at", MOMENT),
    required("email", String(254), server_default=""),
    optional("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    optional("created_by", String(26), ForeignKey("users.id", ondelete="SET NULL")),
)

table(
    "grants",
    Column("id", String(26), primary_key=True),
    required("object_kind", String(20)),
    required("object_id", String(26)),
    optional("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    optional("group_id", String(26), ForeignKey("groups.id", ondelete="CASCADE")),
    required("right", String(10)),
    optional("created_by", String(26), ForeignKey("users.id", ondelete="SET NULL")),
    required("created_at", MOMENT),
    Index("ix_grants_object_kind_object_id", "object_kind", "object_id"),
    Index("ix_grants_user_id", "user_id"),
    Index("ix_grants_group_id", "group_id"),
)

table(
    "second_factors",
    Column("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    required("ciphertext", Text()),
    required("recovery", Text(), server_default=""),
    required("last_step", Integer(), server_default="0"),
    optional("confirmed_at", MOMENT),
)

table(
    "permissions",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    optional("role", String(10)),
    optional("group_id", String(26), ForeignKey("groups.id", ondelete="CASCADE")),
    required("name", String(20)),
    required("is_allowed", Boolean()),
    Index("ix_permissions_group_id", "group_id"),
)

table(
    "notice_channels",
    required("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    optional("session_id", String(26), ForeignKey("user_sessions.id", ondelete="CASCADE")),
    required("way", String(10)),
    required("identity", String(80), unique=True),
    required("name", String(60)),
    required("address", Text(), server_default=""),
    required("p256dh", String(100), server_default=""),
    required("auth", String(40), server_default=""),
    required("secret", Text(), server_default=""),
    required("muted_kinds", JSON(), server_default="[]"),
    required("has_words", Boolean(), server_default=false()),
    optional("delivered_at", MOMENT),
    required("trouble", String(300), server_default=""),
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    Index("ix_notice_channels_user_id", "user_id"),
    Index("ix_notice_channels_session_id", "session_id"),
)

table(
    "notice_preferences",
    Column("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    required("quiet_from", String(5), server_default=""),
    required("quiet_until", String(5), server_default=""),
    required("time_zone", String(60), server_default=""),
)

table(
    "notices",
    required("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("kind", String(10)),
    required("title", String(120)),
    required("subject", String(200)),
    required("words", String(300)),
    required("path", String(300)),
    required("once", String(160), unique=True),
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    Index("ix_notices_user_id_created_at", "user_id", "created_at"),
    Index("ix_notices_created_at", "created_at"),
)

table(
    "notice_deliveries",
    required("notice_id", String(26), ForeignKey("notices.id", ondelete="CASCADE")),
    required("channel_id", String(26), ForeignKey("notice_channels.id", ondelete="CASCADE")),
    required("state", String(10)),
    required("attempts", Integer()),
    required("due_at", MOMENT),
    required("is_held", Boolean(), server_default=false()),
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    Index("ix_notice_deliveries_notice_id", "notice_id"),
    Index("ix_notice_deliveries_channel_id", "channel_id"),
    Index("ix_notice_deliveries_waiting", "due_at", **where("state = 'waiting'")),
)
