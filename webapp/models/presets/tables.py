"""The table of presets."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Record, utc_now


class Preset(Record):
    """What a chat can choose in place of a model: the model with texts, parameters, tools and collections.

    `settings` has the values of a chat's fields by name, and `section_order` the sections before the history, if they have
    another order than the usual one.
    """

    __tablename__ = "presets"

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    # An emoji or up to two letters; empty for the first letter of the name.
    icon: Mapped[str] = mapped_column(String(20), default="", server_default="")
    about: Mapped[str] = mapped_column(String(300), default="", server_default="")
    # Empty for the chat's own.
    model: Mapped[str] = mapped_column(String(200), default="", server_default="")
    settings: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    collection_ids: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    # The keys of tools.
    tools: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    section_order: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)
