"""The table of what the home page offers to begin with, where admins have changed it."""

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Base


class ChangedStarter(Base):
    """What a card of the home page shows and opens, in place of what ships for its slot."""

    __tablename__ = "starters"

    slot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    words: Mapped[str] = mapped_column(String(40))
    hint: Mapped[str] = mapped_column(String(80))
    icon: Mapped[str] = mapped_column(String(40))
    opens: Mapped[str] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    takes_files: Mapped[bool]
    is_shown: Mapped[bool]
