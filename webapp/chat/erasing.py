"""Permanently deletes chats and messages in small transactions: when they expire, or when a person requests it.

A sweeper deletes what has expired, and files that no message contains; temporary chats expire after a day, or when closed.

The costs of their answers stay on record, without any text.
"""

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, Select, Text, and_, cast, delete, func, literal, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.base import changes, topic_names
from webapp.base.database.log_file import truncate_log
from webapp.base.db import Base, db, is_sqlite, utc_now, write
from webapp.base.errors import Conflict
from webapp.base.heavy import bounded
from webapp.base.heavy.threads import offload_now
from webapp.base.heavy.turns import queue_for_turn
from webapp.base.keeping_clock import keeping_now
from webapp.chat.files import storage
from webapp.chat.files.reference import MARK, ids_in
from webapp.chat.files.tables import BY_CHANGE, BY_HAND, DOCUMENT, ChatFile, StoredFile
from webapp.chat.record.queries import first_within
from webapp.chat.record.tables import Chat, Draft, Message
from webapp.engine import generations
from webapp.engine.chores import Chore, run_steps
from webapp.engine.costs import forget_asker, keep_costs_alone, of_messages
from webapp.engine.tables import WHILE_ACTIVE, Generation
from webapp.knowledge import trash
from webapp.knowledge.documents import chat_files
from webapp.knowledge.tables import Collection
from webapp.people.members import service as people_service
from webapp.people.receipts import service as receipts
from webapp.people.things import grants
from webapp.people.things.thing import Thing, due_until
from webapp.settings.service import setting
from webapp.tools.calls import forget_answers
from webapp.tools.tables import Call

# Who has written a message whose author's account was erased, in a group where messages have names.
SOMEONE = "Someone"
# What each column of a table that refers to a chat counts, where the name of the table doesn't say it.
WORDS: Mapping[str, str] = {
    "allowed_tools.chat_id": "tools allowed in chats",
    "chat_files.chat_id": "files",
    "follow_ups.chat_id": "waiting messages",
    "stories.chat_id": "folds",
    "tagged_chats.chat_id": "tags",
    "text_changes.chat_id": "changes of texts",
    "workflow_runs.chat_id": "workflow runs",
}
AT_ONCE = 50
TEMPORARY_FOR = timedelta(days=1)
# Limits for one transaction. Removing text from the search index takes as long as reading it.
CHATS_AT_ONCE, MESSAGES_AT_ONCE, CHARS_AT_ONCE = 200, 200, 1_000_000
# Chats being deleted, some of whose messages are left: they have no owner any longer. The conditions are written so that the
# index on `owner_id` is used.
OWNERLESS = and_(Chat.owner_id.is_(None), func.coalesce(Chat.visitor_hash, "") == "")
OWNED = or_(Chat.owner_id.is_not(None), Chat.visitor_hash.is_not(None))


def empty_trash() -> int:
    """Permanently deletes what has been in the trash longer than the retention time; returns the number of chats."""
    if not (due := due_until()):
        return 0
    erase_branches(Message.deleted_at < due)
    owner_ids = [id for id in db.session.scalars(select(Chat.owner_id).where(Chat.deleted_at < due)) if id]
    for owner_id in set(owner_ids):
        erase_with_receipt(Chat.deleted_at < due, owner_id, by=receipts.RETENTION)
    return len(owner_ids) + erase(Chat.deleted_at < due)


def erase_temporary() -> int:
    """Deletes the temporary chats that began more than a day ago; returns their number."""
    return erase(is_expired())


def is_expired() -> ColumnElement[bool]:
    """Matches temporary chats that began more than a day ago."""
    return Chat.is_temporary & (Chat.created_at < utc_now() - TEMPORARY_FOR)


def has_expiring() -> bool:
    """Returns whether any chat or message is going to expire."""
    in_trash = [Chat.deleted_at.is_not(None), Message.deleted_at.is_not(None)] if due_until() else []
    # Separate queries, because each condition has an index of its own.
    waiting = (select(literal(1)).where(which).limit(1) for which in (OWNERLESS, Chat.is_temporary, *in_trash))
    return any(db.session.scalar(query) is not None for query in waiting)


