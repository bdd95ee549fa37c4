"""Plans for programs."""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Text, false

from migrations.schema.tables import MOMENT, optional, required, table

table(
    "plan_types",
    Column("slug", String(40), primary_key=True),
    required("source", Text()),
    optional("changed_by", String(26), ForeignKey("users.id", ondelete="SET NULL")),
    required("changed_at", MOMENT),
)

table(
    "plan_inputs",
    Column("id", String(26), primary_key=True),
    required("owner_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("type", String(40)),
    required("values", JSON()),
    required("created_at", MOMENT),
    optional("sent_as", String(64)),
    Index("ix_plan_inputs_owner_id", "owner_id"),
    Index("ix_plan_inputs_sent_as", "sent_as", unique=True),
)

table(
    "plans",
    Column("id", String(26), primary_key=True),
    required("owner_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("inputs_id", String(26), ForeignKey("plan_inputs.id", ondelete="CASCADE")),
    optional("again_of_id", String(26), ForeignKey("plans.id", ondelete="SET NULL")),
    optional("generation_id", String(26), ForeignKey("generations.id", ondelete="SET NULL")),
    required("type", String(40)),
    required("about", JSON()),
    required("title", String(200)),
    required("status", Text(), server_default="completed"),
    optional("partial_content", Text()),
    optional("generation_started_at", MOMENT),
    required("content", JSON()),
    required("ticked", JSON()),
    required("is_kept", Boolean(), server_default=false()),
    required("error_code", String(40), server_default=""),
    required("error", Text(), server_default=""),
    optional("is_good", Boolean()),
    required("unit_month", String(7), server_default=""),
    required("created_at", MOMENT),
    required("changed_at", MOMENT),
    required("chars", Integer(), server_default="0"),
    Index("ix_plans_inputs_id", "inputs_id"),
    Index("ix_plans_again_of_id", "again_of_id"),
    Index("ix_plans_generation_id", "generation_id"),
    Index("ix_plans_owner_id_created_at", "owner_id", "created_at"),
    Index("ix_plans_type_status_id", "type", "status", "id"),
)

table(
    "plan_quotas",
    Column("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("month", String(7), primary_key=True),
    required("used", Integer()),
)
