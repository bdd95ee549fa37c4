"""What people put beside chats."""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Text, false

from migrations.schema.tables import MOMENT, optional, required, table

table(
    "starters",
    Column("slot", Integer(), primary_key=True, autoincrement=False),
    required("words", String(40)),
    required("hint", String(80)),
    required("icon", String(40)),
    required("opens", String(200)),
    required("text", Text()),
    required("takes_files", Boolean()),
    required("is_shown", Boolean()),
)

table(
    "links",
    required("chat_id", String(26), ForeignKey("chats.id", ondelete="CASCADE")),
    required("owner_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("token_hash", String(64), unique=True),
    required("ciphertext", Text()),
    optional("head_id", String(26), ForeignKey("messages.id", ondelete="CASCADE")),
    required("is_answer", Boolean(), server_default=false()),
    required("is_live", Boolean(), server_default=false()),
    required("shows", JSON(), server_default="[]"),
    required("title", String(200), server_default=""),
    required("extent", JSON(), server_default="{}"),
    optional("ends_at", MOMENT),
    required("visits", Integer(), server_default="0"),
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    Index("ix_links_chat_id", "chat_id"),
    Index("ix_links_head_id", "head_id"),
    Index("ix_links_owner_id_id", "owner_id", "id"),
)

table(
    "text_changes",
    Column("text_id", String(26), primary_key=True),
    required("chat_id", String(26), ForeignKey("chats.id", ondelete="CASCADE")),
    required("created_at", MOMENT),
    required("version", Integer()),
    required("start", Integer()),
    required("end", Integer()),
    required("wish", Text()),
    required("written", Text(), server_default=""),
    required("state", String(10)),
    required("note", Text(), server_default=""),
    optional("by_id", String(26), ForeignKey("users.id", ondelete="SET NULL")),
    optional("generation_id", String(26), ForeignKey("generations.id", ondelete="SET NULL")),
    Index("ix_text_changes_chat_id", "chat_id"),
    Index("ix_text_changes_by_id", "by_id"),
    Index("ix_text_changes_generation_id", "generation_id"),
)