def erase(condition: ColumnElement[bool]) -> int:
    """Deletes the chats with all their messages; returns their number.

    First their owner is removed, so that no one can open them or start an answer in them.
    """
    count = 0
    while taken := disown(condition):
        count += taken
        queue_for_turn()
    if count:
        finish()
        trash.empty()
    return count


def erase_with_receipt(condition: ColumnElement[bool], owner_id: str, *, by: str) -> str:
    """Deletes those of a person's chats; returns the id of the receipt, or an empty string if there were none."""
    theirs = condition & (Chat.owner_id == owner_id)
    removed = list(_counts(theirs))
    if not erase(theirs):
        return ""
    with write() as session:
        receipt = receipts.give(session, kind="chat", person_id=owner_id, by=by, removed=removed)
    truncate_log()
    return str(receipt["id"])


def _counts(condition: ColumnElement[bool]) -> Iterator[tuple[str, int]]:
    """Yields what there is of chats, and how much, like the receipt of an account."""
    ids = db.session.scalars(select(Chat.id).where(condition)).all()
    yield "chats", len(ids)
    for column, on_delete in receipts.referring("chats"):
        if on_delete == "CASCADE":
            pieces = (ids[start : start + CHATS_AT_ONCE] for start in range(0, len(ids), CHATS_AT_ONCE))
            if number := sum(receipts.count(column, column.in_(piece)) for piece in pieces):
                yield receipts.words_for(column, WORDS), number


def finish() -> None:
    """Deletes chats without an owner, including those left by an earlier process."""
    while _erase_some():
        # Lets other greenlets run between two pieces.
        queue_for_turn()


def erase_branches(condition: ColumnElement[bool]) -> set[str]:
    """Permanently deletes the matching deleted messages with everything below them; returns the ids of their chats."""
    query = select(Message.id, Message.chat_id).where(Message.deleted_at.is_not(None), condition)
    rows = db.session.execute(query).all()
    for id, _ in rows:
        # Repeats if a message was added below in the meantime.
        while below := _below(id):
            _erase_below(id, below)
    return {chat_id for _, chat_id in rows}


def stop_answers_of(person_id: str) -> None:
    """Stops all answers that run in a departing person's chats, or that they have asked for in others."""
    _stop_answers(Chat.owner_id == person_id)
    stop_answers_for(person_id)


def stop_answers_for(person_id: str) -> None:
    """Stops all answers that a person has asked for, in their chats and in others."""
    asked = select(Generation).where(WHILE_ACTIVE, func.coalesce(Generation.user_id, "") == person_id)
    generations.stop_and_wait(*db.session.scalars(asked))


def erase_chats_of(owner_id: str) -> None:
    """Deletes all chats of a departing person with their files; the costs of their answers stay without a person.

    Their messages in chats of others stay, without their name.
    """
    erase(Chat.owner_id == owner_id)
    forget_asker(owner_id)
    while _forget_speaker(owner_id):
        queue_for_turn()
    with write() as session:
        forget_answers(session, owner_id)
        session.execute(update(StoredFile).where(StoredFile.owner_id == owner_id).values(is_sent=True))
    # Also those that were never sent.
    sweep_files()


def _forget_speaker(person_id: str) -> bool:
    """Takes a person's names from the next of their messages in groups; returns whether there were any."""
    with write() as session:
        named = select(Message.id).where(Message.author_id == person_id, Message.speaker_name.not_in(("", SOMEONE)))
        ids = session.scalars(named.limit(MESSAGES_AT_ONCE)).all()
        statement = update(Message).where(Message.id.in_(ids)).values(speaker_name=SOMEONE)
        session.execute(statement.execution_options(synchronize_session=False))
    return bool(ids)


