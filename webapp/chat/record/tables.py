"""Tables of projects, of chats and their messages, which form a tree with a head."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import JSON, Float, ForeignKey, Index, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.base import topic_names
from webapp.base.db import Base, Record, utc_now
from webapp.base.ids import LENGTH
from webapp.streaming.events import SourceRecord

# How a fold tells what was said: as a story, always from the beginning of the chat on, or as a conversation.
FoldKind = Literal["story", "conversation"]
# The kind of a chat with characters.
ROLEPLAY = "roleplay"
# An imported row's origin is unique in its person or chat, so that it is imported only once.
NAMED = text("origin <> ''")
# Makes SQLite use the partial index of messages by chat and id.
IN_ORDER = text("messages.id > ''")


# The API tells times in milliseconds: at least one lies between a question and its answer, which are stored together.
MOMENT = timedelta(milliseconds=1)
# A time further ahead is that of a clock which has been set back.
AHEAD = timedelta(seconds=1)


class DistinctTimes:
    """Gives the current time, but each a moment later than the one before."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now, self._next = now, now()

    def __call__(self) -> datetime:
        now = self._now()
        next_time = self._next if now < self._next < now + AHEAD else now
        self._next = next_time + MOMENT
        return next_time


def _few(name: str, *columns: str, sqlite: str, postgresql: str = "") -> Index:
    """Returns a partial index of the few rows that match the condition."""
    return Index(name, *columns, sqlite_where=text(sqlite), info={"postgresql_where": text(postgresql or sqlite)})


class Project(Record):
    """A place for chats, with what all of them know. A grant reads it, or writes: has chats in it.

    `parameters` are those of `webapp/workspace/projects/service.py`: a chat's own come before them.
    """

    __tablename__ = "projects"

    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    icon: Mapped[str] = mapped_column(String(40), default="", server_default="")
    colour: Mapped[str] = mapped_column(String(20), default="", server_default="")
    about: Mapped[str] = mapped_column(Text, default="", server_default="")
    instructions: Mapped[str] = mapped_column(Text, default="", server_default="")
    # The model of its new chats; empty for the person's own choice.
    model: Mapped[str] = mapped_column(String(200), default="", server_default="")
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    collection_ids: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    # Those that its new chats offer first.
    character_ids: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    tools: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    # Whether its chats are kept, no matter how old they are.
    keeps_chats: Mapped[bool] = mapped_column(default=False, server_default=false())
    has_facts: Mapped[bool] = mapped_column(default=False, server_default=false())
    changed_at: Mapped[datetime] = mapped_column(default=utc_now)
    deleted_at: Mapped[datetime | None] = mapped_column(index=True)


class UnfoldedProject(Base):
    """A project whose chats a person sees in the sidebar."""

    __tablename__ = "unfolded_projects"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True, index=True)
    unfolded_at: Mapped[datetime] = mapped_column(default=utc_now)


