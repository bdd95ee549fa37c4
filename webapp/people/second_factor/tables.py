"""The table of second factors."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Base


class SecondFactor(Base):
    """The second factor of an account: the encrypted secret of its authenticator app, and the hashes of its recovery codes.

    It is used from `confirmed_at` on. `last_step` is the time step of the last accepted code: no code is accepted twice.
    """

    __tablename__ = "second_factors"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    ciphertext: Mapped[str] = mapped_column(Text)
    recovery: Mapped[str] = mapped_column(Text, default="", server_default="")
    last_step: Mapped[int] = mapped_column(default=0, server_default="0")
    confirmed_at: Mapped[datetime | None]
