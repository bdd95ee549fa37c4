"""Branches a chat into a new chat."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count, groupby, islice
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, insert, select, true
from sqlalchemy.orm import Session

from webapp.base.database.rows import table
from webapp.base.db import db, write
from webapp.base.errors import Conflict
from webapp.base.heavy.turns import queue_for_turn
from webapp.base.ids import new_id
from webapp.chat.files import long_files, storage
from webapp.chat.files.attachments import without_files
from webapp.chat.files.reference import ids_in
from webapp.chat.files.tables import ChatFile, StoredFile
from webapp.chat.messages.chats import TITLE_CHARS
from webapp.chat.record import announcements, queries, tags
from webapp.chat.record.fields import FIELDS
from webapp.chat.record.leader import is_led
from webapp.chat.record.tables import Chat, Message, Story
from webapp.knowledge.documents import chat_files
from webapp.models.connections.providers import providers
from webapp.people.accounts import creation_limit
from webapp.people.accounts.tables import User
from webapp.streaming.events import SourceRecord
from webapp.tools.calls import OPEN
from webapp.tools.outside import LINKED, chat_of, places_text
from webapp.tools.results import UNNAMED, hidden_results
from webapp.tools.tables import Call

KEPT_OF_CHAT = (
    *("kind", "title", "title_is_own", "model", "character_id", "character_ids", "turn_order", "prompt_key"),
    # Copies of folds keep their numbers.
    "fold_count",
)
# A copy of a temporary chat expires at the same time as the original.
KEPT_OF_TEMPORARY = ("is_temporary", "created_at")
# Other readers of a chat can't see these columns, so their copies don't get them.
KEPT_BY_ITS_OWNER = (
    *("project_id", "persona_id", "preset_id", "collection_ids", "lorebook_ids", "is_forgotten", "foreign_fields"),
    *(field.name for field in FIELDS),
)
KEPT_OF_MESSAGE = (
    *("role", "content", "reasoning", "html", "html_version", "sources", "created_at"),
    *("author_id", "author_name", "is_edited", "variables", "speaker_id", "speaker_name", "is_hidden", "foreign_fields"),
    *("call_count", "outside", "is_kept"),
)
# Other readers of a chat can't see these either.
OF_ITS_OWNER = ("variables", "foreign_fields")
COLUMNS = [getattr(Message, name) for name in KEPT_OF_MESSAGE]
# Limits for one transaction. Until all messages are copied the new chat is marked temporary: no list shows it, and if copying
# fails it expires by itself.
BATCH, CHARS = 100, 400_000
NOT_FINISHED = "This was not finished when the chat was copied."

BRANCH = re.compile(r"^Branch (?:\d+ )?of ")


class Extent(NamedTuple):
    """How much an answer had at some time: characters of text and reasoning, calls and sources."""

    text: int
    reasoning: int
    calls: int
    sources: int


@dataclass(frozen=True, slots=True)
class Included:
    """What others get of messages besides their text, and how much of those that have an extent; of others, all of it."""

    files: bool
    reasoning: bool
    calls: bool
    names: bool
    extents: Mapping[str, Extent] = field(default_factory=dict)

    def text_of(self, id: str, content: str, role: str) -> str:
        """Returns the text of a message as far as it is included."""
        extent = self.extents.get(id)
        text = content[: extent.text] if extent else content
        return text if self.files else without_files(text, role)

    def reasoning_of(self, id: str, reasoning: str) -> str:
        """Returns the reasoning before an answer as far as it is included."""
        extent = self.extents.get(id)
        return (reasoning[: extent.reasoning] if extent else reasoning) if self.reasoning else ""

    def most_calls(self, id: str) -> int | None:
        """Returns how many calls of a message are included, if others can be later."""
        extent = self.extents.get(id)
        return extent.calls if extent else None

    def sources_of(self, id: str, sources: Sequence[SourceRecord]) -> list[SourceRecord]:
        """Returns the sources of an answer as far as they are included."""
        extent = self.extents.get(id)
        return list(sources[: extent.sources] if extent else sources)


def fork(message: Message, *, owner_id: str, model: str = "") -> str:
    """Creates a chat of this person with the path down to the message; returns its id.

    The costs of the answers stay with the source chat; the person's tags are copied. A copy of a temporary chat is temporary,
    too, and expires on the same day. `model` is the model of the new chat; by default that of the source.
    """
    if not message.content:
        raise Conflict("There is nothing here to start a new chat from yet.")
    source = queries.chat_of(message)
    source_is_own, source_id = source.owner_id == owner_id, source.id
    names = (*KEPT_OF_CHAT, *(KEPT_BY_ITS_OWNER if source_is_own else ()))
    names += KEPT_OF_TEMPORARY if source.is_temporary else ()
    values: dict[str, Any] = {name: getattr(source, name) for name in names}
    # A feature that leads the source does not lead its copy.
    values["kind"] = "chat" if is_led(source) else source.kind
    if model:
        providers().refuse_unless_choosable(model, person=owner_id)
        values |= {"model": model, "preset_id": None}
    values["title"] = _title(source.title, owner_id)
    if reads := values.get("collection_ids"):
        # The source's own collection of files isn't shared: the copy gets one of its own.
        files = chat_files.own(db.session(), source.id, reads)
        values["collection_ids"] = [id for id in reads if id not in files]
    place = "" if source_is_own else chat_of(source.owner_id) if source.owner_id else LINKED
    return _new_chat(values, queries.ids_to(message.id), owner_id, place=place, tags_of=source_id)


def copy_included(title: str, model: str, path: list[str], included: Included, *, owner_id: str) -> str:
    """Creates a chat of this person with what is included of these messages, each below the one before; returns its id."""
    values = {"title": _title(title, owner_id), "model": model}
    return _new_chat(values, path, owner_id, place=LINKED, included=included)


def _new_chat(
    values: Mapping[str, Any],
    path: list[str],
    owner_id: str,
    *,
    place: str,
    tags_of: str = "",
    included: Included | None = None,
) -> str:
    """Creates a chat with copies of these messages; `place` is whose they are, in the outside rule, if not this person's own."""
    is_own = not place
    creation_limit.count(owner_id)
    with write() as session:
        chat = Chat(owner_id=owner_id, **{**values, "is_temporary": True})
        session.add(chat)
        session.flush()
        id = chat.id
    head = copied_messages(path, id, place=place, included=included)
    with write() as session:
        chat = session.get_one(Chat, id)
        chat.head_id, chat.is_temporary = head, bool(values.get("is_temporary"))
        if tags_of:
            tags.copy(session, owner_id, tags_of, id)
            chat.has_texts = _copy_texts(session, tags_of, id, true() if is_own else storage.is_open_to(owner_id))
        if chat.has_texts and head:
            # The texts can come from branches that aren't copied.
            last = session.get_one(Message, head)
            anywhere = session.scalars(select(Message.outside).where(Message.chat_id == tags_of, Message.outside != ""))
            last.outside = places_text(place for lines in (last.outside, *anywhere) for place in lines.splitlines())
    announcements.announce(chat, "chat", id)
    return id


