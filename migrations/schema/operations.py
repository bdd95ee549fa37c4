"""Budgets, insights, alerts, schedules and sign-on."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    false,
    true,
)

from migrations.schema.tables import MOMENT, optional, required, table, where

table(
    "budgets",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("who", String(10)),
    required("who_id", String(26), server_default=""),
    required("unit", String(10)),
    required("most", BigInteger()),
    required("period", String(10)),
    required("warn_at", Float(), server_default="0.8"),
    required("model", String(200), server_default=""),
    Index("ix_budgets_who_id", "who_id"),
)

table(
    "budget_periods",
    Column("budget_id", String(26), ForeignKey("budgets.id", ondelete="CASCADE"), primary_key=True),
    Column("starts_at", MOMENT, primary_key=True),
    required("used", BigInteger(), server_default="0"),
    required("reserved", BigInteger(), server_default="0"),
)

table(
    "budget_charges",
    Column("generation_id", String(26), primary_key=True),
    Column("budget_id", String(26), ForeignKey("budgets.id", ondelete="CASCADE"), primary_key=True),
    required("starts_at", MOMENT),
    required("reserved", BigInteger()),
    required("used", BigInteger(), server_default="0"),
    required("input_tokens", Integer(), server_default="0"),
    required("output_tokens", Integer(), server_default="0"),
    required("is_open", Boolean()),
    Index("ix_budget_charges_open", "generation_id", **where("is_open")),
    Index("ix_budget_charges_budget_id_starts_at", "budget_id", "starts_at"),
)

table(
    "insight_marks",
    Column("day", Date(), primary_key=True),
    required("made_at", MOMENT),
)

table(
    "alert_rules",
    Column("name", String(20), primary_key=True),
    required("bound", Float()),
    required("warn_at", Float()),
    required("window_minutes", Integer()),
    required("min_samples", Integer()),
    required("is_enabled", Boolean()),
    required("state", String(10)),
    required("is_open", Boolean()),
    optional("value", Float()),
    required("samples", Integer()),
    optional("checked_at", MOMENT),
    optional("changed_at", MOMENT),
    optional("muted_until", MOMENT),
)

table(
    "alert_events",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("rule", String(20), ForeignKey("alert_rules.name", ondelete="CASCADE")),
    required("state", String(10)),
    optional("value", Float()),
    required("words", String(300)),
    required("delivery", Text()),
    required("email", Text(), server_default=""),
)

table(
    "tryouts",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("owner_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("prompt_id", String(80)),
    required("key", String(80)),
    required("model", String(200)),
    required("versions", JSON()),
    Index("ix_tryouts_owner_id", "owner_id"),
)

table(
    "tryout_answers",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("tryout_id", String(26), ForeignKey("tryouts.id", ondelete="CASCADE")),
    required("place", Integer()),
    required("version", Integer()),
    required("question", Text()),
    required("text", Text()),
    required("error", String(300)),
    required("is_done", Boolean()),
    required("generation_id", String(26)),
    Index("ix_tryout_answers_tryout_id", "tryout_id"),
    Index("ix_tryout_answers_generation_id", "generation_id"),
)

table(
    "insight_days",
    Column("day", Date(), primary_key=True),
    Column("user_id", String(26), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("model", String(200), primary_key=True),
    required("answers", Integer()),
    required("broken", Integer()),
    required("fallbacks", Integer()),
    required("first_text_count", Integer()),
    required("first_text_total_ms", BigInteger()),
    required("duration_count", Integer()),
    required("duration_total_ms", BigInteger()),
    required("waiting_saved_ms", BigInteger()),
    required("input_tokens", BigInteger()),
    required("output_tokens", BigInteger()),
    optional("cost", String(60)),
    required("first_texts", Text()),
    required("reading_count", Integer(), server_default="0"),
    required("reading_total_ms", BigInteger(), server_default="0"),
    Column("prompt", String(200), primary_key=True, server_default=""),
    Index("ix_insight_days_user_id_day", "user_id", "day"),
)

table(
    "identity_providers",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("name", String(60), unique=True),
    required("icon", String(20), server_default="key-round"),
    required("issuer", String(300)),
    required("client_id", String(300)),
    required("secret", Text(), server_default=""),
    required("scopes", String(300), server_default=""),
    required("is_enabled", Boolean(), server_default=true()),
    required("creates_accounts", Boolean(), server_default=false()),
    required("trusts_email", Boolean(), server_default=false()),
    required("signs_out", Boolean(), server_default=true()),
    required("domains", JSON(), server_default="[]"),
    required("required_claim", String(200), server_default=""),
    required("required_values", JSON(), server_default="[]"),
    required("default_role", String(10), server_default="member"),
    required("claim_rows", JSON(), server_default="[]"),
    required("contact", String(200), server_default=""),
)

table(
    "identities",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("issuer", String(300)),
    required("subject", String(255)),
    required("label", String(254), server_default=""),
    optional("used_at", MOMENT),
    UniqueConstraint("issuer", "subject"),
    Index("ix_identities_user_id", "user_id"),
)

table(
    "schedules",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("owner_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("title", String(120)),
    required("prompt", Text(), server_default=""),
    required("workflow", String(40), server_default=""),
    required("plan_type", String(40), server_default=""),
    required("plan_inputs", JSON(), server_default="{}"),
    required("rule", JSON()),
    required("time_zone", String(64)),
    required("chat_id", String(26), server_default=""),
    required("project_id", String(26), server_default=""),
    required("model", String(200), server_default=""),
    optional("tools", JSON()),
    optional("ends_at", MOMENT),
    required("state", String(10), server_default="active"),
    required("reason", Text(), server_default=""),
    required("failures", Integer(), server_default="0"),
    optional("next_at", MOMENT),
    required("changed_at", MOMENT),
    Index("ix_schedules_owner_id", "owner_id"),
    Index("ix_schedules_next_at", "next_at"),
)

table(
    "schedule_runs",
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    required("schedule_id", String(26), ForeignKey("schedules.id", ondelete="CASCADE")),
    required("due_at", MOMENT),
    required("is_by_hand", Boolean(), server_default=false()),
    required("status", String(10)),
    required("late", Text(), server_default=""),
    required("note", Text(), server_default=""),
    required("tries", Integer(), server_default="0"),
    optional("tried_at", MOMENT),
    optional("ended_at", MOMENT),
    required("chat_id", String(26), server_default=""),
    required("plan_id", String(26), server_default=""),
    required("message_id", String(26), server_default=""),
    UniqueConstraint("schedule_id", "due_at"),
    Index("ix_schedule_runs_status", "status"),
)
