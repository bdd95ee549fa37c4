"""Tables of alert rules with their state, and of alert events."""

from datetime import datetime

from sqlalchemy import Float, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Base, Record

MOST_WORDS = 300


class AlertRule(Base):
    """A rule; `name` is its kind. A fired alert is open until it resolves, even while it is muted or has no data."""

    __tablename__ = "alert_rules"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    limit: Mapped[float] = mapped_column("bound", Float)
    warn_at: Mapped[float] = mapped_column(Float)
    window_minutes: Mapped[int]
    min_samples: Mapped[int]
    is_enabled: Mapped[bool] = mapped_column(default=True)
    state: Mapped[str] = mapped_column(String(10), default="no_data")
    is_open: Mapped[bool] = mapped_column(default=False)
    value: Mapped[float | None] = mapped_column(Float)
    samples: Mapped[int] = mapped_column(default=0)
    checked_at: Mapped[datetime | None]
    changed_at: Mapped[datetime | None]
    muted_until: Mapped[datetime | None]


class AlertEvent(Record):
    """A rule has fired or resolved; `delivery` and `email` are the delivery status of the webhook and of the emails."""

    __tablename__ = "alert_events"

    rule: Mapped[str] = mapped_column(ForeignKey("alert_rules.name", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(10))
    value: Mapped[float | None] = mapped_column(Float)
    words: Mapped[str] = mapped_column(String(MOST_WORDS))
    delivery: Mapped[str] = mapped_column(Text, default="")
    email: Mapped[str] = mapped_column(Text, default="", server_default="")
