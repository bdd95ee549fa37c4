"""What the open pages of a chat hear: new messages, changed ones, and the answer that runs."""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from flask import render_template
from markupsafe import escape

from webapp import lanes
from webapp.chat import branches, queries, shown
from webapp.chat.composer_shown import around
from webapp.chat.projection import LASTING, with_all_notices
from webapp.chat.rail_feed import Rail
from webapp.chat.shown import ShownMessage
from webapp.chat.tables import Chat
from webapp.extensions import db
from webapp.generations.engine import Engine
from webapp.generations.tables import Generation
from webapp.rendering.part import part
from webapp.streaming.broadcaster import Cursor, Frame
from webapp.streaming.events import Changed
from webapp.streaming.topics import Entry, Signal
from webapp.web.lane_feed import LaneFeed, Made, remembered
from webapp.web.watchers import Context

# Whoever follows a generation says by four counts how much of it they have.
POSITION = re.compile(r"(\w*)\.([0-9]{1,18})(?:-([0-9]{1,18}))?\.(\w*)\.(?:(\w+)\.([0-9]{1,18}(?:-[0-9]{1,18}){3})|\.)")
_made: "Made[Change]" = OrderedDict()


@dataclass(frozen=True, slots=True)
class Position:
    """What a page has: the chat's changes, the last message of its thread, how much of which generation, and its rail's."""

    epoch: str
    seq: int
    head: str = ""
    generation: str = ""
    cursor: Cursor = ()
    rail: int = -1

    def __str__(self) -> str:
        seq = f"{self.seq}-{self.rail}" if self.rail >= 0 else str(self.seq)
        return ".".join((self.epoch, seq, self.head, self.generation, "-".join(map(str, self.cursor[:LASTING]))))

    @classmethod
    def parse(cls, text: str) -> "Position | None":
        """The position that a page says it has; None for anything else."""
        if not (found := POSITION.fullmatch(text)):
            return None
        epoch, seq, rail, head, generation, cursor = found.groups()
        counts = tuple(map(int, cursor.split("-"))) if cursor else ()
        return cls(epoch, int(seq), head, generation or "", counts, int(rail) if rail else -1)


class ChatFeed(LaneFeed):
    """The news of one chat for one page. What is rendered for one page is kept for the others at the same position."""

    def __init__(
        self, engine: Engine, chat_id: str, position: Position | None, context: Context, right: str = "own", *, person: str = ""
    ) -> None:
        super().__init__(engine, lanes.of_chat(chat_id), context)
        self._chat_id, self._right, self._said = chat_id, right, ""
        self._position = position if position and position.epoch == engine.topics.epoch else None
        after = self._position.rail if self._position else -1
        self._rail = Rail(engine, person, after, context, current=chat_id) if person else None

    def listen(self, signal: Signal) -> None:
        super().listen(signal)
        if self._position and self._position.generation:
            with self._context():
                self._follow(self._position.generation)

    def topics(self) -> dict[str, int]:
        return {self.lane: self._position.seq if self._position else -1, **(self._rail.topics() if self._rail else {})}

    def position(self) -> str:
        """Where the page is, if that is not what was said last: as long as only the tail grows, it is."""
        rail = self._rail.after if self._rail else -1
        before, self._said = self._said, str(replace(self._position, rail=rail) if self._position else "")
        return "" if before == self._said else self._said

    def news(self) -> list[Frame]:
        """Everything since the last call, in order; an unknown position gets the whole thread again."""
        return self._news_of_chat() + (self._rail.news() if self._rail else [])

    def _news_of_chat(self) -> list[Frame]:
        if not self._position:
            return self._everything()
        entries = self._entries(self._position.seq)
        if entries is None:
            return self._everything()
        frames = self._changes(entries) if entries else []
        return frames + self._answer()

    def _answer(self) -> list[Frame]:
        if not self._broadcast or not self._position:
            return []
        frames, cursor = self._broadcast.since(self._position.cursor)
        self._position = replace(self._position, cursor=cursor)
        if self._broadcast.projection.has_ended:
            self.close()
        return frames

    def _changes(self, entries: list[Entry]) -> list[Frame]:
        position = self._position
        assert position
        ids = tuple(dict.fromkeys(entry.event.id for entry in entries if isinstance(entry.event, Changed)))
        heard, is_followed = position.generation, self._broadcast is not None
        seqs = (position.seq, entries[-1].seq)
        key = (self._engine.topics.epoch, self._chat_id, *seqs, position.head, heard, is_followed, self._right)
        change = remembered(_made, key, lambda: self._rendered(lambda page: page.changed(ids, position.head, heard, is_followed)))
        return self._apply(change, entries[-1].seq)

    def _everything(self) -> list[Frame]:
        seq = self._engine.topics.last(self.lane)
        return self._apply(self._rendered(lambda page: page.whole()), seq)

    def _rendered(self, render: "Callable[[_Page], Change]") -> "Change":
        with self._context():
            return render(_Page(self._engine, db.session.get_one(Chat, self._chat_id), self._right))

    def _apply(self, change: "Change", seq: int) -> list[Frame]:
        before = self._position
        self._position = Position(self._engine.topics.epoch, seq, change.head, change.generation, change.cursor)
        if before and self._broadcast and not change.is_whole:
            # It goes on, or it has just ended and its last words are still to come.
            cursor = before.cursor if change.generation else with_all_notices(before.cursor)
            self._position = replace(self._position, generation=before.generation, cursor=cursor)
        else:
            self.close()
            if change.generation:
                with self._context():
                    self._follow(change.generation)
        return [Frame(change.html)]

    def _follow(self, generation_id: str) -> None:
        generation = db.session.get(Generation, generation_id)
        # The browser names it: what is written in another chat is not for this page.
        if not self._hear(generation if generation and generation.lane == self.lane else None):
            self._position = None


