"""Budgets, what was used of them in each period, and what each answer has taken."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.db import Base, Record
from webapp.ids import LENGTH

OPEN = text("is_open")


class Budget(Record):
    """How much somebody may use in each period. Amounts are whole numbers of `amounts.py`.

    `who` says what `who_id` is the id of; the team has none. With a `model`, only answers asked of it count.
    """

    __tablename__ = "budgets"

    who: Mapped[str] = mapped_column(String(10))
    who_id: Mapped[str] = mapped_column(String(LENGTH), default="", server_default="", index=True)
    unit: Mapped[str] = mapped_column(String(10))
    most: Mapped[int] = mapped_column(BigInteger)
    period: Mapped[str] = mapped_column(String(10))
    warn_at: Mapped[float] = mapped_column(Float, default=0.8, server_default="0.8")
    model: Mapped[str] = mapped_column(String(200), default="", server_default="")


class BudgetPeriod(Base):
    """What was used in one period, and what running answers have reserved."""

    __tablename__ = "budget_periods"

    budget_id: Mapped[str] = mapped_column(ForeignKey("budgets.id", ondelete="CASCADE"), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    used: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    reserved: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")


class BudgetCharge(Base):
    """What one answer has reserved while it is open, and has taken since. It refers to no chat, and outlives it."""

    __tablename__ = "budget_charges"

    generation_id: Mapped[str] = mapped_column(String(LENGTH), primary_key=True)
    budget_id: Mapped[str] = mapped_column(ForeignKey("budgets.id", ondelete="CASCADE"), primary_key=True)
    starts_at: Mapped[datetime]
    reserved: Mapped[int] = mapped_column(BigInteger)
    used: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    input_tokens: Mapped[int] = mapped_column(default=0, server_default="0")
    output_tokens: Mapped[int] = mapped_column(default=0, server_default="0")
    is_open: Mapped[bool] = mapped_column(Boolean, default=True)

    __table_args__ = (
        Index("ix_budget_charges_open", "generation_id", sqlite_where=OPEN, info={"postgresql_where": OPEN}),
        Index("ix_budget_charges_budget_id_starts_at", "budget_id", "starts_at"),
    )
