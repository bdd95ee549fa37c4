"""People, how they come in, what programs may do in their name, and what was done."""

from datetime import datetime
from typing import Literal

from sqlalchemy import ForeignKey, Index, String, Text, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.db import Base, Record, utc_now
from webapp.ids import LENGTH, new_id

Role = Literal["owner", "admin", "member", "guest"]


class User(Record):
    __tablename__ = "users"

    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    role: Mapped[str] = mapped_column(String(10))
    password_hash: Mapped[str] = mapped_column(Text)
    disabled_at: Mapped[datetime | None]
    theme: Mapped[str] = mapped_column(String(10), default="", server_default="")
    text_size: Mapped[str] = mapped_column(String(10), default="", server_default="")
    density: Mapped[str] = mapped_column(String(10), default="", server_default="")
    default_model: Mapped[str] = mapped_column(String(200), default="", server_default="")
    send_key: Mapped[str] = mapped_column(String(10), default="enter", server_default="enter")
    instructions: Mapped[str] = mapped_column(Text, default="", server_default="")
    # The last answer that a restart has cut and that this person was asked about.
    cut_seen_id: Mapped[str] = mapped_column(String(26), default="", server_default="")
    # Up to which level they see what was given to them.
    clearance: Mapped[int] = mapped_column(default=0, server_default="0")
    # From when on finished answers of their chats are remembered, if they want that.
    remembers_since: Mapped[datetime | None]
    # Whether it is counted how long they look at their answers.
    is_reading_counted: Mapped[bool] = mapped_column(default=True, server_default=true())

    @property
    def is_admin(self) -> bool:
        return self.role in {"owner", "admin"}


class UserSession(Record):
    """One signed-in browser. The cookie holds the secret, the table its hash."""

    __tablename__ = "user_sessions"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    agent: Mapped[str] = mapped_column(String(200), default="")
    seen_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]

    user: Mapped[User] = relationship(lazy="joined")


class Invite(Record):
    """A link that makes one account; the first owner's link is one too. With a user it gives them a new password instead."""

    __tablename__ = "invites"

    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(10))
    email: Mapped[str] = mapped_column(String(254), default="", server_default="")
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_by: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class ApiToken(Record):
    """What a program shows instead of a person. The table holds its hash; `scopes` are words with blanks between."""

    __tablename__ = "api_tokens"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    last_four: Mapped[str] = mapped_column(String(4))
    scopes: Mapped[str] = mapped_column(String(200))
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]


class Group(Record):
    """People who are given rights together."""

    __tablename__ = "groups"

    name: Mapped[str] = mapped_column(String(120), unique=True)


class Membership(Base):
    __tablename__ = "memberships"

    group_id: Mapped[str] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)


class AuditEntry(Base):
    """Something that was done to people, keys or settings: never a secret, never a message."""

    __tablename__ = "audit_entries"

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
    actor_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    actor: Mapped[str] = mapped_column(String(254), default="")
    address: Mapped[str] = mapped_column(String(60), default="")
    action: Mapped[str] = mapped_column(String(60))
    object_kind: Mapped[str] = mapped_column(String(30), default="")
    object_id: Mapped[str] = mapped_column(String(80), default="")
    detail: Mapped[str] = mapped_column(String(300), default="")
    is_refused: Mapped[bool] = mapped_column(default=False)

    # What is looked for ends with the newest first.
    __table_args__ = (
        Index("ix_audit_entries_action_id", "action", "id"),
        Index("ix_audit_entries_actor_id", "actor", "id"),
        Index("ix_audit_entries_object_kind_object_id_id", "object_kind", "object_id", "id"),
    )

    @property
    def words(self) -> str:
        """To what it was done, and how; a random id says nothing beside a detail, which names what it stands for."""
        is_name = len(self.object_id) != LENGTH or not self.detail
        thing = f"{self.object_kind} {self.object_id}" if self.object_id and is_name else ""
        return ": ".join(filter(None, (thing, self.detail)))


class Grant(Record):
    """A right that somebody, a group or, with neither named, the whole team has to an object of any kind."""

    __tablename__ = "grants"

    object_kind: Mapped[str] = mapped_column(String(20))
    object_id: Mapped[str] = mapped_column(String(26))
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    group_id: Mapped[str | None] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), index=True)
    right: Mapped[str] = mapped_column(String(10))
    created_by: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))

    __table_args__ = (Index("ix_grants_object_kind_object_id", "object_kind", "object_id"),)
