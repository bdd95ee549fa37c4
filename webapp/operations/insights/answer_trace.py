"""The trace of one answer: its time spans, and the parts of its prompt."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webapp.engine.tables import Generation
from webapp.knowledge.sources import SeenSource, seen
from webapp.operations.insights.queries import ms_since_asked
from webapp.people.accounts.tables import User

# The chart's width, in its SVG units.
WIDTH = 600
PRIVATE = "Something private"


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the time that an answer took, and its place in the chart."""

    name: str
    words: str
    ms: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A section of the prompt, without its text."""

    title: str
    origin: str
    tokens: int
    is_dropped: bool


def spans(of: Generation) -> list[Span]:
    """Returns the phases of waiting and writing in order; a phase that never began has no span."""
    known = [(name, words, ms) for name, words, at in _ends(of) if (ms := ms_since_asked(of, at)) is not None]
    per_ms, begins, found = WIDTH / max([1, *(ms for _, _, ms in known)]), 0, list[Span]()
    for name, words, ms in known:
        length = max(0, ms - begins)
        found.append(Span(name, words, length, round(begins * per_ms, 2), round(length * per_ms, 2)))
        begins += length
    return found


def saved_ms(of: Generation) -> int | None:
    """Returns how much longer the reader would have waited without streaming."""
    first, end = ms_since_asked(of, of.first_text_at), ms_since_asked(of, of.ended_at)
    return None if first is None or end is None else max(0, end - first)


def pieces(of: Generation, *, is_own: bool) -> list[Piece]:
    """Returns the sections of its prompt, and those dropped for lack of room; names only if the answer is the viewer's own."""
    prompt = of.prompt or {}
    return [*_pieces(prompt.get("sections"), is_own, False), *_pieces(prompt.get("dropped"), is_own, True)]


def sources(of: Generation, viewer: User) -> list[SeenSource]:
    """Returns the sources it could quote, as far as this person is allowed to see each now."""
    return seen(viewer, (of.prompt or {}).get("sources", ()))


def _ends(of: Generation) -> tuple[tuple[str, str, datetime | None], ...]:
    is_answered = of.first_text_at is not None
    return (
        ("queued", "In the queue", of.started_at),
        ("waiting", "Until the first text", of.first_text_at),
        ("writing", "Writing" if is_answered else "Without any text", of.ended_at),
    )


def _pieces(kept: Any, is_own: bool, is_dropped: bool) -> Iterator[Piece]:
    for each in kept if isinstance(kept, list) else ():
        if isinstance(each, Mapping):
            title = PRIVATE if each.get("is_private") and not is_own else str(each.get("title", ""))
            title = "A source" if each.get("passage_id") and not is_own else title
            yield Piece(title, str(each.get("origin", "")) if is_own else "", int(each.get("tokens", 0)), is_dropped)