def copied_messages(
    path: list[str], chat_id: str, below: str | None = None, *, place: str = "", included: Included | None = None
) -> str | None:
    """Copies these messages, each below the one before, and lets others go on in between; returns the id of the last copy."""
    # Below another message, what is folded above isn't the same.
    copies = None if below or included else dict[str, str]()
    while path:
        count, below = _copied(path[:BATCH], chat_id, below, copies, place=place, included=included)
        path = path[count:]
        queue_for_turn()
    return below


def _copied(
    path: list[str], chat_id: str, parent: str | None, all_copies: dict[str, str] | None, *, place: str, included: Included | None
) -> tuple[int, str | None]:
    """Copies the first of these messages with new ids, each below the one before; returns their number and the last new id.

    With `all_copies`, folds are copied, too: it maps the ids of those copied before to new ones, and afterwards of these.
    """
    with write() as session:
        path = queries.first_within(session, path, CHARS)
        rows_by_id = {row.id: row for row in session.execute(select(Message.id, *COLUMNS).where(Message.id.in_(path)))}
        rows, copies = [], dict[str, str]()
        new_owner_id = session.get_one(Chat, chat_id).owner_id or ""
        for row in (rows_by_id[id] for id in path if id in rows_by_id):
            id = copies[row.id] = new_id()
            # Footnotes, previews and sources in the HTML use the message's id in their links.
            html = (row.html or "").replace(row.id, id)
            values = {**row._mapping, "id": id, "html": html, "parent_id": parent, "chat_id": chat_id}
            if place:
                is_theirs = row.role == "user" and row.author_id == new_owner_id
                outside = places_text([*row.outside.splitlines(), *([] if is_theirs else [place])])
                values |= {**dict.fromkeys(OF_ITS_OWNER), "outside": outside}
            rows.append(values | _changed(row, included) if included else values)
            parent = id
        session.execute(insert(db.metadata.tables["messages"]), rows)
        if all_copies is not None:
            all_copies |= copies
            _copy_folds(session, copies, all_copies, chat_id, place)
        calling = {row.id: copies[row.id] for row in rows_by_id.values() if row.call_count and row.id in copies}
        file_ids = _copy_calls(session, calling, new_owner_id if place else None, included)
        is_held = storage.is_open_to(new_owner_id) if place else true()
        _hold_files(session, [row["content"] for row in rows], path[0], chat_id, file_ids, is_held)
    long_files.wake()
    return len(path), parent


