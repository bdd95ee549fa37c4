"""Makes a fold of a stretch of a conversation, outside of the transaction that needs it: by the machine's own extract."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from webapp.base.db import db, write
from webapp.base.heavy.turns import by_turns
from webapp.chat.folds import stretch
from webapp.chat.folds.extract import extract
from webapp.chat.folds.kept_words import KeptWords, Said, kept_words, missing_in
from webapp.chat.prompt.fold_due import MOST_FOLD, MOST_FOLDS, FoldOrder
from webapp.chat.prompt.path_folds import take_numbers
from webapp.chat.record import announcements
from webapp.chat.record.paths import PathMessage
from webapp.chat.record.tables import Chat, Message, Story
from webapp.models.tokens import estimate, share_of
from webapp.tools.folded import counted
from webapp.tools.outside import places_text

EXTRACT, MODEL = "extract", "model"
# How many characters a token of a fold has at least.
CHARS_PER_TOKEN = 3
READ_AT_ONCE = 10
# A fold is at most half as long as what it stands for.
SHORTER = 2
# Stands for messages that have files alone, or have no room.
NOTHING_SAID = "[Files or nothing said. recall opens them]"


@dataclass(frozen=True, slots=True)
class Material:
    """What a fold is made of: what was said, what of it has to be kept, and what is stored with any text that replaces it.

    `new` is what no earlier fold stands for.
    """

    order: FoldOrder
    said: tuple[Said, ...]
    new: tuple[Said, ...]
    kept: KeptWords
    chars: int
    counts: dict[str, Any]
    # How many folds the chat has had: with another number, it is another chat than the one that was read.
    fold_count: int

    @property
    def most_chars(self) -> int:
        return min(self.order.most_tokens * CHARS_PER_TOKEN, self.chars // SHORTER)

    @property
    def most_rule_chars(self) -> int:
        """What the extract can have if its rules need that: what all folds of a path can."""
        return min(int(self.order.most_tokens * CHARS_PER_TOKEN * MOST_FOLDS / MOST_FOLD), self.chars // SHORTER)


def read(order: FoldOrder) -> Material | None:
    """Reads the messages that are to be folded; None if the chat is gone."""
    chat = db.session.get(Chat, order.chat_id)
    if not chat:
        return None
    fold_count = chat.fold_count
    names, calls, messages = stretch.names(chat), sum(stretch.call_counts(order.ids).values()), list[PathMessage]()
    for at in by_turns(range(0, len(order.ids), READ_AT_ONCE)):
        messages += stretch.read(chat, order.ids[at : at + READ_AT_ONCE])
        # Releases the database connection before other greenlets run.
        db.session.rollback()
    covered = frozenset(order.ids[: order.covered])
    words = [
        (message.id, Said(who, message.role, text, bool(message.outside)))
        for message in messages
        for who, text in [stretch.words(message, names)]
    ]
    said = [one for _, one in words if one.text]
    new = tuple(one for id, one in words if one.text and id not in covered)
    chars = sum(len(one.text) for one in said)
    counts = {
        "outside": places_text(dict.fromkeys(place for message in messages for place in message.outside.splitlines())),
        "messages": len(said),
        "calls": calls,
        "tokens_before": sum(by_turns(estimate(one.text, share_of(chars)) for one in said)),
    }
    return Material(order, tuple(said), new, kept_words(said, in_turns=by_turns), chars, counts, fold_count)


def make(order: FoldOrder) -> None:
    """Stores the machine's extract as the fold, unless the chat is gone or a message at its end is."""
    if material := read(order):
        store_extract(material)


def store_extract(material: Material) -> None:
    before, most_chars, rule_chars = "\n\n".join(material.order.told), material.most_chars, material.most_rule_chars
    if 0 < len(before) <= 2 * most_chars:
        said = material.new if material.order.style == "story" else material.said
        rule_chars -= len(before)
        text = f"{before}\n\n{extract(said, most_chars=most_chars // 2, rule_chars=rule_chars, in_turns=by_turns)}"
    else:
        text = extract(material.said, most_chars=most_chars, rule_chars=rule_chars, in_turns=by_turns)
    text = f"{text}\n{_lacking_words(missing_in(text, material.kept))}".strip() or NOTHING_SAID
    with write() as session:
        store(session, material, text, made_by=EXTRACT)
    announce(material.order)


def announce(order: FoldOrder) -> None:
    """Has open pages say below its last message that it is folded, and no more below that of a fold that it replaces."""
    for end in {order.ids[-1], order.ids[max(0, order.covered - 1)]}:
        announcements.notify(order.chat_id, "message", end, ())


def _lacking_words(lacking: KeptWords) -> str:
    """Says what of a stretch has no room in its fold, so that a model knows what to open it for; empty for nothing."""
    counts = [(len(lacking.rules), "rules"), (len(lacking.details), "numbers, dates and names")]
    words = ", ".join(f"{counted(count)} {noun}" for count, noun in counts if count)
    return f"[Not here: {words}. recall opens them]" if words else ""


def store(session: Session, material: Material, text: str, **author: Any) -> None:
    """Stores a text as the fold, in place of the one that the order says, unless the chat has changed since it was read.

    So it has where a person has edited or unfolded what this one would stand in place of.
    """
    order, values = material.order, {**material.counts, **author, "text": text, "tokens_after": estimate(text)}
    earlier = select(Story.text).where(Story.chat_id == order.chat_id, Story.text.in_(order.earlier))
    if order.earlier and {*session.scalars(earlier)} != {*order.earlier}:
        return
    is_same = Chat.id == order.chat_id, Chat.fold_count == material.fold_count
    if order.replaces:
        is_there = Story.id == order.replaces, Story.is_edited.is_(False), select(Chat.id).where(*is_same).exists()
        session.execute(update(Story).where(*is_there).values(values).execution_options(synchronize_session=False))
        return
    numbers = take_numbers(session, *is_same)
    if numbers and session.scalar(select(Message.id).where(Message.id == order.ids[-1])):
        place = {"message_id": order.ids[-1], "first_id": None if order.is_from_root else order.ids[0], "stayed": order.stayed}
        session.add(Story(chat_id=order.chat_id, kind=order.style, number=numbers[0], **place, **values))
