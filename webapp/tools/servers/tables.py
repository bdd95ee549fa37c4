"""The tables of tool servers: how each is reached, what its tools were when they were accepted, and who has signed in there."""

from datetime import datetime
from typing import Literal, TypedDict

from sqlalchemy import JSON, ForeignKey, String, Text, true
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Base, Record, utc_now

SignIn = Literal["none", "bearer", "oauth"]


class ToolContent(TypedDict):
    """What a server says of a tool: what people accept, and models read."""

    title: str
    description: str
    schema: dict[str, object]
    hints: dict[str, bool]


class ToolServer(Record):
    """A tool server that an admin has connected for the site or, with an owner, a person for themselves.

    `secrets` are its token and fixed headers, and `client` is what the site is at its authorization server: both are encrypted.
    `trouble` is why its tools couldn't be listed the last time, `left_out` what it lists that can't be used. Its list is asked
    for again after `fresh_until`; `tools_at` changes with its tools.
    """

    __tablename__ = "tool_servers"

    slug: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    address: Mapped[str] = mapped_column(String(300))
    sign_in: Mapped[SignIn] = mapped_column(String(10))
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    secrets: Mapped[str] = mapped_column(Text, default="", server_default="")
    client: Mapped[str] = mapped_column(Text, default="", server_default="")
    is_enabled: Mapped[bool] = mapped_column(default=True, server_default=true())
    version: Mapped[str] = mapped_column(String(20), default="", server_default="")
    trouble: Mapped[str] = mapped_column(Text, default="", server_default="")
    left_out: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    listed_at: Mapped[datetime | None]
    fresh_until: Mapped[datetime | None]
    tools_at: Mapped[datetime] = mapped_column(default=utc_now)


class ServerTool(Base):
    """A tool of a server: as it was accepted, and as it was listed last; one that is no longer listed has no `listed`."""

    __tablename__ = "server_tools"

    server_id: Mapped[str] = mapped_column(ForeignKey("tool_servers.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    position: Mapped[int] = mapped_column(default=0, server_default="0")
    accepted: Mapped[ToolContent | None] = mapped_column(JSON(none_as_null=True))
    accepted_hash: Mapped[str] = mapped_column(String(64), default="", server_default="")
    accepted_at: Mapped[datetime | None]
    listed: Mapped[ToolContent | None] = mapped_column(JSON(none_as_null=True))
    listed_hash: Mapped[str] = mapped_column(String(64), default="", server_default="")

    @property
    def state(self) -> Literal["new", "accepted", "changed", "gone"]:
        if not self.listed_hash:
            return "gone"
        return "accepted" if self.accepted_hash == self.listed_hash else "changed" if self.accepted_hash else "new"


class ToolSignIn(Base):
    """A person's sign-in at a tool server, and the attempt to sign in that is under way.

    `tokens` and `attempt` are encrypted. `ended` is why the person has to sign in again, and `challenge` what the server then
    asks for. An attempt is found by the hash of its state.
    """

    __tablename__ = "tool_sign_ins"

    server_id: Mapped[str] = mapped_column(ForeignKey("tool_servers.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    tokens: Mapped[str] = mapped_column(Text, default="", server_default="")
    expires_at: Mapped[datetime | None]
    signed_in_at: Mapped[datetime | None]
    ended: Mapped[str] = mapped_column(Text, default="", server_default="")
    challenge: Mapped[str] = mapped_column(Text, default="", server_default="")
    attempt: Mapped[str] = mapped_column(Text, default="", server_default="")
    attempt_state: Mapped[str] = mapped_column(String(64), default="", server_default="", index=True)
    attempt_until: Mapped[datetime | None]


class DeletedToolServer(Base):
    """What stays of a deleted tool server, so that the names of its tools never come to mean those of another.

    `origin` is a hash of whose it was and of its address.
    """

    __tablename__ = "deleted_tool_servers"

    slug: Mapped[str] = mapped_column(String(40), primary_key=True)
    origin: Mapped[str] = mapped_column(String(64))
    deleted_at: Mapped[datetime] = mapped_column(default=utc_now)
