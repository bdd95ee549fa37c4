"""The tables of tools: the calls that models have made, what a person allowed in a chat, and the policies of tools."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Base, utc_now
from webapp.base.ids import LENGTH, new_id
from webapp.streaming.events import CallState, SourceRecord
from webapp.tools.folded import Fold
from webapp.tools.tool import Policy


class Call(Base):
    """A model's request to a tool, in a round of an answer; it belongs to the message, whichever generation made it.

    A state is committed before what it names begins. `arguments` are as the model wrote them, `text_at` is how much of the
    message's text came before, `kept` what the provider wants back with the round, on its first call. `outside` names where
    outside text in the result came from. `question` is what its server asks a person, with the answer (`questions.Question`).
    `private_to` is the person whose own tool server it went to: what it returned is for them, also when they are gone.
    `fold` says how it stands in requests whose context is full.
    """

    __tablename__ = "calls"

    id: Mapped[str] = mapped_column(String(LENGTH), primary_key=True, default=new_id)
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"))
    generation_id: Mapped[str | None] = mapped_column(ForeignKey("generations.id", ondelete="SET NULL"), index=True)
    round: Mapped[int]
    number: Mapped[int]
    upstream_id: Mapped[str] = mapped_column(String(200))
    tool: Mapped[str] = mapped_column(String(200))
    title: Mapped[str] = mapped_column(Text)
    arguments: Mapped[str] = mapped_column(Text)
    state: Mapped[CallState] = mapped_column(String(10))
    policy: Mapped[str] = mapped_column(String(10))
    why: Mapped[str] = mapped_column(Text, default="", server_default="")
    decision: Mapped[str] = mapped_column(String(20), default="", server_default="")
    decided_by: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    text: Mapped[str] = mapped_column(Text, default="", server_default="")
    is_cut: Mapped[bool] = mapped_column(default=False, server_default=false())
    error: Mapped[str] = mapped_column(Text, default="", server_default="")
    sources: Mapped[list[SourceRecord]] = mapped_column(JSON, default=list, server_default="[]")
    outside: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    file_ids: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    text_at: Mapped[int] = mapped_column(default=0, server_default="0")
    kept: Mapped[str] = mapped_column(Text, default="", server_default="")
    question: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    private_to: Mapped[str | None] = mapped_column(String(LENGTH))
    fold: Mapped[Fold | None] = mapped_column(JSON(none_as_null=True))
    asked_at: Mapped[datetime] = mapped_column(default=utc_now)
    decided_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        Index("uq_calls_message_id_round_number", "message_id", "round", "number", unique=True),
        # All that figures of calls need, as a row can have a long text.
        Index("ix_calls_asked_at", "asked_at", "tool", "state", "started_at", "ended_at", "generation_id"),
    )


class Fuse(Base):
    """A limit that an answer with tools has reached: it waits until a person says whether and how it continues.

    `times` is how often it may reach the limits on rounds, calls and sizes again, `usd` how much more than the usual it may cost.
    """

    __tablename__ = "fuses"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    limit: Mapped[str] = mapped_column(String(10))
    decision: Mapped[str] = mapped_column(String(10), default="", server_default="")
    times: Mapped[int] = mapped_column(default=0, server_default="0")
    usd: Mapped[str] = mapped_column(String(30), default="0", server_default="0")
    decided_by: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    blown_at: Mapped[datetime] = mapped_column(default=utc_now)


class AllowedTool(Base):
    """A tool that a person has allowed in a chat: its calls there don't ask them again, until the tool changes."""

    __tablename__ = "allowed_tools"

    chat_id: Mapped[str] = mapped_column(ForeignKey("chats.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    tool: Mapped[str] = mapped_column(String(200), primary_key=True)
    tool_hash: Mapped[str] = mapped_column(String(64), default="", server_default="")
    allowed_at: Mapped[datetime] = mapped_column(default=utc_now)


class TokenTool(Base):
    """A tool that answers for an API token may use."""

    __tablename__ = "token_tools"

    token_id: Mapped[str] = mapped_column(ForeignKey("api_tokens.id", ondelete="CASCADE"), primary_key=True)
    tool: Mapped[str] = mapped_column(String(200), primary_key=True)


class ToolPolicy(Base):
    """The policy of a tool for everyone, for a group or for a person, as `whose` says: empty, or an id.

    The outside rule doesn't apply to a tool that is free of it.
    """

    __tablename__ = "tool_policies"

    tool: Mapped[str] = mapped_column(String(200), primary_key=True)
    whose: Mapped[str] = mapped_column(String(LENGTH), primary_key=True, default="")
    group_id: Mapped[str | None] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    policy: Mapped[Policy] = mapped_column(String(10))
    is_free: Mapped[bool] = mapped_column(default=False, server_default=false())
