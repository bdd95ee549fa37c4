"""The feed of a chat's open pages: new and changed messages, and the running answer."""

import re
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field, replace

from flask import render_template

from webapp.base import topic_names
from webapp.base.database import rows
from webapp.base.db import db
from webapp.chat.messages import deleted_branches
from webapp.chat.messages.projection import PERSISTENT_COUNTS, with_all_notices
from webapp.chat.record.fields import settings_mark
from webapp.chat.record.leader import replacing_composer
from webapp.chat.record.model_choice import MOST_BESIDE
from webapp.chat.record.reading_time import Clock, recorder
from webapp.chat.record.tables import Chat
from webapp.engine.engine import Engine
from webapp.engine.tables import Generation
from webapp.engine.watching.lane_feed import (
    COUNTS,
    FOLLOWED,
    SEEN,
    LaneFeed,
    LanePosition,
    joined_counts,
    position_text,
    split_counts,
)
from webapp.engine.watching.lists import UNKNOWN, ListNews
from webapp.engine.watching.single_flight import SingleFlight
from webapp.engine.watching.watchers import Context
from webapp.streaming.broadcaster import Cursor, Frame
from webapp.streaming.events import Changed
from webapp.streaming.topics import Entry, Signal
from webapp.workspace.page import shown, snapshot_shown
from webapp.workspace.page.composer_shown import composer_values
from webapp.workspace.page.snapshot_shown import JOINT

# The last part is the answers side by side, each a generation with its cursor.
POSITION = re.compile(rf"{SEEN}\.(?P<head>\w*)\.{FOLLOWED}(?P<columns>(?:~\w+\.{COUNTS}){{0,{MOST_BESIDE}}})")
COLUMN = re.compile(rf"~(\w+)\.({COUNTS})")
_changes_cache: "SingleFlight[PageChange]" = SingleFlight(lambda change: len(change.html))
_headings_cache: "SingleFlight[str]" = SingleFlight(len)
# Doesn't replace the title while the person is renaming the chat.
UNTOUCHED = "#chat-title:not(:has(form))"
# After a restart all pages reconnect simultaneously and need the whole thread; they can share one that is this old.
_threads_cache: "SingleFlight[PageChange]" = SingleFlight(lambda change: len(change.html))
WHOLE_SECONDS = 10.0
# All pages of a chat start to follow its next answer simultaneously.
_generations_cache: "SingleFlight[Generation | None]" = SingleFlight(lambda _: 1)
BEGUN_SECONDS = 1.0


@dataclass(slots=True)
class ChatPosition:
    """What a page has: the chat's and sidebar's sequence numbers, its end, and a generation with a cursor, or several.

    The sidebar's are those in the topics of its person. The end is that of `end_of`. `columns` are the cursors of answers side
    by side by their generations, also of those that have ended since. Cursors are updated in place with every frame; for
    another generation or message the position is replaced.
    """

    epoch: str
    seq: int
    head: str = ""
    generation: str = ""
    cursor: Cursor = ()
    sidebar: tuple[int, ...] = ()
    columns: dict[str, Cursor] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text(self.sidebar)

    def text(self, sidebar: tuple[int, ...]) -> str:
        """Returns it as it is sent, with these numbers of the sidebar."""
        cursor = self.cursor[:PERSISTENT_COUNTS]
        lane = position_text(self.epoch, (self.seq, *sidebar), self.generation, cursor, self.head)
        if not self.columns:
            return lane
        columns = (f"~{id}.{joined_counts(cursor[:PERSISTENT_COUNTS])}" for id, cursor in self.columns.items())
        return lane + "".join(columns)

    @classmethod
    def parse(cls, text: str) -> "ChatPosition | None":
        """Parses a page's position; None if it is invalid."""
        if not (match := POSITION.fullmatch(text)):
            return None
        lane = LanePosition.from_match(match)
        columns = {id: split_counts(counts) for id, counts in COLUMN.findall(match["columns"])}
        return cls(lane.epoch, lane.seq, match["head"], lane.generation, lane.cursor, lane.sidebar, columns)