def _changed(row: Any, included: Included) -> dict[str, Any]:
    """Returns the values in which the copy of a message differs because not all of it is included."""
    content, most = included.text_of(row.id, row.content, row.role), included.most_calls(row.id)
    values: dict[str, Any] = {"content": content, "reasoning": included.reasoning_of(row.id, row.reasoning)}
    values["sources"] = included.sources_of(row.id, row.sources)
    values["call_count"] = min(row.call_count, row.call_count if most is None else most) if included.calls else 0
    if content != row.content:
        values |= {"html": "", "html_version": 0}
    if not included.names:
        values |= {"author_id": None, "author_name": ""} | ({"speaker_name": ""} if row.role == "user" else {})
    return values


def _copy_folds(session: Session, ending: Collection[str], copies: Mapping[str, str], chat_id: str, place: str) -> None:
    """Copies the folds that end with one of these messages; `copies` maps old message ids to new ones."""
    folds = session.scalars(select(Story).where(Story.message_id.in_(ending)).order_by(Story.id)).all()
    rows = list[dict[str, Any]]()
    for fold in folds:
        if not fold.first_id or fold.first_id in copies:
            row = _values_of(fold) | {"id": new_id(), "chat_id": chat_id}
            row |= {"message_id": copies[fold.message_id], "first_id": copies.get(fold.first_id or "")}
            rows.append(row | {"outside": places_text([*fold.outside.splitlines(), place])})
    if rows:
        session.execute(insert(table(Story)), rows)


def _values_of(thing: Call | Story) -> dict[str, Any]:
    return {column.name: getattr(thing, column.name) for column in table(type(thing)).columns}


def _copy_calls(session: Session, copies: Mapping[str, str], new_owner_id: str | None, included: Included | None) -> set[str]:
    """Copies the calls of the copied messages, and returns the ids of the files that they made.

    A call belongs to one answer: one that isn't over will not be done by its copy. Another owner doesn't get results that they
    can't see, as a model would quote them again.
    """
    calls = session.scalars(select(Call).where(Call.message_id.in_(copies)).order_by(Call.id)).all() if copies else ()
    if included:
        calls = _first_calls(calls, included) if included.calls else []
    hidden = hidden_results(session.get(User, new_owner_id), calls) if new_owner_id is not None else {}
    rows = list[dict[str, Any]]()
    for call in calls:
        row = _values_of(call)
        # What was answered to a tool server is between it and the person who answered.
        row |= {"id": new_id(), "message_id": copies[call.message_id], "generation_id": None, "question": None}
        row |= {"state": "failed", "error": NOT_FINISHED} if call.state in OPEN else {}
        row |= _not_included(call, included) if included else {}
        rows.append(row | ({"text": "", "is_cut": True, "error": "", "file_ids": []} if call.id in hidden else {}))
    if rows:
        session.execute(insert(table(Call)), rows)
    return {id for row in rows for id in row["file_ids"]}


