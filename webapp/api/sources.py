"""Sources of answers in the API: the same fields everywhere, as far as who reads them may see the document now."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field

from webapp.accounts.guards import user_or_none
from webapp.api.access import caller_or_none
from webapp.api.schemas import Answer
from webapp.chat.tables import Message
from webapp.knowledge.shown import place_url
from webapp.knowledge.sources import SeenSource, seen
from webapp.live.watchers import Context
from webapp.streaming.events import Event, Sources

Kept = Sequence[Mapping[str, Any]]


class SourceAnswer(Answer):
    """All but its number is null for a caller who may not see the document, or when it is gone."""

    number: int = Field(description="By which the answer cites it.")
    title: str | None
    document_id: str | None
    passage_id: str | None
    page: int | None
    url: str | None = Field(description="The passage in its document, on this server.")


def told(kept: Kept) -> list[SourceAnswer]:
    """Sources as the caller may see them."""
    return [_one(each) for each in seen(_reader(), kept)] if kept else []


def told_of(rows: Iterable[Message]) -> dict[str, list[SourceAnswer]]:
    """The same of several messages, asked for together."""
    owners, kept = list[str](), list[Mapping[str, Any]]()
    for row in rows:
        owners += [row.id] * len(row.sources)
        kept += row.sources
    found: dict[str, list[SourceAnswer]] = {}
    for id, each in zip(owners, told(kept), strict=True):
        found.setdefault(id, []).append(each)
    return found


def as_told(event: Event) -> Event:
    """An event as the caller may hear it."""
    return Sources(tuple(each.model_dump() for each in told(event.items))) if isinstance(event, Sources) else event


def hearing(context: Context) -> Callable[[Event], Event]:
    """The same for a stream, whose caller is recognised anew."""

    def hear(event: Event) -> Event:
        if not isinstance(event, Sources):
            return event
        with context():
            return as_told(event)

    return hear


def _reader() -> Any:
    known = caller_or_none()
    return known.user if known else user_or_none()


def _one(source: SeenSource) -> SourceAnswer:
    document, passage = source.document, source.passage
    if not document or not passage:
        return SourceAnswer(number=source.number, title=None, document_id=None, passage_id=None, page=None, url=None)
    url = place_url(document, passage)
    named = {"title": document.title, "document_id": document.id, "passage_id": passage.id, "url": url}
    return SourceAnswer(number=source.number, page=passage.page, **named)
