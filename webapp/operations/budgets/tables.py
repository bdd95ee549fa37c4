"""Tables of budgets, of their usage in each period, and of the usage of each answer."""

from datetime import datetime

from sqlalchemy import BigInteger, Boolean, Float, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Base, Record
from webapp.base.ids import LENGTH

OPEN = text("is_open")


class Budget(Record):
    """A limit on usage in each period; amounts are integers as in `amounts.py`.

    `who` is the type of the object with the id `who_id`, which is empty for the team. With a `model`, only requests for that
    model count.
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
    """The usage in one period, and what running answers have reserved."""

    __tablename__ = "budget_periods"

    budget_id: Mapped[str] = mapped_column(ForeignKey("budgets.id", ondelete="CASCADE"), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(primary_key=True)
    used: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    reserved: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")


class BudgetCharge(Base):
    """What an answer has reserved while it is open, and used since; without a reference to a chat, so that it outlives it."""

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