class Chat(Record):
    """A conversation. It belongs to a person (`owner_id`), or to a visitor's cookie (`visitor_hash`).

    `prompt_key` is the prompt that leads it, if that doesn't follow from its kind. A group has `character_ids`, in the order of
    their turns; its `character_id` is then the speaker of answers that name none. `foreign_fields` is what the file it was
    imported from says beyond our fields, for an export in the same format. `models` answer its messages side by side, if it has
    any; `column_ids` are the answers that do so at its end, by column, empty for one that isn't wanted any more.

    `touched_at` is when a person last changed more than its messages, such as its title; `leaves_at` is when it goes to the
    trash if it is not touched until then, which a person can rule out: `is_kept`.
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
    is_kept: Mapped[bool] = mapped_column(default=False, server_default=false())
    touched_at: Mapped[datetime | None]
    leaves_at: Mapped[datetime | None]
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
    # How many folds it has had, which their handles count.
    fold_count: Mapped[int] = mapped_column(default=0, server_default="0")
    # The keys of the tools that its answers can use.
    tools: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    lorebook_ids: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    models: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    column_ids: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    prompt_key: Mapped[str] = mapped_column(String(80), default="", server_default="")
    # `on`, `off`, or empty for the team's setting.
    fold: Mapped[str] = mapped_column(String(10), default="", server_default="")
    # Of the last release, for `fold`.
    story: Mapped[str] = mapped_column(String(10), default="", server_default="", deferred=True)
    # Excludes the chat from its owner's memory.
    is_forgotten: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Without a foreign key, for which SQLite would copy the whole table: one that is gone is said to be, until another is chosen.
    preset_id: Mapped[str | None] = mapped_column(String(26))
    # Without a foreign key, for which SQLite would copy the whole table: one that doesn't exist is none.
    project_id: Mapped[str | None] = mapped_column(String(LENGTH))
    # Whether the members of its project see it.
    is_for_project: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Whether any of its files is a text beside it.
    has_texts: Mapped[bool] = mapped_column(default=False, server_default=false())
    foreign_fields: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), deferred=True)

    __table_args__ = (
        Index("ix_chats_owner_id_changed_at", "owner_id", "changed_at"),
        Index(
            "uq_chats_owner_id_origin", "owner_id", "origin", unique=True, sqlite_where=NAMED, info={"postgresql_where": NAMED}
        ),
        # For foreign keys: deleting a message, character or persona searches for the chats that refer to it. Erasing a chat
        # does that for each of its messages.
        Index("ix_chats_head_id", "head_id"),
        Index("ix_chats_character_id", "character_id"),
        Index("ix_chats_persona_id", "persona_id"),
        _few("ix_chats_project_id", "project_id", "owner_id", "changed_at", sqlite="project_id IS NOT NULL"),
        _few("ix_chats_for_project", "project_id", "changed_at", sqlite="is_for_project = 1", postgresql="is_for_project"),
        _few("ix_chats_pinned", "owner_id", "pinned_at", sqlite="pinned_at IS NOT NULL"),
        # A character's page lists the groups that it is part of.
        _few("ix_chats_groups", "owner_id", sqlite="turn_order <> ''"),
        _few("ix_chats_deleted", "deleted_at", sqlite="deleted_at IS NOT NULL"),
        _few("ix_chats_leaving", "leaves_at", sqlite="leaves_at IS NOT NULL"),
        _few("ix_chats_temporary", "created_at", sqlite="is_temporary = 1", postgresql="is_temporary"),
        _few("ix_chats_visitors", "created_at", sqlite="visitor_hash IS NOT NULL"),
    )

    def touch(self) -> None:
        """Notes that a person has changed something about it, so that it is kept as long from now on."""
        self.touched_at, self.leaves_at = utc_now(), None

    @property
    def lane(self) -> str:
        return topic_names.of_chat(self.id)

    @property
    def is_group(self) -> bool:
        return bool(self.character_ids)

    @property
    def columns(self) -> list[str]:
        """The ids of the answers side by side of which none was kept yet: its head is one of them."""
        ids = [id for id in self.column_ids if id]
        return ids if len(ids) > 1 and self.head_id in ids else []

    def column_of(self, message_id: str) -> int:
        """Returns the number of an answer's column; 0 if it is in none."""
        return self.column_ids.index(message_id) + 1 if message_id in self.columns else 0

    @property
    def cast_ids(self) -> list[str]:
        """The ids of its characters, one or several."""
        return self.character_ids or ([self.character_id] if self.character_id else [])


class Message(Record):
    """One message. `content` is the raw text and authoritative; `html` is its rendering by renderer version `html_version`.

    Missing or outdated HTML is rendered when the message is shown, and by a background pass (`renderings`).

    `author_name` is the author named by an imported file, if that was not the chat's owner. `is_edited` marks an answer as a
    person's version. `head_then` is the chat's head when this message was deleted, if it was below it; `cut_id` is the child
    deleted last, if the chat has ended here since. `sources` are the passages that an answer was given: each
    viewer's permission is checked when they are shown. `variables` are those of the chat after this message, if it changed
    them. In a group, `speaker_name` is the name of the speaker at that time, a character or a person, and `speaker_id` is the
    character's id. Models are not sent a message that `is_hidden`; one that `is_kept` is never folded. `outside` says where text
    in it comes from that the chat's owner has not written, a place a line (`webapp/tools/outside.py`). `foreign_fields` are as
    those of the chat.
    """

    __tablename__ = "messages"

    created_at: Mapped[datetime] = mapped_column(default=DistinctTimes(utc_now))
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
    sources: Mapped[list[SourceRecord]] = mapped_column(JSON, default=list, server_default="[]")
    variables: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    speaker_id: Mapped[str | None] = mapped_column(String(26))
    speaker_name: Mapped[str] = mapped_column(String(120), default="", server_default="")
    is_hidden: Mapped[bool] = mapped_column(default=False, server_default=false())
    is_kept: Mapped[bool] = mapped_column(default=False, server_default=false())
    # How many calls of tools the answer has made.
    call_count: Mapped[int] = mapped_column(default=0, server_default="0")
    # How many facts its prompts had.
    fact_count: Mapped[int] = mapped_column(default=0, server_default="0")
    # How many facts were proposed after it, and await its person.
    proposal_count: Mapped[int] = mapped_column(default=0, server_default="0")
    outside: Mapped[str] = mapped_column(Text, default="", server_default="")
    foreign_fields: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), deferred=True)

    __table_args__ = (
        Index(
            "uq_messages_chat_id_origin", "chat_id", "origin", unique=True, sqlite_where=NAMED, info={"postgresql_where": NAMED}
        ),
        # Exports read a few messages at a time in this order; without the index, all texts of the chat would be sorted each
        # time. The condition `id > ''` hides it from other queries on SQLite, which would otherwise use it in place of the
        # index of deleted messages.
        Index("ix_messages_chat_id_id", "chat_id", "id", sqlite_where=text("id > ''")),
        # Messages to be rendered again; usually none.
        _few("ix_messages_html_version", "html_version", sqlite="content <> ''"),
        # For the foreign key: deleting an account searches for its messages in others' chats.
        _few("ix_messages_author_id", "author_id", sqlite="author_id IS NOT NULL"),
        # A character's usage is counted by its messages.
        _few("ix_messages_speaker_id", "speaker_id", sqlite="speaker_id IS NOT NULL"),
        # Scripts that depend on how many messages follow don't count hidden ones.
        _few("ix_messages_hidden", "chat_id", sqlite="is_hidden = 1", postgresql="is_hidden"),
        _few("ix_messages_kept", "chat_id", sqlite="is_kept = 1", postgresql="is_kept"),
        _few("ix_messages_deleted", "chat_id", sqlite="deleted_at IS NOT NULL"),
        _few("ix_messages_deleted_at", "deleted_at", sqlite="deleted_at IS NOT NULL"),
    )


