"""Sources of answers in the API: always the same fields, null if the reader cannot see the document now."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from pydantic import Field

from webapp.api.access import caller_or_none
from webapp.api.schemas import Answer
from webapp.base.db import db
from webapp.chat.record.tables import Message
from webapp.engine.watching.watchers import Context
from webapp.knowledge.shown import place_url
from webapp.knowledge.sources import SeenSource, seen
from webapp.people.accounts.guards import user_or_none
from webapp.people.accounts.tables import User
from webapp.streaming.events import Event, Question, Returned, SourceRecord, Sources
from webapp.tools.results import hidden_results
from webapp.tools.tables import Call


class SourceAnswer(Answer):
    """A source of an answer. All but its number is null if the caller cannot see the document, or it was deleted.

    Of a web page, `title` and `url` are set.
    """

    number: int = Field(description="By which the answer cites it.")
    title: str | None
    document_id: str | None
    passage_id: str | None
    page: int | None
    url: str | None = Field(description="The passage in its document, on this server; of a web page its address.")


def source_answers(records: Sequence[SourceRecord]) -> list[SourceAnswer]:
    """Returns sources as the caller can see them."""
    return [_one(source) for source in seen(_reader(), records)] if records else []


def _reader() -> User | None:
    caller = caller_or_none()
    return caller.user if caller else user_or_none()


def source_answers_by_message(rows: Iterable[Message]) -> dict[str, list[SourceAnswer]]:
    """Returns the sources of several messages by message id, read together."""
    owners, records = list[str](), list[SourceRecord]()
    for row in rows:
        owners += [row.id] * len(row.sources)
        records += row.sources
    sources_by_message: dict[str, list[SourceAnswer]] = {}
    for id, source in zip(owners, source_answers(records), strict=True):
        sources_by_message.setdefault(id, []).append(source)
    return sources_by_message


def as_visible(event: Event) -> Event:
    """Returns an event as the caller can see it: the sources by their rights, and what a call returned if that isn't hidden."""
    if isinstance(event, Sources):
        return Sources(tuple(answer.model_dump() for answer in source_answers(_records(event.items))))
    call = db.session.get(Call, event.call_id) if isinstance(event, Returned | Question) else None
    is_hidden = call is not None and call.id in hidden_results(_reader(), [call])
    if isinstance(event, Question) and is_hidden:
        return replace(event, message="", fields=(), url="")
    if isinstance(event, Returned):
        sources = tuple(answer.model_dump() for answer in source_answers(_records(event.sources)))
        seen_event = replace(event, text="", error="", is_cut=True) if is_hidden else event
        return replace(seen_event, sources=sources) if sources or is_hidden else event
    return event


def _records(items: Sequence[Mapping[str, Any]]) -> tuple[SourceRecord, ...]:
    # From the log, before any caller's rights are applied.
    return cast(tuple[SourceRecord, ...], items)


def redaction(context: Context) -> Callable[[Event], Event]:
    """Returns the same as a function for a stream, which authenticates its caller again for each such event."""

    def redact(event: Event) -> Event:
        if not isinstance(event, Sources | Returned | Question):
            return event
        with context():
            return as_visible(event)

    return redact


def _one(source: SeenSource) -> SourceAnswer:
    document, passage = source.document, source.passage
    if not document or not passage:
        address = (source.web_page.title, source.web_page.url) if source.web_page else (None, None)
        title, web_url = address
        return SourceAnswer(number=source.number, title=title, document_id=None, passage_id=None, page=None, url=web_url)
    url = place_url(document, passage)
    named = {"title": document.title, "document_id": document.id, "passage_id": passage.id, "url": url}
    return SourceAnswer(number=source.number, page=passage.page, **named)
