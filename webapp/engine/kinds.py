"""The kinds of generations that features register, so that the engine imports no feature."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from webapp.engine.generation_text import GenerationText
from webapp.engine.live import EventSource, LiveGeneration
from webapp.engine.tables import Generation
from webapp.streaming.broadcaster import Cursor, Frame, Projection
from webapp.streaming.events import Ended, Saved
from webapp.streaming.topics import Entry
from webapp.streaming.transcript import Transcript

Finish = Callable[[Session, Generation, Transcript, Any], None]
# What is known of a generation that has started.
GenerationFacts = Generation | LiveGeneration


class NoProjection:
    """The projection of a generation that no page shows: it only knows whether it has ended."""

    def __init__(self) -> None:
        self.has_ended = False

    def begin(self) -> Iterator[None]:
        return iter(())

    def fold(self, entry: Entry) -> Iterator[None]:
        self.has_ended = isinstance(entry.event, Ended)
        return iter(())

    def since(self, cursor: Cursor) -> tuple[list[Frame], Cursor]:
        return [], cursor

    def snapshot(self) -> tuple[Any, Cursor]:
        return None, ()

    def finish(self) -> Iterator[None]:
        return iter(())


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of generation; the defaults fit one that no page shows and that stores nothing but its own record.

    `words` is its name for people where usage is summed up. `lock` locks, before an end is written, the rows that starting
    another generation locks first: the two would deadlock otherwise. `finish` writes the end into the feature's own rows,
    inside the transaction, with the finished projection. `saved` returns what was written, also by an earlier attempt.
    `changed` announces the end and starts what follows it; `priced` announces a cost that becomes known later. `text` returns
    the text of one that has ended, as far as it is kept, or None. `continue_interrupted` is called after a restart to
    continue an interrupted one; if it is None, that is never continued. `resume` makes the source of one that is parked, from
    what is stored and its transcript; only kinds that have it can wait for a person. `parked` announces that one waits.
    `limited` stores, with the log of one that is parked, the limit that it has reached.
    `recover` is called after a restart, when everything interrupted has been settled. `unseen` makes the projection of one
    without watchers, if that is a different one; if such a one has fewer characters than `drawn_later_chars`, and continues no
    text, it is saved without a projection and rendered when it is first shown. `is_side_request` marks requests besides answers,
    which do not count towards the limits on answers and leave a record without text. `save_text` stores the text so far, while it
    is being written, in the feature's own rows; that is part of the journal's transaction, where it must not wait for locks.
    """

    name: str
    words: str
    projection: Callable[[GenerationFacts], Projection] = lambda _: NoProjection()
    finish: Finish = lambda _session, _generation, _transcript, _projection: None
    saved: Callable[[Generation], list[Saved]] = lambda _: []
    changed: Callable[[Generation], None] = lambda _: None
    text: Callable[[Generation], GenerationText | None] = lambda _: None
    continue_interrupted: Callable[[Generation], None] | None = None
    resume: Callable[[Generation, Transcript], EventSource] | None = None
    parked: Callable[[LiveGeneration], None] = lambda _: None
    limited: Callable[[Session, LiveGeneration, str], None] = lambda _session, _live, _limit: None
    recover: Callable[[], None] | None = None
    is_side_request: bool = False
    priced: Callable[[Generation], None] = lambda _: None
    unseen: Callable[[GenerationFacts], Projection] | None = None
    drawn_later_chars: int = 0
    lock: Callable[[Session, GenerationFacts], None] = lambda _session, _generation: None
    save_text: Callable[[Connection, GenerationFacts, str], None] | None = None
