"""The audit log, and until when things are kept."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String

from migrations.schema.tables import MOMENT, optional, required, table

table(
    "audit_entries",
    Column("id", String(26), primary_key=True),
    required("at", MOMENT),
    optional("actor_id", String(26), ForeignKey("users.id", ondelete="SET NULL")),
    required("actor", String(254)),
    required("address", String(60)),
    required("action", String(60)),
    required("object_kind", String(30)),
    required("object_id", String(80)),
    required("detail", String(300)),
    required("is_refused", Boolean()),
    Index("ix_audit_entries_at", "at"),
    Index("ix_audit_entries_action_id", "action", "id"),
    Index("ix_audit_entries_actor_id", "actor", "id"),
    Index("ix_audit_entries_object_kind_object_id_id", "object_kind", "object_id", "id"),
    Index("ix_audit_entries_actor_id_action_id", "actor_id", "action", "id"),
)

table(
    "keeping_clock",
    Column("id", Integer(), primary_key=True, autoincrement=False),
    required("seen_at", MOMENT),
    optional("stands_at", MOMENT),
    optional("until", MOMENT),
)

table(
    "keeping_marks",
    Column("name", String(40), primary_key=True),
    required("until", MOMENT),
)
