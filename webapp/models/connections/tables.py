"""The tables of connections, of people's own, and of those that were deleted."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base.db import Base, Record, utc_now
from webapp.models.providers.base import ModelRecord


class ConnectionFields:
    """What a connection of the team and one of a person have alike. Its key is stored only as ciphertext.

    `models` is the last list that its server returned, for when the server is down, and `left_out` is how many models were cut
    from it. `refused_at` is the time since when its server refuses the key, and `refused_for` why: `auth`
    or `credit`.
    """

    slug: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(20))
    base_url: Mapped[str] = mapped_column(String(300))
    key_ciphertext: Mapped[str] = mapped_column(Text, default="")
    key_last_four: Mapped[str] = mapped_column(String(4), default="")
    default_model: Mapped[str] = mapped_column(String(200), default="")
    continuation: Mapped[str] = mapped_column(String(10), default="instruct")
    reasoning_tags: Mapped[str] = mapped_column(String(10), default="auto", server_default="auto")
    is_enabled: Mapped[bool] = mapped_column(default=True)
    models: Mapped[list[ModelRecord]] = mapped_column(JSON, default=list)
    models_at: Mapped[datetime | None]
    left_out: Mapped[int] = mapped_column(default=0, server_default="0")
    checked_at: Mapped[datetime | None]
    check_result: Mapped[str] = mapped_column(String(300), default="")
    is_working: Mapped[bool | None]
    refused_at: Mapped[datetime | None]
    refused_for: Mapped[str] = mapped_column(String(10), default="", server_default="")


class Connection(ConnectionFields, Record):
    """A configured provider of the team; with `is_offered`, people can use its server with keys of their own."""

    __tablename__ = "connections"

    is_offered: Mapped[bool] = mapped_column(default=False, server_default=false())


class OwnConnection(ConnectionFields, Record):
    """A person's own connection, in a table of its own: no query for the team's can return it.

    With `offered_id`, it is a key for the server of that connection, which has its kind and its address.
    """

    __tablename__ = "own_connections"

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    offered_id: Mapped[str | None] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), index=True)


class DeletedConnection(Base):
    """What stays of a deleted connection, so that its models' names never come to mean those of another server."""

    __tablename__ = "deleted_connections"

    slug: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    base_url: Mapped[str] = mapped_column(String(300))
    deleted_at: Mapped[datetime] = mapped_column(default=utc_now)


class NamedModel(Base):
    """A name that an admin gave a model, by the id that people choose it by."""

    __tablename__ = "named_models"

    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)


class ModelContext(Base):
    """How many tokens the context of a model holds, by the id that people choose it by.

    `given` is an admin's number. `learned` is what a refusal has said, and `listed` what the server listed then: once it lists
    something else, that counts again.
    """

    __tablename__ = "model_contexts"

    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    connection: Mapped[str] = mapped_column(String(40))
    own_id: Mapped[str | None] = mapped_column(ForeignKey("own_connections.id", ondelete="CASCADE"), index=True)
    given: Mapped[int | None]
    learned: Mapped[int | None]
    listed: Mapped[int | None]
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)


class ModelMark(Base):
    """A model that a person has starred or recently chosen; the row is deleted when neither applies."""

    __tablename__ = "model_marks"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    model: Mapped[str] = mapped_column(String(200), primary_key=True)
    is_favorite: Mapped[bool] = mapped_column(default=False, server_default=false())
    used_at: Mapped[datetime | None]