def cursors_of(columns: Iterable[shown.ShownMessage]) -> tuple[tuple[str, Cursor], ...]:
    """Returns the cursors of answers side by side by their generations, as far as this process can follow those."""
    return tuple((column.generation_id, column.cursor) for column in columns if column.generation_id)


class ChatFeed(LaneFeed):
    """The feed of one chat for one page. HTML rendered for one page is reused for others at the same position."""

    def __init__(
        self,
        engine: Engine,
        chat_id: str,
        position: ChatPosition | None,
        context: Context,
        right: str = "own",
        *,
        person: str = "",
        clock: Clock | None = None,
    ) -> None:
        super().__init__(engine, topic_names.of_chat(chat_id), context)
        self._chat_id, self._right = chat_id, right
        # Cards of calls are for one writer, who alone can allow them.
        self._alike = right, person if right == "write" else ""
        self._said: tuple[object, ...] | None = None
        is_of_now = position and position.epoch == engine.logs.topics.epoch
        self._position = replace(position, columns={**position.columns}) if position and is_of_now else None
        after = (self._position and self._position.sidebar) or UNKNOWN
        self._clock = clock or Clock(engine.now, recorder(engine, person))
        self._sidebar = ListNews(engine, person, after, context, here=f"/chats/{chat_id}") if person else None

    def listen(self, signal: Signal) -> None:
        super().listen(signal)
        if self._position and self._position.generation:
            self._follow(self._position.generation)
        elif self._position:
            self._follow_columns(self._position.columns)

    def topics(self) -> dict[str, int]:
        return {self.lane: self._position.seq if self._position else -1, **(self._sidebar.topics() if self._sidebar else {})}

    def position(self) -> str:
        """Returns the position if it has changed since the last call, else an empty string; the tail is not part of it."""
        now, sidebar = self._position, self._sidebar.after if self._sidebar else ()
        # Called for every frame of every page: comparing tuples is cheaper than formatting the position, which is replaced if
        # anything but its cursors changes.
        columns = [cursor[:PERSISTENT_COUNTS] for cursor in now.columns.values()] if now and now.columns else None
        position = (now, now.cursor[:PERSISTENT_COUNTS], sidebar, columns) if now else None
        before, self._said = self._said, position
        return now.text(sidebar) if now and before != position else ""

    def news(self) -> list[Frame]:
        """Returns everything since the last call, in order; an unknown position gets the whole thread."""
        self._clock.stop_if_long()
        return self._news_of_chat() + (self._sidebar.news() if self._sidebar else [])

    def close(self) -> None:
        self._clock.end()
        super().close()

    def quick_news(self) -> list[Frame]:
        if self._broadcast:
            return self._answer() if not self._broadcast.projection.has_ended else []
        return self._answers() if not any(answer.projection.has_ended for answer in self._beside.values()) else []

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
            return self._answers()
        frames, self._position.cursor = self._broadcast.since(self._position.cursor)
        if self._broadcast.projection.has_ended:
            self._unfollow()
            self._clock.begin(self._position.generation)
        return frames

    def _answers(self) -> list[Frame]:
        """Returns what is new in each of the answers side by side."""
        frames, position = list[Frame](), self._position
        for id, broadcast in [*self._beside.items()] if position else ():
            assert position
            new, position.columns[id] = broadcast.since(position.columns[id])
            frames += new
            if broadcast.projection.has_ended:
                del self._beside[id]
        return frames

    def _changes(self, entries: list[Entry]) -> list[Frame]:
        position = self._position
        assert position
        if all(isinstance(entry.event, Changed) and entry.event.what == "title" for entry in entries):
            return self._named(entries[-1].seq)
        ids = tuple(dict.fromkeys(entry.event.id for entry in entries if isinstance(entry.event, Changed)))
        page = PageState(position.head, position.generation, self._broadcast is not None, tuple(position.columns))
        key = (self._engine.logs.topics.epoch, self._chat_id, position.seq, entries[-1].seq, page, *self._alike)
        change = _changes_cache.get(
            key, lambda: self._rendered(lambda: (self._end(ids, page) or self._page()).changed(ids, page))
        )
        return self._apply(change, entries[-1].seq)

    def _named(self, seq: int) -> list[Frame]:
        """Updates the page if nothing but the chat's title has changed."""
        assert self._position
        self._position = replace(self._position, seq=seq)
        return [Frame(_headings_cache.get((self._engine.logs.topics.epoch, self._chat_id, seq, self._right), self._heading))]

    def _heading(self) -> str:
        with self._context():
            chat = shown.chat(db.session.get_one(Chat, self._chat_id), is_running=False, right=self._right)
            return render_template("workspace/page/_named.html", chat=chat, title_place=UNTOUCHED)

    def _everything(self) -> list[Frame]:
        seq = self._engine.logs.topics.last(self.lane)
        key = (self._engine.logs.topics.epoch, self._chat_id, seq, *self._alike, self._engine.now() // WHOLE_SECONDS)
        return self._apply(_threads_cache.get(key, lambda: self._rendered(lambda: self._page().page_change())), seq)

    def _rendered(self, draw: "Callable[[], PageChange]") -> "PageChange":
        with self._context():
            return draw()

    def _end(self, ids: tuple[str, ...], had: "PageState") -> "_Page | None":
        """Reads only the thread from the page's last message on, if that is enough: usually one message was sent or answered."""
        since = had.head if (not had.is_followed or ids == (had.head,)) and JOINT not in had.head else ""
        moment = snapshot_shown.snapshot_since(self._engine, self._chat_id, since, self._right) if since else None
        page = _Page(moment, self._right) if moment else None
        return page if page and page.covers(ids, had) else None

    def _page(self) -> "_Page":
        chat = db.session.get_one(Chat, self._chat_id)
        return _Page(snapshot_shown.read_snapshot(self._engine, chat, self._right), self._right)

    def _apply(self, change: "PageChange", seq: int) -> list[Frame]:
        before = self._position
        self._position = ChatPosition(
            self._engine.logs.topics.epoch, seq, change.head, change.generation, change.cursor, columns=dict(change.columns)
        )
        if before and self._broadcast and not change.is_whole:
            # The followed answer is still running, or has just ended and its last frames are still to be sent.
            cursor = before.cursor if change.generation else with_all_notices(before.cursor)
            self._position = replace(self._position, generation=before.generation, cursor=cursor)
        elif before and before.columns and not change.is_whole:
            # The same for each of the answers that are followed side by side: the page has no others.
            cursors = before.columns.items()
            columns = {id: cursor if id in self._position.columns else with_all_notices(cursor) for id, cursor in cursors}
            self._position = replace(self._position, columns=columns)
        else:
            self._unfollow()
            if change.generation or change.columns:
                self._clock.end()
            if change.generation:
                self._follow(change.generation)
            else:
                self._follow_columns(self._position.columns)
        return [Frame(change.html)]

    def _follow(self, generation_id: str) -> None:
        generation = self._engine.live.get(generation_id) or self._stored(generation_id)
        with self._engine.in_app():
            # The id comes from the browser, so a generation of another chat must not be sent to this page.
            is_heard = self._follow_generation(generation if generation and generation.lane == self.lane else None)
        if not is_heard:
            self._position = None

    def _follow_columns(self, ids: Iterable[str]) -> None:
        for id in tuple(ids):
            generation = self._engine.live.get(id) or self._stored(id)
            with self._engine.in_app():
                is_heard = generation and generation.lane == self.lane and self._follow_beside(generation)
            if not is_heard:
                self._unfollow()
                self._position = None
                return

    def _stored(self, generation_id: str) -> Generation | None:
        """Loads a generation that runs in another worker or has ended; one query serves all pages that connect together."""

        def read() -> Generation | None:
            with self._engine.in_app():
                return rows.found(db.session(), Generation, generation_id)

        return _generations_cache.get((self._engine.logs.topics.epoch, generation_id, self._engine.now() // BEGUN_SECONDS), read)


@dataclass(frozen=True, slots=True)
class PageChange:
    """The HTML that updates a page, and the page's position after it."""

    html: str
    head: str
    generation: str
    cursor: Cursor
    is_whole: bool = False
    columns: tuple[tuple[str, Cursor], ...] = ()


@dataclass(frozen=True, slots=True)
class PageState:
    """What a page has before an update: its end, the generation it has heard, and whether it still follows that.

    `columns` are the generations of answers side by side that it has heard.
    """

    head: str
    heard: str
    is_followed: bool
    columns: tuple[str, ...] = ()


class _Page:
    """The current thread, and the fragments of it that pages need."""

    def __init__(self, moment: snapshot_shown.PageSnapshot, right: str) -> None:
        self._chat, self._right = moment.chat, right
        messages, self._messages = moment.messages, moment.thread
        self._path_ids = [message.id for message in self._messages]
        self._earlier_url, self._cut = shown.earlier_url(messages), deleted_branches.restorable_below(messages, right)
        self._led = replacing_composer(self._chat, right)
        self._around = composer_values(self._chat, messages, moment.running, right, moment.chat_state)
        self._running = snapshot_shown.running_in(self._messages)
        self._every, self._end = snapshot_shown.each_shown(self._messages), snapshot_shown.end_of(self._messages)
        self._columns = snapshot_shown.running_columns(self._messages)

    def page_change(self) -> PageChange:
        """Returns the whole thread, for a page whose position is unknown."""
        has_top = not self._chat.visitor_hash
        return self._change(self._messages, has_top=has_top, is_whole=True, earlier_url=self._earlier_url)

    def covers(self, ids: Iterable[str], page: PageState) -> bool:
        """Returns whether this part of the thread is enough to update a page."""
        return not self._has_gone_on(page) and {self._chat.id, *(message.id for message in self._every)}.issuperset(ids)

    def changed(self, ids: Iterable[str], page: PageState) -> PageChange:
        """Returns new messages and changed older ones, without the text of the generation that the page follows."""
        if self._has_gone_on(page):
            return self.page_change()
        head = page.head.partition(JOINT)[0]
        count = self._path_ids.index(head) + 1 if head else 0
        changed_ids = set(ids)
        # A question that had no answer has a button for one, and loses it with what follows now.
        if count and self._messages[count - 1].role == "user" and self._messages[count:]:
            changed_ids.add(head)
        old = [message for message in snapshot_shown.each_shown(self._messages[:count]) if message.id in changed_ids]
        heard = {page.heard, *page.columns} - {""}
        return self._change(self._messages[count:], has_top=self._chat.id in set(ids), old=old, heard=heard)

    def _has_gone_on(self, page: PageState) -> bool:
        """Returns whether the page's last message is gone, or another generation has replaced or continued the one it follows.

        In that case the frames still to come from the followed generation are older than what is saved.
        """
        if page.head and page.head != self._end and (JOINT in page.head or page.head not in self._path_ids[:-1]):
            return True
        if page.head == self._end and any(column.generation_id not in page.columns for column in self._columns):
            return True
        is_another = self._columns or (self._running and self._running.generation_id != page.heard)
        is_over = all(message.generation_id != page.heard for message in self._messages)
        return page.is_followed and bool(is_another or is_over)

    def _change(
        self,
        new: Sequence[shown.ShownMessage],
        *,
        has_top: bool,
        is_whole: bool = False,
        earlier_url: str = "",
        old: Sequence[shown.ShownMessage] = (),
        heard: Set[str] = frozenset(),
    ) -> PageChange:
        """Renders all fragments with one template, since starting one takes as long as rendering most of them.

        The title is not replaced while the person is renaming the chat.
        """
        running = self._running
        chat = shown.chat(self._chat, is_running=bool(running or self._columns), right=self._right)
        html = render_template(
            "workspace/page/_turn.html",
            chat=chat,
            new=new,
            old=old,
            heard=heard,
            has_top=has_top,
            is_whole=is_whole,
            earlier_url=earlier_url,
            title_place=UNTOUCHED,
            led=self._led,
            cut=self._cut,
            settings_mark=settings_mark(self._chat) if has_top and self._right == "own" else "",
            **self._around,
        )
        generation, cursor = (running.generation_id, running.cursor) if running else ("", ())
        return PageChange(html, self._end, generation, cursor, is_whole, cursors_of(self._columns))
