"""What admins have set."""

from sqlalchemy import Column, ForeignKey, String, Text

from migrations.schema.tables import MOMENT, optional, required, table

table(
    "application_settings",
    Column("key", String(80), primary_key=True),
    required("value", Text()),
    required("changed_at", MOMENT),
    optional("changed_by", String(26), ForeignKey("users.id", ondelete="SET NULL")),
    required("ciphertext", Text(), server_default=""),
)
