"""What open pages of links receive: that their link is closed and, of a live one, what is new. Pages beyond a bound ask again.

One loop looks at all links with open pages together, so that a page costs nothing while nothing happens, and none of it is in
the way of members' streams.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from flask import Response, render_template

from webapp.base import languages
from webapp.base.current import PerApp
from webapp.base.db import db
from webapp.engine.engine import Engine, the_engine
from webapp.engine.tables import RUNNING
from webapp.engine.watching.sse_response import OPENING, detecting_disconnect, streaming_response
from webapp.engine.watching.watchers import Context
from webapp.rendering.part import part
from webapp.streaming.codec import HEARTBEAT, encode
from webapp.streaming.loops import Ticker
from webapp.streaming.topics import Signal
from webapp.workspace.links import pages, service
from webapp.workspace.links.pages import LinkFiles
from webapp.workspace.links.service import OpenLink

# Half of the second within which a page notices.
EVERY_SECONDS, HEARTBEAT_SECONDS = 0.5, 15.0
MOST_OF_LINK, MOST_IN_ALL = 50, 200
# A page beyond these bounds asks again after so many milliseconds.
LATER = b"retry: 10000\n\n" + HEARTBEAT
# A longer page doesn't grow, and while an answer is written, each of so many characters costs another second.
MOST_GROWING_CHARS, CHARS_PER_SECOND = 500_000, 20_000
CLOSED = "closed"


@dataclass
class Followed:
    """A link with open pages in one language: their signals, and the messages that they show, as HTML by id."""

    token: str
    language: str
    context: Context
    signals: set[Signal] = field(default_factory=set)
    articles: dict[str, str] = field(default_factory=dict)
    grows: bool = False
    version: tuple[Any, ...] = ()
    due: float = 0.0
    is_closed: bool = False

    def wake(self) -> None:
        for signal in self.signals:
            signal.set()


class OpenPages:
    """All open pages of links in this process."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.followed = engine, dict[tuple[str, str], Followed]()
        self._ticker = Ticker(
            "links",
            self._look,
            every=lambda: EVERY_SECONDS,
            spawn=engine.spawn,
            pause=engine.pause,
            now=engine.now,
            most_seconds=2.0,
        )

    def has_room(self, link_id: str) -> bool:
        counts = [(id, len(followed.signals)) for (id, _), followed in self.followed.items()]
        here = sum(count for id, count in counts if id == link_id)
        return sum(count for _, count in counts) < MOST_IN_ALL and here < MOST_OF_LINK

    @contextmanager
    def joined(self, link_id: str, new: Followed) -> Iterator[tuple[Followed, Signal]]:
        """Follows the link while inside the block."""
        key = link_id, new.language
        followed, signal = self.followed.setdefault(key, new), self.engine.signal()
        followed.signals.add(signal)
        self.engine.readers.add(signal)
        self._ticker.wake()
        try:
            yield followed, signal
        finally:
            self.engine.readers.discard(signal)
            followed.signals.discard(signal)
            if not followed.signals:
                self.followed.pop(key, None)

    def _look(self) -> bool:
        """Looks which links are closed and which have changed; returns whether any is followed."""
        with self.engine.in_app():
            links = service.open_links([*{id for id, _ in self.followed}])
            db.session.rollback()
            for (id, language), followed in list(self.followed.items()):
                if id not in links:
                    followed.is_closed = True
                    followed.wake()
                elif links[id][0].is_live:
                    with languages.using(language):
                        self._grow(followed, *links[id])
        return bool(self.followed) and not self.engine.is_closing

    def _grow(self, followed: Followed, link: OpenLink, version: tuple[Any, ...]) -> None:
        is_running, now = version[-1] in RUNNING, self.engine.now()
        if not followed.grows or now < followed.due or (version == followed.version and not is_running):
            return
        before, ids = followed.articles, link.ids
        db.session.rollback()
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, ids, strict=False)))
        # The last two can still change.
        first = max(0, min(same, len(ids) - 2))
        files = LinkFiles(link, followed.token)
        fresh = dict(pages.articles(self.engine, link, ids[first:], files, followed.context, first=first + 1))
        followed.version, followed.articles = version, {id: before[id] for id in ids[:first]} | fresh
        followed.grows = sum(map(len, followed.articles.values())) <= MOST_GROWING_CHARS
        followed.due = now + max(1.0, sum(map(len, fresh.values())) / CHARS_PER_SECOND) if is_running else now
        if followed.articles != before:
            followed.wake()


PAGES = PerApp(lambda: OpenPages(the_engine()))


def watched(link: OpenLink | None, token: str, etag: str | None, context: Context, socket: Any) -> Response:
    """Streams what is new on the page of a link that has this mark; a link that isn't open is closed at once.

    A page without a mark has no messages, and is only closed.
    """
    open_pages = PAGES.get()
    closed = part("#page", "innerHTML", render_template("workspace/links/_closed.html"))
    closing_frames = encode(closed) + encode(CLOSED, event=CLOSED)
    if not link:
        return streaming_response(iter([OPENING, closing_frames]))
    if not open_pages.has_room(link.id):
        return streaming_response(iter([LATER]))
    page = pages.page_of(the_engine(), link, token, context) if link.is_live else None
    grows = page is not None and not page.is_cut
    new = Followed(token, languages.current().code, context, articles=page.articles if page else {}, grows=grows)
    known = page.articles if page and page.etag == etag else {}
    parts = _frames(open_pages, link.id, new, known if etag is not None else None, closing_frames, socket)
    return streaming_response(parts)


def _frames(
    open_pages: OpenPages, link_id: str, new: Followed, known: dict[str, str] | None, closing_frames: bytes, socket: Any
) -> Iterator[bytes]:
    with open_pages.joined(link_id, new) as (followed, signal), detecting_disconnect(socket, signal.set) as is_gone:
        yield OPENING
        while not (is_gone() or open_pages.engine.is_closed):
            signal.clear()
            if followed.is_closed:
                yield closing_frames
                return
            current = followed.articles if followed.grows else known
            if known is not None and current is not None and (parts := _news(known, current)):
                known = current
                yield encode(parts)
            elif not signal.wait(HEARTBEAT_SECONDS):
                yield HEARTBEAT


def _news(known: dict[str, str], current: dict[str, str]) -> str:
    """Returns what a page that shows the known messages needs to show the current ones."""
    if known is current:
        return ""
    if list(current)[: len(known)] != list(known) or not known:
        return part("#thread", "innerMorph", "".join(current.values()))
    changed = [part(f"#m{place}", "outerMorph", current[id]) for place, id in enumerate(known, 1) if current[id] != known[id]]
    return "".join(changed) + "".join(part("#thread", "beforeend", current[id]) for id in list(current)[len(known) :])
