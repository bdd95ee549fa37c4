"""The table of receipts: what was permanently deleted, signed."""

from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Record
from webapp.base.ids import LENGTH


class StoredReceipt(Record):
    """A signed receipt, without a word of what was deleted.

    `person_id` is no foreign key: the receipt of an account stays when the account is deleted, for the owners.
    """

    __tablename__ = "receipts"

    person_id: Mapped[str] = mapped_column(String(LENGTH), index=True)
    # The public key that it was signed with, so that a key which is no longer in use stays known.
    key: Mapped[str] = mapped_column(String(43), index=True)
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
