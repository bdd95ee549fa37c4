"""Prompts and their versions, which never change."""

from datetime import datetime

from sqlalchemy import JSON, Float, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Record, utc_now

FIXED, LATEST = "FIXED", "LATEST"


class Prompt(Record):
    """A key with versions. It belongs to a person or, without an owner, to the team.

    `version` is the one in use with the strategy FIXED.
    """

    __tablename__ = "prompts"

    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    key: Mapped[str] = mapped_column(String(80))
    about: Mapped[str] = mapped_column(String(300), default="", server_default="")
    strategy: Mapped[str] = mapped_column(String(20), default=LATEST, server_default=LATEST)
    version: Mapped[int | None]
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)

    __table_args__ = (
        Index("uq_prompts_owner_id_key", "owner_id", "key", unique=True),
        # Of nobody's there could be any number by the same key.
        Index(
            "uq_prompts_key",
            "key",
            unique=True,
            sqlite_where=text("owner_id IS NULL"),
            postgresql_where=text("owner_id IS NULL"),
        ),
    )


class PromptVersion(Record):
    """What a key said from some moment on; `number` counts from 1 within the key."""

    __tablename__ = "prompt_versions"

    prompt_id: Mapped[str] = mapped_column(ForeignKey("prompts.id", ondelete="CASCADE"))
    number: Mapped[int]
    sections: Mapped[list[dict[str, str]]] = mapped_column(JSON)
    model: Mapped[str] = mapped_column(String(200), default="", server_default="")
    temperature: Mapped[float | None] = mapped_column(Float)
    max_tokens: Mapped[int | None]
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    created_by: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))

    __table_args__ = (UniqueConstraint("prompt_id", "number"),)
