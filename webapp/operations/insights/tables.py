"""Sums of the answers of past days, so that a year need not be counted from single answers."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Date, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Base, utc_now
from webapp.base.ids import LENGTH


class InsightDay(Base):
    """The sums of one day in UTC by person, kind, model and versions of prompts; the person `*` is everyone together.

    `first_texts` are all times to the first text, sorted and separated by commas; `cost` is the sum of the known costs.
    """

    __tablename__ = "insight_days"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    user_id: Mapped[str] = mapped_column(String(LENGTH), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    prompt: Mapped[str] = mapped_column(String(200), primary_key=True, server_default="")
    answers: Mapped[int]
    broken: Mapped[int]
    fallbacks: Mapped[int]
    first_text_count: Mapped[int]
    first_text_total_ms: Mapped[int] = mapped_column(BigInteger)
    duration_count: Mapped[int]
    duration_total_ms: Mapped[int] = mapped_column(BigInteger)
    waiting_saved_ms: Mapped[int] = mapped_column(BigInteger)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    reading_count: Mapped[int] = mapped_column(server_default="0")
    reading_total_ms: Mapped[int] = mapped_column(BigInteger, server_default="0")
    cost: Mapped[str | None] = mapped_column(String(60))
    first_texts: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("ix_insight_days_user_id_day", "user_id", "day"),)


class InsightMark(Base):
    """A day whose sums are complete, even if it has no answers."""

    __tablename__ = "insight_marks"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    made_at: Mapped[datetime] = mapped_column(default=utc_now)
