"""The table of people's favorite and recently chosen models."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Base


class ModelMark(Base):
    """A model that a person has starred or recently chosen; the row is deleted when neither applies."""

    __tablename__ = "model_marks"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    is_favorite: Mapped[bool] = mapped_column(default=False, server_default=false())
    used_at: Mapped[datetime | None]
