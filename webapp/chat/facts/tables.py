"""The tables of facts: sentences that are remembered, and which answers were given which."""

from datetime import datetime
from typing import Literal

from sqlalchemy import ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Base, Record
from webapp.base.ids import LENGTH

ScopeKind = Literal["me", "project", "character"]
State = Literal["proposed", "kept", "replaced", "refused"]
SourceKind = Literal["message", "call", "import"]


class Fact(Record):
    """One sentence that is remembered for a person, for them with a character, or for the members of a project.

    Its source is a part of a message's text or of what a call returned; the exact words are read there, so that no copy of them
    outlives it. `is_outside` says that the sentence comes from text which no person here has written.
    """

    __tablename__ = "facts"

    # Who wrote it; outside of a project, it is theirs alone.
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    project_id: Mapped[str | None] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), index=True)
    character_id: Mapped[str | None] = mapped_column(ForeignKey("characters.id", ondelete="CASCADE"), index=True)
    text: Mapped[str] = mapped_column(String(500))
    state: Mapped[State] = mapped_column(String(10), default="kept")
    source_kind: Mapped[str] = mapped_column(String(10), default="", server_default="")
    message_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id", ondelete="SET NULL"), index=True)
    call_id: Mapped[str | None] = mapped_column(ForeignKey("calls.id", ondelete="SET NULL"), index=True)
    quote_start: Mapped[int] = mapped_column(default=0, server_default="0")
    quote_end: Mapped[int] = mapped_column(default=0, server_default="0")
    is_outside: Mapped[bool] = mapped_column(default=False, server_default=false())
    kept_at: Mapped[datetime | None]
    contradicts_id: Mapped[str | None] = mapped_column(ForeignKey("facts.id", ondelete="SET NULL"), index=True)
    replaced_by_id: Mapped[str | None] = mapped_column(ForeignKey("facts.id", ondelete="SET NULL"), index=True)

    @property
    def scope_kind(self) -> ScopeKind:
        return "project" if self.project_id else "character" if self.character_id else "me"

    @property
    def scope_id(self) -> str:
        return self.project_id or self.character_id or ""


class FactUse(Base):
    """A fact that stood in the prompt of a generation."""

    __tablename__ = "fact_uses"

    generation_id: Mapped[str] = mapped_column(String(LENGTH), ForeignKey("generations.id", ondelete="CASCADE"), primary_key=True)
    fact_id: Mapped[str] = mapped_column(String(LENGTH), ForeignKey("facts.id", ondelete="CASCADE"), primary_key=True, index=True)