@dataclass(frozen=True, slots=True)
class Change:
    """What brings a page to a new position."""

    html: str
    head: str
    generation: str
    cursor: Cursor
    is_whole: bool = False


class _Page:
    """The thread as it stands, and the fragments of it that pages need."""

    def __init__(self, engine: Engine, chat: Chat, right: str) -> None:
        self._chat, self._right = chat, right
        rows = queries.window(chat)
        self._messages = shown.thread(engine, rows, right)
        self._earlier_url, self._cut = shown.earlier_url(rows), branches.cut(rows, right)
        self._around = around(chat, rows, self._messages, right)
        self._running = running_in(self._messages)

    def whole(self) -> Change:
        """The whole thread, for a page whose position is unknown."""
        articles = "".join(_article(message) for message in self._messages)
        html = part("#thread", "innerMorph", articles)
        if not self._chat.visitor_hash:
            earlier = render_template("chat/_earlier.html", earlier_url=self._earlier_url)
            html += part("#earlier", "outerHTML", earlier) + self._top()
        return replace(self._change(html), is_whole=True)

    def changed(self, ids: Iterable[str], head: str, heard: str, is_followed: bool) -> Change:
        """What a page lacks: messages after its head, and the changed ones before it; of the generation it has heard, no text."""
        places = [message.id for message in self._messages]
        is_another = is_followed and self._running and self._running.generation_id != heard
        if (head and head not in places) or is_another:
            return self.whole()
        known = places.index(head) + 1 if head else 0
        old = [message for message in self._messages[:known] if message.id in set(ids)]
        parts = [piece for message in old for piece in self._renewed(message, heard)]
        if new := "".join(_article(message) for message in self._messages[known:]):
            parts.append(part("#thread", "beforeend", new))
        if self._chat.id in set(ids):
            parts.append(self._top())
        return self._change("".join(parts))

    def _renewed(self, message: ShownMessage, heard: str) -> list[str]:
        if not heard or message.generation_id != heard:
            return [part(f"#message-{message.id}", "outerMorph", _article(message))]
        if not message.is_running:
            aside = part(f"#message-{message.id}-aside", "outerHTML", render_template("chat/_aside.html", message=message))
            notices = part(f"#message-{message.id}-notices", "outerHTML", render_template("chat/_notices.html", message=message))
            return [notices, aside, part(f"#message-{message.id}-thought-words", "innerHTML", message.thought)]
        return []

    def _top(self) -> str:
        """What the top line says of the chat, and the page's title with it; but who is renaming it there goes on."""
        chat = shown.chat(self._chat, is_running=self._running is not None, right=self._right)
        title = part("title", "innerHTML", f"{escape(chat.title)} · Millrace")
        return render_template("chat/_top_changed.html", chat=chat, title_place="#chat-title:not(:has(form))") + title

    def _change(self, html: str) -> Change:
        if self._right == "own":
            html += part("#cut", "outerHTML", render_template("chat/_cut.html", cut=self._cut))
        if self._right != "view":
            html += part("#composer-controls", "outerHTML", render_template("chat/_controls.html", **self._around))
            html += part("#follow-up", "outerHTML", render_template("chat/_follow_up.html", **self._around))
        running, head = self._running, self._around["head"]
        return Change(html, head, running.generation_id if running else "", running.cursor if running else ())


def running_in(messages: Iterable[ShownMessage]) -> ShownMessage | None:
    return next((message for message in messages if message.is_running), None)


def _article(message: ShownMessage) -> str:
    return render_template("chat/_message.html", message=message)
