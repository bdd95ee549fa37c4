"""Chats and their messages: a tree with a head."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp import topic_names
from webapp.db import Base, Record, utc_now

# What came from elsewhere comes in once: its name is unique where it stands.
NAMED = text("origin <> ''")
# Has SQLite take the index of messages in their order.
IN_ORDER = text("messages.id > ''")


def _few(name: str, *columns: str, sqlite: str, postgresql: str = "") -> Index:
    """An index of the few rows of which that is true."""
    return Index(name, *columns, sqlite_where=text(sqlite), info={"postgresql_where": text(postgresql or sqlite)})


class Chat(Record):
    """A conversation. It belongs to a person, or to a visitor's cookie, whose hash stands here.

    `prompt_key` is the prompt that leads it, where that does not follow from its kind. A group has `character_ids`, in the
    order in which they take turns; `character_id` is then whose answers those are that name no speaker.
    """

    __tablename__ = "chats"

    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    visitor_hash: Mapped[str | None] = mapped_column(String(64), index=True)
    kind: Mapped[str] = mapped_column(String(20), default="chat")
    title: Mapped[str] = mapped_column(String(200), default="")
    title_is_own: Mapped[bool] = mapped_column(default=False, server_default=false())
    model: Mapped[str] = mapped_column(String(200))
    head_id: Mapped[str | None] = mapped_column(
        ForeignKey("messages.id", ondelete="SET NULL", use_alter=True, name="fk_chats_head_id_messages")
    )
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)
    deleted_at: Mapped[datetime | None]
    pinned_at: Mapped[datetime | None]
    archived_at: Mapped[datetime | None]
    is_temporary: Mapped[bool] = mapped_column(default=False, server_default=false())
    origin: Mapped[str] = mapped_column(String(120), default="", server_default="")
    character_id: Mapped[str | None] = mapped_column(ForeignKey("characters.id", ondelete="SET NULL"))
    character_ids: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    turn_order: Mapped[str] = mapped_column(String(10), default="", server_default="")
    persona_id: Mapped[str | None] = mapped_column(ForeignKey("personas.id", ondelete="SET NULL"))
    pre_prompt: Mapped[str] = mapped_column(Text, default="", server_default="")
    system_prompt: Mapped[str] = mapped_column(Text, default="", server_default="")
    post_prompt: Mapped[str] = mapped_column(Text, default="", server_default="")
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    note_depth: Mapped[int | None]
    note_interval: Mapped[int | None]
    note_role: Mapped[str] = mapped_column(String(10), default="", server_default="")
    history_limit: Mapped[int | None]
    temperature: Mapped[float | None] = mapped_column(Float)
    max_tokens: Mapped[int | None]
    top_p: Mapped[float | None] = mapped_column(Float)
    top_k: Mapped[int | None]
    min_p: Mapped[float | None] = mapped_column(Float)
    frequency_penalty: Mapped[float | None] = mapped_column(Float)
    presence_penalty: Mapped[float | None] = mapped_column(Float)
    repetition_penalty: Mapped[float | None] = mapped_column(Float)
    stop_words: Mapped[str] = mapped_column(Text, default="", server_default="")
    effort: Mapped[str] = mapped_column(String(10), default="", server_default="")
    answer_format: Mapped[str] = mapped_column(String(10), default="", server_default="")
    own_instructions: Mapped[str] = mapped_column(String(10), default="", server_default="")
    collection_ids: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    lorebook_ids: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    prompt_key: Mapped[str] = mapped_column(String(80), default="", server_default="")
    # Whether what no longer fits is retold: on, off, or as the team does.
    story: Mapped[str] = mapped_column(String(10), default="", server_default="")
    # Whether it is kept out of the memory of its person.
    is_forgotten: Mapped[bool] = mapped_column(default=False, server_default=false())

    __table_args__ = (
        Index("ix_chats_owner_id_changed_at", "owner_id", "changed_at"),
        Index(
            "uq_chats_owner_id_origin", "owner_id", "origin", unique=True, sqlite_where=NAMED, info={"postgresql_where": NAMED}
        ),
        # To delete what a chat refers to is to look for the chats that do, for every message of a chat that is erased.
        Index("ix_chats_head_id", "head_id"),
        Index("ix_chats_character_id", "character_id"),
        Index("ix_chats_persona_id", "persona_id"),
        _few("ix_chats_pinned", "owner_id", "pinned_at", sqlite="pinned_at IS NOT NULL"),
        _few("ix_chats_deleted", "deleted_at", sqlite="deleted_at IS NOT NULL"),
        _few("ix_chats_temporary", "created_at", sqlite="is_temporary = 1", postgresql="is_temporary"),
        _few("ix_chats_visitors", "created_at", sqlite="visitor_hash IS NOT NULL"),
    )

    @property
    def lane(self) -> str:
        return topic_names.of_chat(self.id)

    @property
    def is_group(self) -> bool:
        return bool(self.character_ids)

    @property
    def cast_ids(self) -> list[str]:
        """Which characters it is with, one or several."""
        return self.character_ids or ([self.character_id] if self.character_id else [])


class Message(Record):
    """One turn. `content` is the raw text and the truth; `html` is its rendering by the renderer of that version.

    Where it is empty, or the renderer newer, it is made when it is shown, and by a slow pass (`renderings`).

    `author_name` is who a file says has written it, where that was not the owner of its chat. An answer that is edited is a
    person's version of one. `head_then` is where the chat's head stood when this was deleted, if below it; `cut_id` what was
    deleted last right below this, when the chat has ended here since. `sources` are the passages that an answer was given,
    by their ids: who looks is asked for their right to each. `variables` are those of the chat after it, where it has changed
    them. In a group, `speaker_name` is who says it, a character or a
    person, as they were called then, and `speaker_id` which character that is or was.
    """

    __tablename__ = "messages"

    chat_id: Mapped[str] = mapped_column(ForeignKey("chats.id", ondelete="CASCADE"), index=True)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), index=True)
    role: Mapped[str] = mapped_column(String(10))
    content: Mapped[str] = mapped_column(Text, default="")
    reasoning: Mapped[str] = mapped_column(Text, default="")
    html: Mapped[str] = mapped_column(Text, default="")
    html_version: Mapped[int] = mapped_column(default=0)
    deleted_at: Mapped[datetime | None]
    origin: Mapped[str] = mapped_column(String(120), default="", server_default="")
    author_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    author_name: Mapped[str] = mapped_column(String(120), default="", server_default="")
    is_edited: Mapped[bool] = mapped_column(default=False, server_default=false())
    head_then: Mapped[str | None] = mapped_column(String(26))
    cut_id: Mapped[str | None] = mapped_column(String(26))
    sources: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list, server_default="[]")
    variables: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    speaker_id: Mapped[str | None] = mapped_column(String(26))
    speaker_name: Mapped[str] = mapped_column(String(120), default="", server_default="")

    __table_args__ = (
        Index(
            "uq_messages_chat_id_origin", "chat_id", "origin", unique=True, sqlite_where=NAMED, info={"postgresql_where": NAMED}
        ),
        # In their order: a file reads a few at a time, and each time all texts of the chat would be sorted for it.
        # On SQLite for those alone who say so: otherwise it takes this one for what is deleted, too.
        Index("ix_messages_chat_id_id", "chat_id", "id", sqlite_where=text("id > ''")),
        # What is to be rendered: nothing, most of the time.
        _few("ix_messages_html_version", "html_version", sqlite="content <> ''"),
        # To delete an account is to look for what it has written in others' chats.
        _few("ix_messages_author_id", "author_id", sqlite="author_id IS NOT NULL"),
        # What a character has used is counted by what it has said.
        _few("ix_messages_speaker_id", "speaker_id", sqlite="speaker_id IS NOT NULL"),
        _few("ix_messages_deleted", "chat_id", sqlite="deleted_at IS NOT NULL"),
        _few("ix_messages_deleted_at", "deleted_at", sqlite="deleted_at IS NOT NULL"),
    )


class PersonVariables(Base):
    """What placeholders keep of a person, for all their chats with characters."""

    __tablename__ = "person_variables"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    kept: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)


class Story(Record):
    """What was said from the root down to a message, retold: of those on a path, the one of the lowest message counts.

    One that is edited is a person's version of it, or written by a person alone; a `model` is named where one wrote it.
    """

    __tablename__ = "stories"

    chat_id: Mapped[str] = mapped_column(ForeignKey("chats.id", ondelete="CASCADE"), index=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), index=True)
    text: Mapped[str] = mapped_column(Text)
    is_edited: Mapped[bool] = mapped_column(default=False, server_default=false())
    model: Mapped[str] = mapped_column(String(200), default="", server_default="")


class FollowUp(Record):
    """A message that waits until the answer before it is complete; they are sent in the order of their ids."""

    __tablename__ = "follow_ups"

    chat_id: Mapped[str] = mapped_column(ForeignKey("chats.id", ondelete="CASCADE"), index=True)
    text: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(String(200))


class Draft(Base):
    """What a person has typed and not sent, in one chat or, with an empty chat, for a new one."""

    __tablename__ = "drafts"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    chat_id: Mapped[str] = mapped_column(String(26), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    changed_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class Feedback(Base):
    """What a person thinks of an answer: a thumb, and why."""

    __tablename__ = "feedback"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    is_good: Mapped[bool]
    reason: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
