"""Tables of notices: where people are told, when not, and what they were told."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Base, Record

WAITING = "waiting"
WHILE_WAITING = text("state = 'waiting'")


class NoticeChannel(Record):
    """Where a person is told: a device with Web Push, their email address, or a webhook.

    `address` is that of the device at its push service, or the webhook's; `identity` makes it unique: a device belongs to one
    person, and a person has one email and one webhook. A device that a browser has registered belongs to its session, and goes
    with it. `secret` signs for a webhook, encrypted. `muted_kinds` are not sent there, and without `has_words` no texts are.
    """

    __tablename__ = "notice_channels"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    session_id: Mapped[str | None] = mapped_column(ForeignKey("user_sessions.id", ondelete="CASCADE"), index=True)
    way: Mapped[str] = mapped_column(String(10))
    identity: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(60))
    address: Mapped[str] = mapped_column(Text, default="", server_default="")
    p256dh: Mapped[str] = mapped_column(String(100), default="", server_default="")
    auth: Mapped[str] = mapped_column(String(40), default="", server_default="")
    secret: Mapped[str] = mapped_column(Text, default="", server_default="")
    muted_kinds: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    has_words: Mapped[bool] = mapped_column(default=False, server_default=false())
    delivered_at: Mapped[datetime | None]
    trouble: Mapped[str] = mapped_column(String(300), default="", server_default="")


class NoticePreferences(Base):
    """When a person is not told: quiet hours, as times like 22:00 in their time zone; empty for none."""

    __tablename__ = "notice_preferences"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    quiet_from: Mapped[str] = mapped_column(String(5), default="", server_default="")
    quiet_until: Mapped[str] = mapped_column(String(5), default="", server_default="")
    time_zone: Mapped[str] = mapped_column(String(60), default="", server_default="")


class StoredNotice(Record):
    """What a person was told; `once` is unique, so that the same is not told twice."""

    __tablename__ = "notices"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(10))
    title: Mapped[str] = mapped_column(String(120))
    subject: Mapped[str] = mapped_column(String(200))
    words: Mapped[str] = mapped_column(String(300))
    path: Mapped[str] = mapped_column(String(300))
    once: Mapped[str] = mapped_column(String(160), unique=True)

    __table_args__ = (
        Index("ix_notices_user_id_created_at", "user_id", "created_at"),
        Index("ix_notices_created_at", "created_at"),
    )


class NoticeDelivery(Record):
    """A notice on its way to a channel: waiting until `due_at`, sent, failed or dropped.

    A worker that sends it moves `due_at` on, so that no other one does, unless that worker has died.
    """

    __tablename__ = "notice_deliveries"

    notice_id: Mapped[str] = mapped_column(ForeignKey("notices.id", ondelete="CASCADE"), index=True)
    channel_id: Mapped[str] = mapped_column(ForeignKey("notice_channels.id", ondelete="CASCADE"), index=True)
    state: Mapped[str] = mapped_column(String(10), default=WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    is_held: Mapped[bool] = mapped_column(default=False, server_default=false())

    __table_args__ = (
        Index("ix_notice_deliveries_waiting", "due_at", sqlite_where=WHILE_WAITING, info={"postgresql_where": WHILE_WAITING}),
    )