class PersonVariables(Base):
    """The variables of a person that placeholders set in all their chats with characters."""

    __tablename__ = "person_variables"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    kept: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)


class Story(Record):
    """A shorter form of the messages down to one (`message_id`): of all from the root on, or from another on (`first_id`).

    On a path they apply one after the other. Each has the `number` of its handle, how it is told (`kind`), what it stands for,
    and the places of outside text in that. So many messages stayed below it when it was made (`stayed`): it is not for a path
    that has fewer there. `is_edited` means that a person wrote or edited it; `model` is the model that wrote it, if any. What
    came from a file or an older version was made by no one (`made_by`) until it is checked.
    """

    __tablename__ = "stories"

    chat_id: Mapped[str] = mapped_column(ForeignKey("chats.id", ondelete="CASCADE"), index=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), index=True)
    text: Mapped[str] = mapped_column(Text)
    is_edited: Mapped[bool] = mapped_column(default=False, server_default=false())
    model: Mapped[str] = mapped_column(String(200), default="", server_default="")
    kind: Mapped[FoldKind] = mapped_column(String(12), default="story", server_default="story")
    first_id: Mapped[str | None] = mapped_column(String(LENGTH))
    number: Mapped[int] = mapped_column(default=0, server_default="0")
    stayed: Mapped[int] = mapped_column(default=0, server_default="0")
    messages: Mapped[int] = mapped_column(default=0, server_default="0")
    calls: Mapped[int] = mapped_column(default=0, server_default="0")
    tokens_before: Mapped[int] = mapped_column(default=0, server_default="0")
    tokens_after: Mapped[int] = mapped_column(default=0, server_default="0")
    made_by: Mapped[str] = mapped_column(String(10), default="", server_default="")
    prompt_version: Mapped[int] = mapped_column(default=0, server_default="0")
    outside: Mapped[str] = mapped_column(Text, default="", server_default="")


class FollowUp(Record):
    """A queued message, sent once the answer before it is complete; they are sent in the order of their ids.

    `model` is the chat's from then on, `answered_by` that of this answer alone, and `speaker_id` the character who answers.
    `sent_as` identifies the request of one that was written offline. Without an author, it is the owner's or visitor's.
    """

    __tablename__ = "follow_ups"

    chat_id: Mapped[str] = mapped_column(ForeignKey("chats.id", ondelete="CASCADE"), index=True)
    author_id: Mapped[str | None] = mapped_column(String(26))
    text: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(String(200))
    answered_by: Mapped[str] = mapped_column(String(200), default="", server_default="")
    speaker_id: Mapped[str] = mapped_column(String(26), default="", server_default="")
    sent_as: Mapped[str | None] = mapped_column(String(64))


class Tag(Record):
    """A word of one person for chats, as they have typed it; `folded` is what it is compared by."""

    __tablename__ = "tags"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(40))
    folded: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("uq_tags_user_id_folded", "user_id", "folded", unique=True),)


class TaggedChat(Base):
    """A chat that has a tag."""

    __tablename__ = "tagged_chats"

    tag_id: Mapped[str] = mapped_column(ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True)
    chat_id: Mapped[str] = mapped_column(ForeignKey("chats.id", ondelete="CASCADE"), primary_key=True, index=True)


class Draft(Base):
    """A person's unsent text in one chat and, as a query string, what it names; with an empty `chat_id`, for a new chat."""

    __tablename__ = "drafts"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    chat_id: Mapped[str] = mapped_column(String(26), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    mentions: Mapped[str] = mapped_column(Text, default="", server_default="")
    changed_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class Feedback(Base):
    """A person's feedback on an answer: a thumb, and a reason."""

    __tablename__ = "feedback"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    is_good: Mapped[bool]
    reason: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
