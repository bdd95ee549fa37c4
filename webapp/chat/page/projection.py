"""The projection of an answer: sealed blocks that never change, and one tail that grows."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from webapp.engine.notice_text import AGAIN
from webapp.rendering.edits import Tails
from webapp.rendering.markdown import GrowingMarkdown, Seam, Whole, pieces
from webapp.rendering.part import part
from webapp.streaming.broadcaster import Cursor, Frame
from webapp.streaming.events import TRIED, Delta, Ended, Failed, Notice, Phase, Reasoning, Sources, Started
from webapp.streaming.topics import Entry

AGAIN_WORDS = "Retrying"
MOST_NOTICES = 1_000_000
# How much of a cursor outlives a connection: which tail a page has, it does not say when it comes back.
LASTING = 4


@dataclass(frozen=True, slots=True)
class Picture:
    """An answer at one moment."""

    status: str
    html: str
    tail: str
    reasoning: str
    notices: tuple[str, ...]
    words: str = ""


class AnswerProjection:
    """The cursor counts what a watcher has: sealed blocks, reasoning, notices, states, tails, and additions to this tail.

    A page that comes, or comes back, knows the first four; it gets the tail anew.
    """

    def __init__(
        self,
        message_id: str,
        generation_id: str,
        *,
        beginning: str = "",
        seams: Sequence[Seam] = (),
        words: str = "",
        cited: Iterable[int] = (),
        growing: Callable[..., GrowingMarkdown] = GrowingMarkdown,
    ) -> None:
        """`words` are said of the status until there is text; `cited` are the numbers of the sources it has already."""
        self.has_ended = False
        # What is said of the status, where its own name is not the whole truth.
        self.status, self.words, self._first_words = "queued", words, words
        self.renders = 0
        self._message_id, self._generation_id = message_id, generation_id
        self._growing = growing(seams, scope=message_id)
        self._growing.cite(cited)
        self._states = 0
        self._tails = Tails()
        self._reasoning: list[str] = []
        self._notices: list[str] = []
        self._whole: Whole | None = None
        # What is still to be drawn of the text that it goes on from.
        self._beginning = pieces(beginning)

    @property
    def html(self) -> str:
        """The definitive rendering, once there is one."""
        return self._whole.html if self._whole else self._growing.snapshot()

    @property
    def parsed_chars(self) -> int:
        """How much has been read to render it: the measure of the work."""
        return self._growing.rendered_chars

    def begin(self) -> Iterator[None]:
        """Draws what it goes on from."""
        for piece in self._beginning:
            self._draw(piece)
            yield

    def fold(self, entry: Entry) -> Iterator[None]:
        """Takes the next entry; a long text is taken in pieces."""
        yield from self.begin()
        match entry.event:
            case Delta(text):
                yield from self._grow(text)
            case Reasoning(text):
                self._reasoning.append(text)
            case Notice(code, message) if code != TRIED:
                self._notices.append(message)
                if code in AGAIN:
                    self._become(self.status, AGAIN_WORDS)
            case Sources(items):
                self._growing.cite(each["number"] for each in items)
            case Failed(message=message):
                self._notices.append(message)
            case Started():
                self._become("thinking", self._first_words)
            case Phase(name):
                self._become(name, self._first_words if name == "thinking" else "")
            case Ended(status):
                yield from self.finish()
                self.has_ended = True
                self._become(status)

    def finish(self) -> Iterator[None]:
        """Makes the definitive rendering; without link definitions the blocks that are sealed are not rendered again."""
        yield from self.begin()
        if not self._whole:
            self.renders += 1
            yield from self._growing.finishing()
            self._whole = self._growing.finish()

    def snapshot(self) -> tuple[Picture, Cursor]:
        """The picture of this moment and the cursor that goes on from it."""
        html, tail = (self.html, "") if self.has_ended else ("".join(self._growing.sealed), self._growing.tail)
        picture = Picture(self.status, html, tail, "".join(self._reasoning), tuple(self._notices), self.words)
        return picture, self._cursor()[:LASTING]

    def since(self, cursor: Cursor) -> tuple[list[Frame], Cursor]:
        """What brings a page from the cursor to now."""
        now = self._cursor()
        if cursor == now:
            return [], now
        sealed, reasoning, notices, states, *place = cursor
        frames = [Frame(json.dumps(self._state()), event="status")] if states != self._states else []
        # Most often there is more text, and nothing else.
        has_more = self.has_ended or (reasoning, notices) != now[1:3]
        if has_more and (data := self._beside(sealed, reasoning, notices)):
            # The text by itself, next: a page that is cut off between the two says which of them it has.
            return [*frames, Frame(data)], now if self.has_ended else (sealed, *now[1:LASTING], *place)
        if not self.has_ended and (sealed, *place) != (now[0], *now[LASTING:]):
            edit = self._tails.since(tuple(place), "".join(self._growing.sealed[sealed:]))
            frames += [Frame(edit)] if edit else []
        return frames, now

    def _beside(self, sealed: int, reasoning: int, notices: int) -> str:
        """What is new but for the text that grows."""
        parts = (
            self._part("no-thought", "outerHTML", "", is_needed=not reasoning and bool(self._reasoning)),
            self._part("reasoning", "beforeend", escape("".join(self._reasoning[reasoning:]))),
            self._last_part(sealed),
            self._part("notices", "beforeend", self._new_notices(notices)),
        )
        return "".join(parts)

    def blocks(self, first: int) -> list[tuple[int, str]]:
        """The finished blocks from this number on."""
        return list(enumerate(self._growing.sealed[first:], first))

    def last_blocks(self, first: int) -> list[tuple[int, str]]:
        """After the end: the finished blocks and the rest; a whole that differs takes the place of all."""
        if not self._whole or self._whole.differs:
            return [(0, self.html)]
        sealed = self._growing.sealed
        rest = self._whole.html[sum(map(len, sealed)) :]
        return [*self.blocks(first), *([(len(sealed), rest)] if rest else [])]

    def _new_notices(self, known: int) -> str:
        # At the end the saved message brings all of them, in its own words, perhaps sooner than this.
        return "" if self.has_ended else "".join(_notice(message) for message in self._notices[known:])

    def _last_part(self, sealed: int) -> str:
        """At the end what is open becomes what it is for good."""
        if not self._whole or not self.has_ended:
            return ""
        if self._whole.differs:
            return self._part("text", "innerHTML", self._whole.html, is_needed=True)
        shown = sum(len(block) for block in self._growing.sealed[:sealed])
        return self._part("tail", "outerHTML", self._whole.html[shown:], is_needed=True)

    def _grow(self, text: str) -> Iterator[None]:
        for number, piece in enumerate(pieces(text)):
            if number:
                yield
            self._draw(piece)

    def _draw(self, piece: str) -> None:
        self.renders += 1
        for change in self._growing.feed(piece):
            self._take(change.kind, change.html)

    def _take(self, kind: str, html: str) -> None:
        if kind == "tail":
            self._tails.draw(html)
        elif kind == "append":
            self._tails.add(html)

    def _become(self, status: str, words: str = "") -> None:
        if (status, words) != (self.status, self.words):
            self.status, self.words = status, words
            self._states += 1

    def _cursor(self) -> Cursor:
        lasting = (len(self._growing.sealed), len(self._reasoning), len(self._notices), self._states)
        return (*lasting, *self._tails.place)

    def _state(self) -> dict[str, str]:
        words = {"words": self.words} if self.words else {}
        return {"message": self._message_id, "status": self.status, "generation": self._generation_id, **words}

    def _part(self, place: str, swap: str, html: str, *, is_needed: bool = False) -> str:
        if not html and not is_needed:
            return ""
        return part(f"#message-{self._message_id}-{place}", swap, html)


def _notice(message: str) -> str:
    return f'<p class="notice">{escape(message)}</p>'


def with_all_notices(cursor: Cursor) -> Cursor:
    """The cursor of a page that has been given the saved notices, and needs none of those still on their way."""
    return (*cursor[:2], MOST_NOTICES, *cursor[3:]) if cursor else cursor