def hand_over_chats(session: Session, person_id: str, heir_id: str) -> int:
    """Makes the heir the owner of the next of a person's chats, with their files and runs; returns their number.

    Those in the trash and temporary ones are not handed over.
    """
    theirs = select(Chat.id).where(Chat.owner_id == person_id, Chat.deleted_at.is_(None), Chat.is_temporary.is_(False))
    ids = session.scalars(theirs.limit(CHATS_AT_ONCE).with_for_update()).all()
    values = {"owner_id": heir_id, "persona_id": None, "origin": "", "touched_at": utc_now(), "leaves_at": None}
    runs = Base.metadata.tables["workflow_runs"]
    for statement in (
        update(Chat).where(Chat.id.in_(ids)).values(**values),
        update(Collection).where(Collection.chat_id.in_(ids)).values(owner_id=heir_id),
        update(runs).where(runs.c.chat_id.in_(ids)).values(owner_id=heir_id),
        delete(Draft).where(Draft.chat_id.in_(ids)),
    ):
        session.execute(statement.execution_options(synchronize_session=False))
    return len(ids)


def detach_messages_of(session: Session, owner_id: str) -> None:
    """Prepares the messages of chats begun since `erase_chats_of` for deletion together with their chats."""
    mine = Message.chat_id.in_(select(Chat.id).where(Chat.owner_id == owner_id))
    keep_costs_alone(session, of_messages(select(Message.id).where(mine)))
    _detach(session, mine)


def disown(condition: ColumnElement[bool]) -> int:
    """Removes owner and permissions of the next matching chats; returns their number. `finish` deletes their contents."""
    with write() as session:
        query = select(Chat.id).where(condition, OWNED).limit(CHATS_AT_ONCE).with_for_update()
        ids = session.scalars(query).all()
        if ids:
            session.execute(delete(Draft).where(Draft.chat_id.in_(ids)))
            grants.forget(session, "chat", ids)
            chat_files.mark_for_deletion(session, ids)
            keep_costs_alone(session, Generation.lane.in_([topic_names.of_chat(id) for id in ids]) & WHILE_ACTIVE)
            nobodys = {"owner_id": None, "visitor_hash": None, "origin": ""}
            session.execute(update(Chat).where(Chat.id.in_(ids)).values(**nobodys))
    return len(ids)


def _erase_some() -> bool:
    """Deletes the next messages of chats without an owner, or such chats themselves once they are empty.

    Returns False when nothing is left.
    """
    with write() as session:
        chats = session.scalars(select(Chat.id).where(OWNERLESS).limit(CHATS_AT_ONCE)).all()
        messages = session.scalars(select(Message.id).where(Message.chat_id.in_(chats)).limit(MESSAGES_AT_ONCE)).all()
        if messages:
            # Their files are released when the chats are deleted.
            _erase_messages(session, first_within(session, messages, CHARS_AT_ONCE))
        else:
            session.execute(delete(Chat).where(Chat.id.in_(chats)).execution_options(synchronize_session=False))
    return bool(chats)


def _erase_below(id: str, ids: list[str]) -> None:
    """Deletes a deleted message with everything below it, the lowest messages first.

    Ends early if there is a new message below, or if the message was restored: then the rest of the branch is kept.
    """
    # From the bottom up, so that what remains is always a connected tree.
    remaining, all_ids = ids[::-1], frozenset(ids)
    while remaining and (count := _erase_first(id, remaining[:MESSAGES_AT_ONCE], all_ids)):
        remaining = remaining[count:]
        queue_for_turn()


def _erase_first(id: str, ids: Sequence[str], all_ids: Container[str]) -> int:
    """Deletes the first of these messages; returns how many."""
    with write() as session:
        some = first_within(session, ids, CHARS_AT_ONCE) if _is_still_deleted(session, id, all_ids) else []
        new = select(Message.id).where(Message.parent_id.in_(some), Message.id.not_in(some)).limit(1)
        if not some or session.scalar(new) is not None:
            return 0
        referenced = referenced_files(session, some)
        _erase_messages(session, some)
        remove_unreferenced(session, referenced)
    return len(some)


def _is_still_deleted(session: Session, id: str, all_ids: Container[str]) -> bool:
    """Returns whether the message is still deleted; restores it if the chat's head has moved below it in the meantime."""
    chat_id = select(Message.chat_id).where(Message.id == id, Message.deleted_at.is_not(None)).scalar_subquery()
    # Locks the chat until the transaction ends, so that its head cannot move.
    chat = session.execute(select(Chat.head_id).where(Chat.id == chat_id).with_for_update()).first()
    if chat is None:
        return False
    if is_shown := chat.head_id in all_ids:
        session.execute(update(Message).where(Message.id == id).values(deleted_at=None))
    return not is_shown


