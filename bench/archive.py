"""Many chats for the page benchmark, inserted into the database in bulk."""

import random
from collections.abc import Iterator
from datetime import timedelta
from itertools import accumulate
from typing import Any

from sqlalchemy import func, insert, select, update

from webapp.base.db import db, utc_now, write
from webapp.base.ids import new_id
from webapp.chat.record.tables import Chat, Message
from webapp.rendering import markdown
from webapp.rendering.text import title

MODEL = "bench/model"
VOCABULARY = 40_000
# The number of different texts, from which the messages are chosen.
QUESTIONS, ANSWERS = 1_000, 2_000
SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "va", "bra", "cle", "dri")
Row = dict[str, Any]


class Texts:
    """Questions and answers in words that follow Zipf's law, as in natural languages; reproducible with the same `dice`."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.words = list(dict.fromkeys("".join(dice.choices(SYLLABLES, k=dice.randint(2, 4))) for _ in range(VOCABULARY)))
        self._weights = list(accumulate(1 / (rank + 3) for rank in range(len(self.words))))
        self.questions = [_rendered(self.sentence()) for _ in range(QUESTIONS)]
        self.answers = [_rendered(self._answer()) for _ in range(ANSWERS)]

    def sentence(self) -> str:
        return self._some(self._dice.randint(8, 20)).capitalize() + "."

    def text(self, count: int) -> str:
        """Returns this many words, without punctuation."""
        return self._some(count)

    def _answer(self) -> str:
        paragraphs = [" ".join(self.sentence() for _ in range(3)) for _ in range(2)]
        items = "\n".join(f"- **{self._some(1)}**: {self._some(8)}" for _ in range(4))
        return "\n\n".join([paragraphs[0], items, paragraphs[1]])

    def _some(self, count: int) -> str:
        return " ".join(self._dice.choices(self.words, cum_weights=self._weights, k=count))


class Archive:
    """The chats of one person."""

    def __init__(self, owner_id: str, texts: Texts, dice: random.Random) -> None:
        self._owner_id, self._texts, self._dice = owner_id, texts, dice

    def add_chats(self, count: int, messages: int) -> list[str]:
        """Inserts chats with this many messages each; returns their ids."""
        rows = [self._chat() for _ in range(count)]
        message_rows = [message for row in rows for message in self._thread(row["id"], messages)]
        # Core tables instead of ORM objects, because there are a hundred thousand rows.
        table = db.metadata.tables
        newest = select(func.max(Message.id)).where(Message.chat_id == Chat.id).scalar_subquery()
        with write() as session:
            session.execute(insert(table["chats"]), rows)
            session.execute(insert(table["messages"]), message_rows)
            session.execute(
                insert(table["generations"]), [self._generation(row) for row in message_rows if row["role"] == "assistant"]
            )
            session.execute(update(table["chats"]).where(Chat.head_id.is_(None)).values(head_id=newest))
        return [row["id"] for row in rows]

    def _chat(self) -> Row:
        changed_at = utc_now() - timedelta(minutes=self._dice.randint(1, 500_000))
        return {
            "id": new_id(), "owner_id": self._owner_id, "model": MODEL, "title": title(self._texts.sentence()),
            "created_at": changed_at, "changed_at": changed_at,
        }  # fmt: skip

    def _thread(self, chat_id: str, count: int) -> Iterator[Row]:
        parent_id = None
        for number in range(count):
            role = "assistant" if number % 2 else "user"
            content, html = self._dice.choice(self._texts.answers if number % 2 else self._texts.questions)
            id = new_id()
            yield {
                "id": id, "chat_id": chat_id, "parent_id": parent_id, "role": role, "content": content, "html": html,
                "html_version": markdown.VERSION,
            }  # fmt: skip
            parent_id = id

    def _generation(self, message: Row) -> Row:
        now = utc_now()
        return {
            "id": new_id(), "kind": "chat", "lane": f"chat:{message['chat_id']}", "message_id": message["id"],
            "user_id": self._owner_id, "status": "completed", "reason": "stop", "model_asked": MODEL, "model_used": MODEL,
            "owner": "", "started_at": now, "first_text_at": now, "ended_at": now, "output_tokens": 200, "cost": "0.0004",
        }  # fmt: skip


def _rendered(text: str) -> tuple[str, str]:
    return text, markdown.render(text)