def _not_included(call: Call, included: Included) -> dict[str, Any]:
    """Returns the values in which the copy of a call differs because not all of it is included."""
    values: dict[str, Any] = {} if included.files else {"file_ids": []}
    if not included.names:
        values |= {"decided_by": None, "private_to": UNNAMED if call.private_to else None}
    # What a provider wants back with a round can contain its reasoning.
    return values if included.reasoning else values | {"kept": ""}


def _first_calls(calls: Sequence[Call], included: Included) -> list[Call]:
    """Returns those of the calls that are no later than what is included."""
    of_message = groupby(sorted(calls, key=lambda call: (call.message_id, call.round, call.number)), lambda call: call.message_id)
    return [call for id, some in of_message for call in islice(some, included.most_calls(id))]


def _hold_files(
    session: Session, contents: list[str], source_id: str, chat_id: str, file_ids: set[str], is_held: ColumnElement[bool]
) -> None:
    """Adds the files of the copied messages to the new chat, so that its readers can open them; long ones are indexed again."""
    if ids := ids_in(contents) | file_ids:
        source = select(Message.chat_id).where(Message.id == source_id).scalar_subquery()
        there = select(StoredFile, ChatFile.version, ChatFile.is_private).join(ChatFile, ChatFile.file_id == StoredFile.id)
        there = there.where(ChatFile.chat_id == source, StoredFile.id.in_(ids), is_held)
        present = set(session.scalars(select(ChatFile.file_id).where(ChatFile.chat_id == chat_id)))
        new = [row for row in session.execute(there) if row.StoredFile.id not in present]
        if new:
            rows = [
                {"chat_id": chat_id, "file_id": file.id, "version": version, "is_private": is_private}
                for file, version, is_private in new
            ]
            session.execute(insert(ChatFile), rows)
            # What is indexed is found by all who read the chat.
            long_files.collect(session, chat_id, [file for file, _, is_private in new if not is_private], by="", must=False)


def _copy_texts(session: Session, source_id: str, chat_id: str, is_held: ColumnElement[bool]) -> bool:
    """Gives the new chat the texts beside the source with their versions, as texts of its own; returns whether there are any."""
    versions = select(ChatFile).join(StoredFile, StoredFile.id == ChatFile.file_id)
    versions = versions.where(ChatFile.chat_id == source_id, ChatFile.text_id.is_not(None), is_held)
    # Files of the copied messages are there already.
    present = {row.file_id: row for row in session.scalars(select(ChatFile).where(ChatFile.chat_id == chat_id))}
    text_ids = defaultdict[str | None, str](new_id)
    for row in session.scalars(versions).all():
        copy = present.get(row.file_id) or ChatFile(chat_id=chat_id, file_id=row.file_id, version=row.version)
        copy.text_id, copy.made_by, copy.is_private = text_ids[row.text_id], row.made_by, row.is_private
        session.add(copy)
    return bool(text_ids)


def _title(title: str, owner_id: str) -> str:
    """Returns a title with the branch's number in front, where a narrow sidebar doesn't cut it off."""
    whole = BRANCH.sub("", title)
    if not whole:
        return ""
    titles = select(Chat.title).where(Chat.owner_id == owner_id, Chat.title.startswith("Branch "))
    taken = set(db.session.scalars(titles))
    names = (f"{start} {whole}"[:TITLE_CHARS] for start in chain(["Branch of"], (f"Branch {at} of" for at in count(2))))
    return next(name for name in names if name not in taken)