def _below(id: str) -> list[str]:
    """Returns the ids of a deleted message and everything below it, parents first."""
    first = select(Message.id, literal(0).label("depth")).where(Message.id == id, Message.deleted_at.is_not(None))
    below = first.cte("below", recursive=True)
    below = below.union_all(select(Message.id, below.c.depth + 1).join(below, Message.parent_id == below.c.id))
    return bounded.column(select(below.c.id).order_by(below.c.depth))


def _erase_messages(session: Session, ids: Sequence[str]) -> None:
    keep_costs_alone(session, of_messages(select(Message.id).where(Message.id.in_(ids))))
    _detach(session, Message.parent_id.in_(ids))
    statement = delete(Message).where(Message.id.in_(ids)).execution_options(synchronize_session=False)
    # Deleting removes every word from the full-text index, and one answer can have hundreds of thousands: in a thread, so that
    # the event loop isn't blocked.
    if is_sqlite():
        offload_now(SQLAlchemyError, session.connection().execute, statement)
    else:
        session.execute(statement)


def _detach(session: Session, condition: ColumnElement[bool]) -> None:
    """Detaches messages from their parents: SQLite cannot delete a chain of a thousand rows by cascading foreign keys."""
    session.execute(update(Message).where(condition).values(parent_id=None).execution_options(synchronize_session=False))


def close_temporary(chat: Chat) -> None:
    """Permanently deletes a temporary chat with all its text; a running answer is stopped first."""
    if not chat.is_temporary:
        raise Conflict("This isn't a temporary chat, so it can't be closed. You can delete it instead.")
    id, owner_id = chat.id, chat.owner_id
    _stop_answers(Chat.id == id)
    erase(Chat.id == id)
    # Closes the streams of pages that still show the chat.
    changes.notify_person(owner_id or "", "access", id)


def stop_expired() -> None:
    """Stops running answers in temporary chats that are about to be deleted because a day has passed."""
    _stop_answers(is_expired())


def _stop_answers(chats: ColumnElement[bool]) -> None:
    """Stops the running answers of chats that are about to be deleted, and lets them end.

    What they store meanwhile would outlive its chat, and writing an end and deleting the chat concurrently would deadlock.
    """
    lanes = select(literal(topic_names.of_chat("")) + Chat.id).where(chats)
    running = select(Generation).where(WHILE_ACTIVE, Generation.lane.in_(lanes))
    generations.stop_and_wait(*db.session.scalars(running))


def sweep_files() -> None:
    """Deletes files that are in no chat, a few per transaction."""
    while _sweep_some():
        queue_for_turn()


def is_unsent() -> ColumnElement[bool]:
    """Matches files that are in no chat: they were never sent, or all messages with them are deleted."""
    return ~_is_in_a_chat()


def has_unsent_files() -> bool:
    return db.session.scalar(select(StoredFile.id).where(~_is_in_a_chat()).limit(1)) is not None


def referenced_files(session: Session, message_ids: Sequence[str]) -> dict[str, set[str]]:
    """Returns the file ids in these messages by chat id; ids in a text that aren't files of the chat are ignored."""
    is_among = Message.id.in_(message_ids)
    query = select(Message.chat_id, Message.content).where(is_among, Message.content.contains(MARK))
    named = defaultdict[str, set[str]](set)
    for chat_id, content in session.execute(query):
        named[chat_id] |= ids_in([content])
    for chat_id, file_ids in session.execute(_made_by_calls(is_among)):
        named[chat_id] |= set(file_ids)
    files = {id: set(session.scalars(select(ChatFile.file_id).where(ChatFile.chat_id == id))) for id in named}
    return {id: referenced for id, ids in named.items() if (referenced := ids & files[id])}


