"""Characters, personas and lorebooks."""

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Text, false

from migrations.schema.tables import MOMENT, optional, required, table, where

table(
    "avatars",
    Column("id", String(26), primary_key=True),
    required("media_type", String(20)),
    required("content", LargeBinary()),
    required("created_at", MOMENT),
)

table(
    "characters",
    Column("id", String(26), primary_key=True),
    optional("owner_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("name", String(120)),
    required("description", Text()),
    required("system_prompt", Text()),
    required("post_history_prompt", Text()),
    required("greeting", Text()),
    required("tags", JSON()),
    required("card", JSON()),
    optional("avatar_id", String(26), ForeignKey("avatars.id", ondelete="SET NULL")),
    required("origin", String(120)),
    required("created_at", MOMENT),
    required("changed_at", MOMENT),
    optional("deleted_at", MOMENT),
    required("collection_ids", JSON(), server_default="[]"),
    Index("ix_characters_owner_id", "owner_id"),
    Index("ix_characters_origin", "origin"),
)

table(
    "personas",
    Column("id", String(26), primary_key=True),
    optional("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("name", String(120)),
    required("description", Text()),
    required("is_default", Boolean(), server_default=false()),
    optional("avatar_id", String(26), ForeignKey("avatars.id", ondelete="SET NULL")),
    required("origin", String(120)),
    required("created_at", MOMENT),
    optional("deleted_at", MOMENT),
    required("lorebook_ids", JSON(), server_default="[]"),
    Index("ix_personas_user_id", "user_id"),
    Index("ix_personas_origin", "origin"),
    Index("uq_personas_default", "user_id", unique=True, **where("is_default")),
)

table(
    "lorebooks",
    required("owner_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("name", String(120)),
    required("is_always", Boolean(), server_default=false()),
    required("entry_count", Integer(), server_default="0"),
    required("book", JSON()),
    required("changed_at", MOMENT),
    optional("deleted_at", MOMENT),
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    Index("ix_lorebooks_owner_id", "owner_id"),
    Index("ix_lorebooks_deleted_at", "deleted_at"),
)

table(
    "favorite_characters",
    required("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE")),
    required("character_id", String(26), ForeignKey("characters.id", ondelete="CASCADE")),
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    Index("uq_favorite_characters", "user_id", "character_id", unique=True),
    Index("ix_favorite_characters_character_id", "character_id"),
)

table(
    "character_pictures",
    required("character_id", String(26), ForeignKey("characters.id", ondelete="CASCADE")),
    required("purpose", String(10)),
    required("name", String(40), server_default=""),
    required("media_type", String(20)),
    required("content", LargeBinary()),
    Column("id", String(26), primary_key=True),
    required("created_at", MOMENT),
    Index("ix_character_pictures_character_id", "character_id"),
)

table(
    "character_personas",
    Column("user_id", String(26), ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("character_id", String(26), ForeignKey("characters.id", ondelete="CASCADE"), primary_key=True),
    required("persona_id", String(26), ForeignKey("personas.id", ondelete="CASCADE")),
    Index("ix_character_personas_character_id", "character_id"),
    Index("ix_character_personas_persona_id", "persona_id"),
)
