"""Tables of tryouts: versions of a prompt tried on a person's questions, and each answer."""

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Record


class Tryout(Record):
    """Versions of a prompt tried on some of their owner's questions, with one model."""

    __tablename__ = "tryouts"

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    prompt_id: Mapped[str] = mapped_column(String(80))
    key: Mapped[str] = mapped_column(String(80))
    model: Mapped[str] = mapped_column(String(200))
    versions: Mapped[list[int]] = mapped_column(JSON)


class TryoutAnswer(Record):
    """The answer of one version to one question; `error` is why there is none, `is_done` means that it is final."""

    __tablename__ = "tryout_answers"

    tryout_id: Mapped[str] = mapped_column(ForeignKey("tryouts.id", ondelete="CASCADE"))
    place: Mapped[int]
    version: Mapped[int]
    question: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text, default="")
    error: Mapped[str] = mapped_column(String(300), default="")
    is_done: Mapped[bool] = mapped_column(default=False)
    generation_id: Mapped[str] = mapped_column(String(26), default="")

    __table_args__ = (
        Index("ix_tryout_answers_tryout_id", "tryout_id"),
        Index("ix_tryout_answers_generation_id", "generation_id"),
    )