def remove_unreferenced(session: Session, files: Mapping[str, set[str]]) -> None:
    """Removes these files from their chats unless another message there still contains them."""
    for chat_id, ids in files.items():
        gone = _unnamed(session, chat_id, ids) - _of_changed_texts(session, chat_id, ids)
        session.execute(delete(ChatFile).where(ChatFile.chat_id == chat_id, ChatFile.file_id.in_(gone)))
        documents = select(StoredFile.hash).where(StoredFile.id.in_(gone), StoredFile.kind == DOCUMENT)
        for hash in session.scalars(documents).all():
            chat_files.mark_file_for_deletion(session, chat_id, hash)


def _unnamed(session: Session, chat_id: str, ids: set[str]) -> set[str]:
    """Returns the ids that no message of the chat contains; one pass over the messages checks all ids."""
    remaining = set(ids)
    query = select(Message.content).where(Message.chat_id == chat_id, Message.content.contains(MARK))
    for content in session.scalars(query.execution_options(yield_per=AT_ONCE)):
        remaining -= ids_in([content])
    for _, file_ids in session.execute(_made_by_calls(Message.chat_id == chat_id)):
        remaining -= set(file_ids)
    return remaining


def _of_changed_texts(session: Session, chat_id: str, ids: set[str]) -> set[str]:
    """Returns those of these files that are versions of a text which a person has changed: it belongs to the chat since then."""
    changed = select(ChatFile.text_id).where(ChatFile.chat_id == chat_id, ChatFile.made_by.in_((BY_HAND, BY_CHANGE)))
    is_of_one = ChatFile.chat_id == chat_id, ChatFile.file_id.in_(ids), ChatFile.text_id.in_(changed)
    return set(session.scalars(select(ChatFile.file_id).where(*is_of_one)))


def _made_by_calls(messages: ColumnElement[bool]) -> Select[str, list[str]]:
    """Selects the ids of files that calls of these messages made, each with its chat."""
    query = select(Message.chat_id, Call.file_ids).join(Call, Call.message_id == Message.id)
    return query.where(messages, Message.call_count > 0, cast(Call.file_ids, Text) != "[]")


def _sweep_some() -> bool:
    # A draft can keep its files this long.
    is_over = or_(StoredFile.is_sent, StoredFile.created_at < keeping_now() - timedelta(days=int(setting("uploads.days"))))
    with write() as session:
        query = select(StoredFile.id, StoredFile.hash).where(and_(is_over, ~_is_in_a_chat())).limit(AT_ONCE)
        rows = session.execute(query).all()
        if not rows:
            return False
        session.execute(delete(StoredFile).where(StoredFile.id.in_([row.id for row in rows])))
        gone = {row.hash for row in rows}
        gone -= set(session.scalars(select(StoredFile.hash).where(StoredFile.hash.in_(gone))))
        for hash in gone:
            storage.remove(hash)
    return True


def _is_in_a_chat() -> ColumnElement[bool]:
    return StoredFile.id.in_(select(ChatFile.file_id))


STEPS = (
    finish,
    empty_trash,
    trash.empty,
    stop_expired,
    erase_temporary,
    sweep_files,
)


def sweep() -> bool:
    """Deletes what has expired, yielding to other greenlets in between; returns whether more will expire."""
    return run_steps(STEPS) and (has_expiring() or trash.is_waiting() or has_unsent_files())


RUNNING_ANSWERS = people_service.RunningAnswers(stop_answers_for)
# Every quarter of an hour, as long as there is something that will expire.
wake = Chore("sweeper", sweep, every_seconds=900.0, most_seconds=30.0).wake


def _detach_all_of(session: Session, person_id: str) -> None:
    detach_messages_of(session, person_id)
    # The files of a departing person's chats are deleted after the chats.
    wake()


# Shared by `record/sharing`, whose rights and links are a chat's own.
CHATS = Thing(
    kind="chat",
    table=Chat,
    word="chat",
    empty=empty_trash,
    parts=[Message],
    heirs_name="chats",
    hand_over=hand_over_chats,
    is_private=True,
)
DEPARTURE = people_service.Departure(stop=stop_answers_of, erase=erase_chats_of, detach=_detach_all_of)
