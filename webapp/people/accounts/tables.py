"""Tables of people, sessions, invites, API tokens, groups, grants and the audit log."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import JSON, ForeignKey, Index, String, Text, false, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.base.audit import Actor, AuditAuthor
from webapp.base.db import Base, Record, utc_now

Role = Literal["owner", "admin", "member", "guest"]


class User(Actor):
    __tablename__ = "users"

    name: Mapped[str] = mapped_column(String(120))
    role: Mapped[str] = mapped_column(String(10))
    password_hash: Mapped[str] = mapped_column(Text)
    disabled_at: Mapped[datetime | None]
    theme: Mapped[str] = mapped_column(String(10), default="", server_default="")
    # Empty: that of the browser.
    language: Mapped[str] = mapped_column(String(35), default="", server_default="")
    accent: Mapped[str] = mapped_column(String(10), default="", server_default="")
    contrast: Mapped[str] = mapped_column(String(10), default="", server_default="")
    font: Mapped[str] = mapped_column(String(10), default="", server_default="")
    text_size: Mapped[str] = mapped_column(String(10), default="", server_default="")
    width: Mapped[str] = mapped_column(String(10), default="", server_default="")
    scrolling: Mapped[str] = mapped_column(String(10), default="", server_default="")
    # Empty, or "off": whether their browsers keep chats, and messages that wait for the network.
    offline: Mapped[str] = mapped_column(String(10), default="", server_default="")
    density: Mapped[str] = mapped_column(String(10), default="", server_default="")
    speech: Mapped[str] = mapped_column(String(10), default="", server_default="")
    # Empty for the browser's, or "server": what reads answers aloud.
    voice: Mapped[str] = mapped_column(String(10), default="", server_default="")
    default_model: Mapped[str] = mapped_column(String(200), default="", server_default="")
    # Their new chats begin with it; the model is the second choice.
    default_preset_id: Mapped[str] = mapped_column(String(26), default="", server_default="")
    send_key: Mapped[str] = mapped_column(String(10), default="enter", server_default="enter")
    # The keys that they have chosen for shortcuts, by the names of these.
    keys: Mapped[dict[str, str]] = mapped_column(JSON, default=dict, server_default="{}")
    instructions: Mapped[str] = mapped_column(Text, default="", server_default="")
    # The names of the sidebar's links that they hide, separated by commas.
    hidden_links: Mapped[str] = mapped_column(Text, default="", server_default="")
    # The last answer cut by a restart that this person has been asked about.
    cut_seen_id: Mapped[str] = mapped_column(String(26), default="", server_default="")
    # The highest level of shared documents that they can see.
    clearance: Mapped[int] = mapped_column(default=0, server_default="0")
    # The keys of the tools that are on in their new chats.
    tools: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    # Finished answers of their chats are remembered from this time on; None turns it off.
    remembers_since: Mapped[datetime | None]
    # Whether a fact is kept for them or for them with a character; of a project's, its own column says so.
    has_facts: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Whether facts are proposed after answers: "off", "ask", or "keep" without asking.
    facts: Mapped[str] = mapped_column(String(10), default="ask", server_default="ask")
    # What they have dismissed on the home page, separated by spaces.
    dismissed: Mapped[str] = mapped_column(String(200), default="", server_default="")
    # Whether the time that they spend reading answers is measured.
    is_reading_counted: Mapped[bool] = mapped_column(default=False, server_default=true())

    # What surrounds the text of their chats with characters.
    has_portraits: Mapped[bool] = mapped_column(default=False, server_default=false())
    has_backgrounds: Mapped[bool] = mapped_column(default=True, server_default=true())
    # Unset for an account that only sign-on opens: its hash is of a secret that no one knows.
    has_password: Mapped[bool] = mapped_column(default=True, server_default=true())

    @property
    def is_admin(self) -> bool:
        return self.role in {"owner", "admin"}


class UserSession(Record):
    """The session of a signed-in browser. The cookie holds the secret, the table its hash.

    One that sign-on has opened says at which provider, for whom, and in which session there; `id_token`, encrypted, ends that.
    """

    __tablename__ = "user_sessions"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    agent: Mapped[str] = mapped_column(String(200), default="")
    seen_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
    provider_id: Mapped[str] = mapped_column(String(26), default="", server_default="")
    provider_subject: Mapped[str] = mapped_column(String(255), default="", server_default="")
    provider_session: Mapped[str] = mapped_column(String(255), default="", server_default="")
    id_token: Mapped[str] = mapped_column(Text, default="", server_default="")
    # When its person last signed on again, to confirm what takes more than a session.
    confirmed_at: Mapped[datetime | None]

    user: Mapped[User] = relationship(lazy="joined")


class Invite(Record):
    """A link that creates one account, also the first owner's; with a `user_id`, a link that sets this user's password."""

    __tablename__ = "invites"

    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(10))
    email: Mapped[str] = mapped_column(String(254), default="", server_default="")
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_by: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class PersonAuthor(AuditAuthor):
    """A person with an account who did something, as rules about people, prompts and shares require."""

    actor: User


class ApiToken(Record):
    """A token that authenticates a program. The table holds its hash; `scopes` are separated by spaces.

    A gateway's token has limits of its own: those stored here or, where they are None, those in the settings.
    """

    __tablename__ = "api_tokens"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    last_four: Mapped[str] = mapped_column(String(4))
    scopes: Mapped[str] = mapped_column(String(200))
    expires_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    is_gateway: Mapped[bool] = mapped_column(default=False, server_default=false())
    answers_per_minute: Mapped[int | None]
    answers_at_once: Mapped[int | None]
    answer_streams: Mapped[int | None]


class Group(Record):
    """A group of people, who share the rights granted to it.

    `chat_days` is how long chats of its members are kept: 0 for ever, None as the team's.
    """

    __tablename__ = "groups"

    name: Mapped[str] = mapped_column(String(120), unique=True)
    chat_days: Mapped[int | None]


class Membership(Base):
    __tablename__ = "memberships"

    group_id: Mapped[str] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)


class Permission(Record):
    """Whether a role or a group has a permission, where admins have changed it."""

    __tablename__ = "permissions"

    role: Mapped[str | None] = mapped_column(String(10))
    group_id: Mapped[str | None] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(20))
    is_allowed: Mapped[bool]


class Grant(Record):
    """A right to an object of any kind, for a person, a group or, with neither, the whole team."""

    __tablename__ = "grants"

    object_kind: Mapped[str] = mapped_column(String(20))
    object_id: Mapped[str] = mapped_column(String(26))
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    group_id: Mapped[str | None] = mapped_column(ForeignKey("groups.id", ondelete="CASCADE"), index=True)
    right: Mapped[str] = mapped_column(String(10))
    created_by: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))

    __table_args__ = (Index("ix_grants_object_kind_object_id", "object_kind", "object_id"),)
