"""The projection of an answer: sealed blocks that never change, and one tail that grows."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from webapp.base.languages import gettext as _, ngettext
from webapp.base.visible_text import one_line
from webapp.engine.generation_text import AGAIN as AGAIN_CODES
from webapp.rendering.edits import Tails
from webapp.rendering.footnotes import CALLS, scoped
from webapp.rendering.markdown import (
    PIECE_LINES,
    AnySeam,
    CallsSeam,
    FinishedText,
    GrowingMarkdown,
    pieces,
    rendering,
)
from webapp.rendering.part import part
from webapp.rendering.pictures import Pictures
from webapp.streaming.broadcaster import Cursor, Frame
from webapp.streaming.events import (
    ATTEMPT_NOTICE,
    FOLDED_NOTICE,
    LIMIT_NOTICE,
    Asked,
    Asking,
    Decided,
    Delta,
    Ended,
    Failed,
    Notice,
    Phase,
    Question,
    Reasoning,
    Returned,
    Sources,
    Started,
)
from webapp.streaming.topics import Entry

# What an answer does, beside its status: frames name it, and states.js has the same words.
Doing = Mapping[str, str | int]
AGAIN, CALLING, ASKING, CONTINUING, DRAWING = ({"is": name} for name in ("again", "calling", "asking", "continuing", "drawing"))
IDLE: Doing = {}
# How much of a call that is being written is kept and shown, in characters.
MOST_ASKING, MOST_SHOWN = 300, 40
MOST_NOTICES = 1_000_000
# The part of a cursor that outlives a connection: on reconnecting, a page doesn't report which tail it has.
PERSISTENT_COUNTS = 5
NOTHING_LEFT: Iterator[None] = iter(())


def no_pictures(_text: str) -> Pictures:
    return {}


@dataclass(frozen=True, slots=True)
class AnswerSnapshot:
    """A snapshot of an answer."""

    status: str
    html: str
    tail: str
    reasoning: str
    notices: tuple[str, ...]
    words: str = ""


class AnswerProjection:
    """Renders an answer as its entries arrive. A cursor counts what a watcher has of it.

    The counts are sealed blocks, reasoning, notices, what was said of calls, states, tails, and additions to the current tail. A
    page that connects or reconnects knows the first five; it gets the whole tail.
    """

    def __init__(
        self,
        message_id: str,
        generation_id: str,
        *,
        beginning: str = "",
        seams: Sequence[AnySeam] = (),
        doing: Doing = IDLE,
        cited: Iterable[int] = (),
        growing: Callable[..., GrowingMarkdown] = GrowingMarkdown,
        scripted: Callable[[str], str] | None = None,
        pictures: Callable[[str], Pictures] = no_pictures,
        is_beside: bool = False,
    ) -> None:
        """`doing` is shown as the status until there is text; `cited` are the numbers of the sources it already has.

        `scripted` returns the finished text as the character's scripts change it. Pages show that at the end; `html` is without.
        `pictures` returns those that a piece of text refers to and may show.
        Of an answer that `is_beside` others, each edit of the growing text says which it belongs to.
        """
        self.has_ended = False
        # What is shown in place of the name of the status.
        self.status, self._doing, self._first_doing = "queued", doing, doing
        self.renders = 0
        self._message_id, self._generation_id = message_id, generation_id
        self._address = f"{message_id}:" if is_beside else ""
        self._growing = growing(seams, scope=message_id)
        self._growing.cite(cited)
        # The rounds whose calls have a place in the text, and whether one of them is still to come to the pages.
        self._placed, self._is_placing = {seam.round for seam in seams if isinstance(seam, CallsSeam)}, False
        self._scripted, self._scripted_html, self._pictures = scripted, "", pictures
        # The whole text, only if scripts can change it.
        self._texts: list[str] = []
        self._cited: Sequence[int] = tuple(cited)
        self._states = 0
        # What was said of calls, and those that have not returned.
        self._calls, self._open_calls = 0, set[str]()
        # The end of the call that the model is writing, by its number.
        self._asking = dict[int, str]()
        self._tails = Tails()
        self._reasoning: list[str] = []
        self._notices: list[str] = []
        self._finished: FinishedText | None = None
        # The part of the continued text that has not been rendered yet.
        self._beginning, self._has_begun = pieces(beginning), False

    @property
    def words(self) -> str:
        """What it does in words, in the language of the page; empty if its status says it."""
        match self._doing:
            case {"is": "writing", "title": title, "chars": int(chars), "end": end}:
                words = ngettext(
                    "Preparing: %(title)s · %(num)s character",
                    "Preparing: %(title)s · %(num)s characters",
                    chars,
                    title=title,
                )
                return f"{words}{end}"
            case {"is": "again"}:
                return _("Retrying")
            case {"is": "calling"}:
                return _("Using a tool")
            case {"is": "asking"}:
                return _("Waiting for an answer")
            case {"is": "continuing"}:
                return _("Continuing after a restart")
            case {"is": "drawing"}:
                return _("Creating a picture")
        return ""

    @property
    def html(self) -> str:
        """The final HTML, or a snapshot before there is one."""
        return self._finished.html if self._finished else self._growing.snapshot()

    @property
    def parsed_chars(self) -> int:
        """The number of characters parsed for rendering, as a measure of the work."""
        return self._growing.rendered_chars

    def begin(self) -> Iterator[None]:
        """Renders the text that this generation continues, yielding between pieces."""
        for piece in self._beginning:
            self._draw(piece)
            yield
        self._has_begun = True

    def fold(self, entry: Entry) -> Iterator[None]:
        """Applies the next entry, yielding between the pieces of a long text; a short one is applied by the call itself."""
        is_ready = self._has_begun and not self._asking
        if isinstance(entry.event, Delta) and len(entry.event.text) <= PIECE_LINES and is_ready:
            self._draw(entry.event.text)
            return NOTHING_LEFT
        return self._fold_in_pieces(entry)

    def _fold_in_pieces(self, entry: Entry) -> Iterator[None]:
        yield from self.begin()
        match entry.event:
            case Delta(text):
                if self._asking:
                    self._asking = {}
                    self._become(self.status)
                yield from self._grow(text)
            case Reasoning(text):
                self._reasoning.append(text)
            case Notice(code, message) if code not in (ATTEMPT_NOTICE, FOLDED_NOTICE, LIMIT_NOTICE):
                self._notices.append(message)
                if code in AGAIN_CODES:
                    self._become(self.status, AGAIN)
            case Sources(items):
                self._cited = [source["number"] for source in items]
                self._growing.cite(self._cited)
            case Failed(message=message):
                self._notices.append(message)
            case Started():
                self._become("thinking", self._first_doing)
            case Phase(name):
                self._become(name, self._first_doing if name == "thinking" else IDLE)
                self._calls += name == "waiting"
            case Asking() as asking:
                self._hear_asking(asking)
            case Asked(call_id, round):
                self._asking = {}
                self._place_calls(round)
                self._open_calls.add(call_id)
                self._hear_of_call(self.status)
            case Question():
                self._calls += 1
                self._become(self.status, ASKING)
            case Decided():
                self._hear_of_call("thinking")
            case Returned(call_id):
                self._open_calls.discard(call_id)
                self._hear_of_call(self.status)
            case Ended(status):
                yield from self.finish()
                self.has_ended = True
                self._become(status)

    def finish(self) -> Iterator[None]:
        """Makes the final HTML; unless the text has link definitions, sealed blocks are not rendered again."""
        yield from self.begin()
        if not self._finished:
            self.renders += 1
            yield from self._growing.finishing()
            yield from self._finish_scripted()
            self._finished = self._growing.finish()

    def _finish_scripted(self) -> Iterator[None]:
        text = "".join(self._texts)
        if self._scripted and (changed := self._scripted(text)) != text:
            html = yield from rendering(changed, cited=self._cited, pictures=self._growing.pictures)
            self._scripted_html = scoped(html, self._message_id) or "\n"

    def snapshot(self) -> tuple[AnswerSnapshot, Cursor]:
        """Returns a snapshot of the answer, and the cursor to continue from."""
        html, tail = (self.html, "") if self.has_ended else ("".join(self._growing.sealed), self._growing.tail)
        snapshot = AnswerSnapshot(self.status, html, tail, "".join(self._reasoning), tuple(self._notices), self.words)
        return snapshot, self._cursor()[:PERSISTENT_COUNTS]

    def since(self, cursor: Cursor) -> tuple[list[Frame], Cursor]:
        """Returns the frames that bring a page from the cursor to the present, and the new cursor."""
        now = self._cursor()
        if cursor == now:
            return [], now
        sealed, reasoning, notices, calls, states, *tail = cursor
        frames = [Frame(json.dumps(self._state()), event="status")] if states != self._states else []
        # Usually only the text has grown.
        has_more = self.has_ended or (reasoning, notices, calls) != now[1:4]
        if has_more and not self.has_ended and calls != now[3] and sealed != now[0]:
            # The place of calls is in the page before what fills it.
            return [*frames, *self._text_since(sealed, tail)], (now[0], reasoning, notices, calls, *now[4:])
        if has_more and (data := self._beside(sealed, reasoning, notices, calls)):
            # The text follows in a frame of its own, on the next call: if the connection is lost between the two, the page's
            # position tells which of them it has.
            return [*frames, Frame(data)], now if self.has_ended else (sealed, *now[1:PERSISTENT_COUNTS], *tail)
        if not self.has_ended and (sealed, *tail) != (now[0], *now[PERSISTENT_COUNTS:]):
            frames += self._text_since(sealed, tail)
        return frames, now

    def _text_since(self, sealed: int, tail: Sequence[int]) -> list[Frame]:
        edit = self._tails.since(tuple(tail), "".join(self._growing.sealed[sealed:]))
        return [Frame(self._address + edit)] if edit else []

    def _beside(self, sealed: int, reasoning: int, notices: int, calls: int) -> str:
        """Renders everything that is new except the growing text."""
        last = self._last_part(sealed)
        parts = (
            self._part("no-thought", "outerHTML", "", is_needed=not reasoning and bool(self._reasoning)),
            self._part("reasoning", "beforeend", escape("".join(self._reasoning[reasoning:]))),
            last,
            self._part("notices", "beforeend", self._new_notices(notices)),
            self._part("calls-news", "outerHTML", self._news_of_calls(calls, is_placed=bool(CALLS.search(last)))),
        )
        return "".join(parts)

    def blocks(self, first: int) -> list[tuple[int, str]]:
        """Returns the sealed blocks from this number on."""
        return list(enumerate(self._growing.sealed[first:], first))

    def last_blocks(self, first: int) -> list[tuple[int, str]]:
        """Returns the remaining blocks after the end; all of the final HTML as block 0 if it differs from the sealed blocks."""
        if not self._finished or self._finished.differs:
            return [(0, self.html)]
        sealed = self._growing.sealed
        rest = self._finished.html[sum(map(len, sealed)) :]
        return [*self.blocks(first), *([(len(sealed), rest)] if rest else [])]

    def rest(self, first: int) -> str:
        """Returns the HTML after the end from this block on; those before it stay as they were sealed."""
        if not self._finished:
            return ""
        return (self._finished.pieced if first else self.html)[sum(map(len, self._growing.sealed[:first])) :]

    def _new_notices(self, count: int) -> str:
        # At the end the saved message brings all notices in its own wording, possibly before this.
        return "" if self.has_ended else "".join(f'<p class="notice">{escape(message)}</p>' for message in self._notices[count:])

    def _news_of_calls(self, count: int, *, is_placed: bool) -> str:
        """Has a page fetch the calls, which each reader sees by their own right.

        At the end the saved message brings them, but before places for them that only the end of the text has.
        """
        if not is_placed and (self.has_ended or count == self._calls):
            return ""
        id = f"message-{self._message_id}-calls-news"
        # Of two at a time, the later one is right.
        sync = f'hx-sync="#message-{self._message_id}:replace"'
        return f'<i id="{id}" hidden hx-get="/messages/{self._message_id}/calls" hx-trigger="load" hx-swap="none" {sync}></i>'

    def _last_part(self, sealed: int) -> str:
        """Replaces the tail with its final HTML once the answer has ended."""
        if not self._finished or not self.has_ended:
            return ""
        if self._finished.differs or self._scripted_html:
            return self._part("text", "innerHTML", self._scripted_html or self._finished.html, is_needed=True)
        shown = sum(len(block) for block in self._growing.sealed[:sealed])
        return self._part("tail", "outerHTML", self._finished.html[shown:], is_needed=True)

    def _grow(self, text: str) -> Iterator[None]:
        for number, piece in enumerate(pieces(text)):
            if number:
                yield
            self._draw(piece)

    def _draw(self, piece: str) -> None:
        self.renders += 1
        if self._scripted:
            self._texts.append(piece)
        if shown := self._pictures(piece):
            self._growing.show(shown)
        for change in self._growing.feed(piece):
            self._take(change.kind, change.html)

    def _take(self, kind: str, html: str) -> None:
        if kind == "tail":
            self._tails.draw(html)
        elif kind == "append":
            self._tails.add(html)
        elif self._is_placing and CALLS.search(html):
            self._is_placing = False
            self._calls += 1

    def _place_calls(self, round: int) -> None:
        """Puts the calls of a round where the text was when they were asked for; those before all text stand above it."""
        if round in self._placed or not self._growing.has_text:
            return
        self._placed.add(round)
        self._is_placing = True
        for change in self._growing.interrupt(round):
            self._take(change.kind, change.html)

    def _hear_of_call(self, status: str) -> None:
        self._calls += 1
        self._become(status, CALLING if self._open_calls else IDLE)

    def _hear_asking(self, asking: Asking) -> None:
        """Shows the end of a call that is being written."""
        before = self._asking.get(asking.number, "")
        self._asking = {asking.number: (before + asking.arguments[-MOST_ASKING:])[-MOST_ASKING:]}
        *_, line = self._asking[asking.number].replace("\\n", "\n").rstrip().split("\n")
        line = line[-MOST_SHOWN:].replace('\\"', "”")
        # Where a text begins or ends are the signs of JSON, which say little to people.
        is_prose = '"' not in line
        title, end = one_line(asking.title, MOST_SHOWN), one_line(line, MOST_SHOWN)
        cut = "…" if asking.chars > len(end) else ""
        end = f" {cut}{end}" if is_prose else ""
        self._become(self.status, {"is": "writing", "title": title, "chars": asking.chars, "end": end})

    def _become(self, status: str, doing: Doing = IDLE) -> None:
        if (status, doing) != (self.status, self._doing):
            self.status, self._doing = status, doing
            self._states += 1

    def _cursor(self) -> Cursor:
        lasting = (len(self._growing.sealed), len(self._reasoning), len(self._notices), self._calls, self._states)
        return (*lasting, *self._tails.position)

    def _state(self) -> dict[str, Any]:
        doing = {"doing": self._doing} if self._doing else {}
        return {"message": self._message_id, "status": self.status, "generation": self._generation_id, **doing}

    def _part(self, name: str, swap: str, html: str, *, is_needed: bool = False) -> str:
        if not html and not is_needed:
            return ""
        return part(f"#message-{self._message_id}-{name}", swap, html)


def with_all_notices(cursor: Cursor) -> Cursor:
    """Returns the cursor of a page that was sent the saved notices, so that it gets no others."""
    return (*cursor[:2], MOST_NOTICES, *cursor[3:]) if cursor else cursor
