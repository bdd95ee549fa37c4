"""Makes a fold of a stretch of a conversation, outside of the transaction that needs it: by the machine's own extract."""

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from webapp.base.db import db, write
from webapp.base.heavy.turns import by_turns
from webapp.chat.folds import stretch
from webapp.chat.folds.extract import extract
from webapp.chat.folds.kept_words import KeptWords, Said, kept_words, missing_in
from webapp.chat.prompt.fold_due import FoldOrder
from webapp.chat.record.paths import PathMessage
from webapp.chat.record.tables import Chat, Message, Story
from webapp.models.tokens import estimate, share_of
from webapp.tools.folded import counted
from webapp.tools.outside import places_text

# How many characters a token of a fold has at least.
CHARS_PER_TOKEN = 3
READ_AT_ONCE = 10
# A fold is at most half as long as what it stands for.
SHORTER = 2


def make(order: FoldOrder) -> None:
    """Stores the fold, unless the chat is gone or its last message is."""
    chat = db.session.get(Chat, order.chat_id)
    if not chat:
        return
    names, calls, messages = stretch.names(chat), sum(stretch.call_counts(order.ids).values()), list[PathMessage]()
    for at in by_turns(range(0, len(order.ids), READ_AT_ONCE)):
        messages += stretch.read(chat, order.ids[at : at + READ_AT_ONCE])
        # Releases the database connection before other greenlets run.
        db.session.rollback()
    said = [Said(who, message.role, text) for message in messages for who, text in [stretch.words(message, names)] if text]
    chars = sum(len(one.text) for one in said)
    most_chars = min(order.most_tokens * CHARS_PER_TOKEN, chars // SHORTER)
    text = extract(said, most_chars=most_chars, in_turns=by_turns)
    text = f"{text}\n{_lacking_words(missing_in(text, kept_words(said, in_turns=by_turns)))}".strip()
    values = {
        "text": text,
        "outside": places_text(dict.fromkeys(place for message in messages for place in message.outside.splitlines())),
        "messages": len(said),
        "calls": calls,
        "tokens_before": sum(by_turns(estimate(one.text, share_of(chars)) for one in said)),
        "tokens_after": estimate(text),
        "made_by": "extract",
    }
    with write() as session:
        _store(session, order, values)


def _lacking_words(lacking: KeptWords) -> str:
    """Says what of a stretch has no room in its fold, so that a model knows what to open it for; empty for nothing."""
    counts = [(len(lacking.rules), "rules"), (len(lacking.details), "numbers, dates and names")]
    words = ", ".join(f"{counted(count)} {noun}" for count, noun in counts if count)
    return f"[Not here: {words}. recall opens them]" if words else ""


def _store(session: Session, order: FoldOrder, values: dict[str, Any]) -> None:
    first, last = order.ids[0], order.ids[-1]
    taken = update(Chat).where(Chat.id == order.chat_id).values(fold_count=Chat.fold_count + 1).returning(Chat.fold_count)
    number = session.scalar(taken.execution_options(synchronize_session=False))
    if number and session.scalar(select(Message.id).where(Message.id == last)):
        place = {"message_id": last, "first_id": None if order.is_from_root else first}
        session.add(Story(chat_id=order.chat_id, kind="conversation", number=number, **place, **values))
